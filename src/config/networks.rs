//! Networks as the settings write them: `192.168.1.0/24`, `2001:db8::/32`, a single address, or `local-networks`.

use std::net::IpAddr;

/// The word for the networks the box itself is in, and for itself.
pub const LOCAL_NETWORKS: &str = "local-networks";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// A list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// The list has the word `local-networks`.
    pub local: bool,
    list: Vec<Network>,
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("is no network such as 192.168.1.0/24, no address, and not \"{LOCAL_NETWORKS}\"")]
    Address,
    #[error("has a number after the / that is no prefix length (up to {0} here)")]
    Prefix(u32),
}

impl Network {
    pub fn parse(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix.map(str::parse::<u32>) {
            None => longest,
            Some(Ok(prefix)) if prefix <= longest => prefix,
            Some(_) => return Err(NetworkError::Prefix(longest)),
        };
        Ok(Network { address, prefix })
    }

    /// Whether it is everybody.
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// An IPv4 address mapped into IPv6 counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
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
