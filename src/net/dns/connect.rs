//! From a host's name to a connection.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use async_io::Async;

use super::{DnsError, Resolver};
use crate::net::{Stream, timeout};

/// Addresses of one host that are tried.
const MAX_TRIED: usize = 8;

/// Connects to the first address of `host` that answers within `limit` each. The error names host, address and reason.
pub async fn connect(resolver: &Resolver, host: &str, port: u16, limit: Duration) -> Result<Stream> {
    let addresses = resolver.addresses(host).await.map_err(from_dns)?;
    let mut failed = Error::new(ErrorKind::NotFound, format!("{host} has no address"));
    for address in addresses.into_iter().take(MAX_TRIED) {
        let target = SocketAddr::new(address, port);
        let error = match timeout(limit, Async::<TcpStream>::connect(target)).await {
            Ok(Ok(tcp)) => return Stream::plain(tcp),
            Ok(Err(error)) => error,
            Err(late) => Error::new(ErrorKind::TimedOut, late),
        };
        failed = Error::new(error.kind(), format!("{}: {}", target_name(host, address, target), reason(&error)));
    }
    Err(failed)
}

/// `mail.example [192.0.2.1]:25`, or just the address where it is what was asked for.
fn target_name(host: &str, address: IpAddr, target: SocketAddr) -> String {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(_) => target.to_string(),
        Err(_) => format!("{host} [{address}]:{}", target.port()),
    }
}

/// Without the system's error number where there are words for it.
fn reason(error: &Error) -> String {
    match error.raw_os_error() {
        Some(_) if !error.kind().to_string().contains("other") => error.kind().to_string(),
        _ => error.to_string(),
    }
}

fn from_dns(error: DnsError) -> Error {
    let kind = match error {
        DnsError::NoName(_) | DnsError::NoData(_) => ErrorKind::NotFound,
        DnsError::BadName(_) => ErrorKind::InvalidInput,
        DnsError::Temporary { .. } => ErrorKind::HostUnreachable,
    };
    Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connects_or_says_where_and_why_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let resolver = Resolver::new(Vec::new());
        let limit = Duration::from_secs(5);
        smol::block_on(async {
            let stream = connect(&resolver, "127.0.0.1", port, limit).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
            drop(listener);
            let refused = connect(&resolver, "127.0.0.1", port, limit).await.err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            assert_eq!(refused.to_string(), format!("127.0.0.1:{port}: connection refused"));
            let by_name = connect(&resolver, "localhost", port, limit).await.err().unwrap();
            assert!(by_name.to_string().starts_with("localhost ["), "{by_name}");
        });
    }
}
