//! The HTTPS side: accepts, counts, ends TLS. What goes on in a connection is `exchange`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_io::{Async, Timer};

use crate::config::Published;
use crate::live::Stop;
use crate::net::tls::ServerTls;
use crate::net::{Stream, Tasks, timeout};
use crate::policy::{Lists, Watch};

use super::{exchange, redirect};

/// What the front is made of. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    pub config: Published,
    pub watch: Watch,
    pub tasks: Tasks,
    pub tls: ServerTls,
    /// The server's socket.
    pub control: PathBuf,
    pub stop: Stop,
    pub limits: Limits,
    /// Connections are not encrypted and only sent on to HTTPS, at this port.
    pub send_on_to: Option<u16>,
}

/// What a client may take. The defaults suit a page that a few people look at.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections, in all and from one address (an IPv6 network of /64 counts as one).
    pub total: usize,
    pub per_address: usize,
    pub handshake: Duration,
    /// A whole request head, from its first byte on.
    pub head: Duration,
    /// Silence between requests.
    pub idle: Duration,
    pub body: Duration,
    /// Taking the reply from us.
    pub reply: Duration,
    /// Our own server's answer.
    pub backend: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            total: 96,
            // A browser opens six; two people may come from one address.
            per_address: 16,
            handshake: seconds(10),
            head: seconds(10),
            idle: seconds(30),
            body: seconds(30),
            reply: seconds(30),
            // A test at a provider takes its time.
            backend: seconds(90),
        }
    }
}

/// Serves `listener` until `front.stop`; connections are cut then, they only look.
pub async fn run(front: Front, listener: TcpListener) {
    let listener = match Async::new(listener) {
        Ok(listener) => listener,
        Err(error) => return log::error!("status page: {error}"),
    };
    let counts = Counts::default();
    while !front.stop.is_stopping() {
        let accepted = smol::future::or(async { Some(listener.accept().await) }, async {
            front.stop.stopping().await;
            None
        });
        match accepted.await {
            None => return,
            Some(Ok((tcp, peer))) => {
                let config = front.config.current();
                let client = peer.ip().to_canonical();
                let allowed = Lists::of_web(&config, &config.web).admit(client).allowed;
                let allowed = allowed && front.watch.admit(&config, client);
                if let Some(place) = allowed.then(|| counts.take(peer.ip(), &front.limits)).flatten() {
                    front.tasks.spawn(connection(front.clone(), tcp, peer.ip(), place)).detach();
                }
            }
            Some(Err(error)) => {
                // Mostly a lack of descriptors, which gets better only when somebody leaves.
                log::warn!("status page: {error}");
                let _ = timeout(Duration::from_millis(200), front.stop.stopping()).await;
            }
        }
    }
}

async fn connection(front: Front, tcp: Async<TcpStream>, peer: IpAddr, _place: Place) {
    let served = async {
        if let Some(port) = front.send_on_to {
            return redirect::answer(Stream::plain(tcp)?, port, &front.limits).await;
        }
        let secure = async { Stream::plain(tcp)?.accept_tls(&front.tls).await };
        let Ok(stream) = timeout(front.limits.handshake, secure).await else { return Ok(()) };
        exchange::serve(stream?, peer, &front.control, &front.limits).await
    };
    let stopped = async {
        front.stop.stopping().await;
        // Moments for a reply that is under way.
        Timer::after(Duration::from_millis(200)).await;
        Ok(())
    };
    if let Err(error) = smol::future::or(served, stopped).await {
        log::debug!("status page, {peer}: {error}");
    }
}

/// Connections by address.
#[derive(Clone, Default)]
struct Counts {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place in the counts, given back when dropped.
struct Place {
    counts: Counts,
    address: IpAddr,
}

impl Counts {
    fn take(&self, peer: IpAddr, limits: &Limits) -> Option<Place> {
        let address = network(peer);
        let mut open = self.open();
        if open.values().sum::<usize>() >= limits.total {
            return None;
        }
        let count = open.entry(address).or_default();
        if *count >= limits.per_address {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Place { counts: self.clone(), address })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.counts.open();
        if let Some(count) = open.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// One customer of an IPv6 provider has a /64 of addresses at least.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let counts = Counts::default();
        let limits = Limits { total: 3, per_address: 2, ..Default::default() };
        let address = |text: &str| text.parse().unwrap();
        let first = counts.take(address("2001:db8::1"), &limits);
        let second = counts.take(address("2001:db8::ffff:2"), &limits);
        assert!(first.is_some() && second.is_some());
        assert!(counts.take(address("2001:db8::3"), &limits).is_none(), "a third from one network");
        let third = counts.take(address("192.0.2.1"), &limits);
        assert!(third.is_some());
        assert!(counts.take(address("192.0.2.2"), &limits).is_none(), "a fourth in all");
        drop(first);
        assert!(counts.take(address("192.0.2.2"), &limits).is_some());
    }
}
