//! The resolver: asks name servers over UDP, over TCP when an answer is cut, and remembers answers by their TTL.

use std::net::{IpAddr, SocketAddr};

/// Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct Resolver {}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// NXDOMAIN.
    #[error("{0} does not exist")]
    NoName(String),
    /// The name exists but has no record of this type.
    #[error("{0} has no such record")]
    NoData(String),
    /// No server answered, or only with failures: try again later.
    #[error("{name}: {reason}")]
    Temporary { name: String, reason: String },
    #[error("{0} is not a name")]
    BadName(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    pub preference: u16,
    pub host: String,
}

impl Resolver {
    /// With the given servers, or those of `/etc/resolv.conf` where the list is empty.
    pub fn new(_servers: Vec<SocketAddr>) -> Resolver {
        unimplemented!()
    }

    /// Addresses of a host: an address as text, `/etc/hosts`, then AAAA and A. IPv6 and IPv4 in turn.
    pub async fn addresses(&self, _host: &str) -> Result<Vec<IpAddr>, DnsError> {
        unimplemented!()
    }

    /// By preference.
    pub async fn mx(&self, _domain: &str) -> Result<Vec<Mx>, DnsError> {
        unimplemented!()
    }

    pub async fn txt(&self, _name: &str) -> Result<Vec<String>, DnsError> {
        unimplemented!()
    }

    pub async fn ptr(&self, _address: IpAddr) -> Result<Vec<String>, DnsError> {
        unimplemented!()
    }
}

/// Connects to the first address of `host` that answers within `limit` each.
pub async fn connect(
    _resolver: &Resolver,
    _host: &str,
    _port: u16,
    _limit: std::time::Duration,
) -> std::io::Result<super::Stream> {
    unimplemented!()
}
