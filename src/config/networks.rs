//! Networks as the settings write them: `192.168.1.0/24`, `2001:db8::/32`, a single address, or `local-networks`.

use std::net::IpAddr;

pub use crate::rules::network::{LOCAL_NETWORKS, Network, NetworkError};

/// A list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// The list has the word `local-networks`.
    pub local: bool,
    list: Vec<Network>,
}

impl Networks {
    /// Reads a list. What is no network counts as none; validation keeps it out of the settings.
    pub fn of(entries: &[String]) -> Networks {
        Networks {
            local: entries.iter().any(|entry| entry.trim().eq_ignore_ascii_case(LOCAL_NETWORKS)),
            list: entries.iter().filter_map(|entry| Network::parse(entry.trim()).ok()).collect(),
        }
    }

    /// Whether one of the written networks has this address; `local` is not looked at.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.list.iter().any(|network| network.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, expected) in [
            ("192.168.1.0/24", "192.168.1.77", true),
            ("192.168.1.0/24", "192.168.2.77", false),
            ("192.168.1.9/24", "192.168.1.77", true),
            ("192.168.1.9", "192.168.1.9", true),
            ("192.168.1.9", "192.168.1.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ] {
            assert_eq!(Network::parse(network).unwrap().contains(ip(address)), expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network() {
        assert_eq!(Network::parse("office"), Err(NetworkError::Address));
        assert_eq!(Network::parse("10.0.0.0/33"), Err(NetworkError::Prefix(32)));
        assert_eq!(Network::parse("10.0.0.0/"), Err(NetworkError::Prefix(32)));
        assert_eq!(Network::parse("::1/129"), Err(NetworkError::Prefix(128)));
        assert_eq!(Networks::of(&["rubbish".into()]), Networks::default());
    }
}
