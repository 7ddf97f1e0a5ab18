//! A network as settings and rules write it: `192.168.1.0/24`, `2001:db8::/32`, or a single address.

use std::fmt;
use std::net::IpAddr;

/// The word for the networks the box itself is in, and for itself; what it stands for is found out elsewhere.
pub const LOCAL_NETWORKS: &str = "local-networks";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
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

    pub fn address(&self) -> IpAddr {
        self.address
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

/// As it is read; a whole address without a prefix.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = if self.address.is_ipv4() { 32 } else { 128 };
        match self.prefix {
            prefix if prefix == longest => write!(f, "{}", self.address),
            prefix => write!(f, "{}/{prefix}", self.address),
        }
    }
}
