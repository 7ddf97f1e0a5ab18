//! From a host's name to a connection.

use std::future::{Future, poll_fn};
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_io::Async;

use super::{DnsError, Resolver};
use crate::net::{Stream, timeout};

/// Addresses of one host that are tried.
const MAX_TRIED: usize = 8;

/// An address has so long alone, then the next is tried beside it (RFC 8305): a dead route, mostly of IPv6, costs no more.
const HEAD_START: Duration = Duration::from_secs(1);

/// Connects to the first address of `host` that answers; each has `limit`. The error names host, address and reason.
pub async fn connect(resolver: &Resolver, host: &str, port: u16, limit: Duration) -> Result<Stream> {
    let addresses = resolver.addresses(host).await.map_err(from_dns)?;
    let mut failed = Error::new(ErrorKind::NotFound, format!("{host} has no address"));
    let mut waiting = addresses.into_iter().take(MAX_TRIED).peekable();
    let mut running: Vec<Attempt<'_>> = Vec::new();
    loop {
        match waiting.next() {
            Some(address) => running.push(Box::pin(attempt(host, address, port, limit))),
            None if running.is_empty() => return Err(failed),
            None => {}
        }
        let ended = poll_fn(|cx| first(&mut running, cx));
        let ended = match waiting.peek() {
            Some(_) => timeout(HEAD_START, ended).await,
            None => Ok(ended.await),
        };
        match ended {
            Ok(Ok(tcp)) => return Stream::plain(tcp),
            Ok(Err(error)) => failed = error,
            Err(_) => {}
        }
    }
}

type Attempt<'a> = Pin<Box<dyn Future<Output = Result<Async<TcpStream>>> + Send + 'a>>;

async fn attempt(host: &str, address: IpAddr, port: u16, limit: Duration) -> Result<Async<TcpStream>> {
    let target = SocketAddr::new(address, port);
    let error = match timeout(limit, Async::<TcpStream>::connect(target)).await {
        Ok(Ok(tcp)) => return Ok(tcp),
        Ok(Err(error)) => error,
        Err(late) => Error::new(ErrorKind::TimedOut, late),
    };
    Err(Error::new(error.kind(), format!("{}: {}", target_name(host, address, target), reason(&error))))
}

/// The outcome of the first that ends; it is taken out.
fn first(running: &mut Vec<Attempt<'_>>, cx: &mut Context<'_>) -> Poll<Result<Async<TcpStream>>> {
    for at in 0..running.len() {
        if let Some(Poll::Ready(outcome)) = running.get_mut(at).map(|attempt| attempt.as_mut().poll(cx)) {
            drop(running.swap_remove(at));
            return Poll::Ready(outcome);
        }
    }
    Poll::Pending
}

/// `mail.example [192.0.2.1]:25`, or just the address where it is what was asked for.
fn target_name(host: &str, address: IpAddr, target: SocketAddr) -> String {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(_) => target.to_string(),
        Err(_) => format!("{host} [{address}]:{}", target.port()),
    }
}

/// Without the system's error number where there are words for it.
pub(super) fn reason(error: &Error) -> String {
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
