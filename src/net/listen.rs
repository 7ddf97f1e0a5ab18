//! Listening sockets, bound before the program gives up root; and what counts as this host's own network.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait for `accept`; the kernel lowers it to its own limit. Large, because a client that finds
/// the queue full waits a second before it tries again.
const BACKLOG: i32 = 4096;

/// How long the interface addresses of the host are believed: a DHCP lease may change them.
const INTERFACES_AGE: Duration = Duration::from_secs(30);

/// Binds with SO_REUSEADDR and a long backlog, non-blocking; an IPv6 socket takes IPv6 only, so that `0.0.0.0` and
/// `[::]` can stand side by side. `[::]` on a host without IPv6 is `Ok(None)`.
pub fn bind(address: SocketAddr) -> io::Result<Option<TcpListener>> {
    match listen(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && lacks_ipv6(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT))
}

/// The networks of this host's interfaces, loopback and link-local included, and whether `address` is in one of them
/// ("local-networks"). Looks at the interfaces at most every 30 s.
pub fn is_local(address: IpAddr) -> bool {
    let address = address.to_canonical();
    if is_always_local(address) {
        return true;
    }
    static KNOWN: Mutex<Option<(Instant, Vec<Network>)>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let networks = match &mut *known {
        Some((read_at, networks)) if read_at.elapsed() < INTERFACES_AGE => networks,
        stale => &mut stale.insert((Instant::now(), interface_networks())).1,
    };
    networks.iter().any(|network| network.contains(address))
}

fn is_always_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

/// An interface's network, both halves as 128 bits in network order; IPv4 in the upper 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    v6: bool,
    address: u128,
    mask: u128,
}

impl Network {
    /// `None` for an empty mask, which would make the whole world local.
    fn new(address: IpAddr, mask: IpAddr) -> Option<Network> {
        let network = Network { v6: address.is_ipv6(), address: bits(address), mask: bits(mask) };
        (address.is_ipv6() == mask.is_ipv6() && network.mask != 0).then_some(network)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.v6 == address.is_ipv6() && (bits(address) ^ self.address) & self.mask == 0
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn interface_networks() -> Vec<Network> {
    let interfaces = match nix::ifaddrs::getifaddrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            log::warn!("cannot read the addresses of the network interfaces: {error}");
            return Vec::new();
        }
    };
    interfaces
        .filter_map(|interface| {
            let address = interface.address.as_ref().and_then(ip_of)?;
            let mask = interface.netmask.as_ref().and_then(ip_of)?;
            Network::new(address, mask)
        })
        .collect()
}

fn ip_of(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn both_families_share_a_port() {
        let v4 = bind("0.0.0.0:0".parse().unwrap()).unwrap().unwrap();
        let port = v4.local_addr().unwrap().port();
        if let Some(v6) = bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).unwrap() {
            assert_eq!(v6.local_addr().unwrap().port(), port);
        }
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap().unwrap();
        let error = bind(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn own_networks_are_local() {
        for local in ["127.0.0.1", "::1", "fe80::1", "169.254.3.4", "::ffff:127.0.0.9"] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for foreign in ["203.0.113.55", "2001:db8:99::1", "::ffff:203.0.113.55"] {
            assert!(!is_local(foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[test]
    fn networks_hold_their_addresses_only() {
        let network = |address: &str, mask: &str| Network::new(address.parse().unwrap(), mask.parse().unwrap());
        let office = network("192.168.7.20", "255.255.255.0").unwrap();
        assert!(office.contains("192.168.7.255".parse().unwrap()));
        assert!(!office.contains("192.168.8.1".parse().unwrap()));
        assert!(!office.contains("c0a8:714::".parse().unwrap()));
        let v6 = network("2001:db8::7", "ffff:ffff:ffff:ffff::").unwrap();
        assert!(v6.contains("2001:db8::ffff:1".parse().unwrap()));
        assert!(!v6.contains("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(network("10.0.0.1", "0.0.0.0"), None);
    }
}
