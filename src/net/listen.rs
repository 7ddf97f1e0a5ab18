//! Listening sockets, bound before the program gives up root.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Binds with SO_REUSEADDR and a long backlog (1,024); an IPv6 socket takes IPv6 only, so that `0.0.0.0` and `[::]` can stand side by side.
/// `[::]` on a host without IPv6 is `Ok(None)`.
pub fn bind(_address: SocketAddr) -> io::Result<Option<TcpListener>> {
    unimplemented!()
}

/// The networks of this host's interfaces, loopback included, and whether `address` is in one of them ("local-networks").
pub fn is_local(_address: std::net::IpAddr) -> bool {
    unimplemented!()
}
