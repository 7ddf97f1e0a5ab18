//! Asks several time servers and sets the clock to what most of them say.
//!
//! One server that is wrong is outvoted; where only one answers, it is believed as long as its time is possible at all.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::proto::sntp;

use super::clock;

const PORT: u16 = 123;
const PATIENCE: Duration = Duration::from_secs(3);
/// Servers agree when they are no further apart: 1 s.
const AGREE: i64 = 1_000_000;
/// Smaller differences are not worth a step: 50 ms.
const STEP: i64 = 50_000;
/// Between rounds: after a failure at first, at last, and after a success.
const SOON: Duration = Duration::from_secs(2);
const SELDOM: Duration = Duration::from_secs(300);
const HOURLY: Duration = Duration::from_secs(3600);

/// What to ask; what came of it.
#[derive(Clone, Default)]
pub(super) struct Time {
    servers: Arc<Mutex<Vec<String>>>,
    known: Arc<AtomicBool>,
}

impl Time {
    pub(super) fn ask_these(&self, servers: Vec<String>) {
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    /// Whether servers have told the time since the start.
    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Asks for ever, on a thread of its own. `set` sets the clock; times before `earliest` are not believed.
    pub(super) fn start(&self, earliest: SystemTime, set: impl Fn(SystemTime) + Send + 'static) -> io::Result<()> {
        let time = self.clone();
        let ask = move || {
            let mut pause = SOON;
            loop {
                let servers = time.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
                pause = match round(&servers, earliest) {
                    Some(offset) => {
                        if offset.abs() >= STEP {
                            set(moved(SystemTime::now(), offset));
                        }
                        time.known.store(true, Ordering::Relaxed);
                        HOURLY
                    }
                    None if pause == HOURLY => SOON,
                    None => (pause * 2).min(SELDOM),
                };
                std::thread::sleep(pause);
            }
        };
        std::thread::Builder::new().name("time".into()).stack_size(256 * 1024).spawn(ask).map(drop)
    }
}

/// One question to each server; by how much the clock is behind.
fn round(servers: &[String], earliest: SystemTime) -> Option<i64> {
    let answers = std::thread::scope(|scope| {
        let asked: Vec<_> = servers.iter().map(|server| scope.spawn(|| ask(server))).collect();
        asked.into_iter().filter_map(|asked| asked.join().ok().flatten()).collect()
    });
    let latest = earliest + clock::LONGEST_LIFE;
    let possible = |offset: i64| (earliest..latest).contains(&moved(SystemTime::now(), offset));
    agreed(answers, possible)
}

/// What most of the answers say: the middle of the largest group that agrees, if it is more than half of all.
fn agreed(mut offsets: Vec<i64>, possible: impl Fn(i64) -> bool) -> Option<i64> {
    let asked = offsets.len();
    offsets.retain(|offset| possible(*offset));
    offsets.sort_unstable();
    let group = |from: usize| {
        let rest = offsets.get(from..).unwrap_or_default();
        let first = rest.first().copied().unwrap_or_default();
        let count = rest.iter().take_while(|offset| offset.saturating_sub(first) <= AGREE).count();
        rest.get(..count).unwrap_or_default()
    };
    let largest = (0..offsets.len()).map(group).max_by_key(|group| group.len())?;
    (largest.len() * 2 > asked).then(|| largest.get(largest.len() / 2).copied()).flatten()
}

fn ask(server: &str) -> Option<i64> {
    // Resolving has the patience of the C library, some seconds for each name server.
    let addresses: Vec<SocketAddr> = with_port(server).to_socket_addrs().ok()?.take(2).collect();
    addresses.into_iter().find_map(|address| match ask_address(address) {
        Ok(offset) => Some(offset),
        Err(error) => {
            log::debug!("time server {server}, {address}: {error}");
            None
        }
    })
}

fn with_port(server: &str) -> (String, u16) {
    match server.parse::<SocketAddr>() {
        Ok(address) => (address.ip().to_string(), address.port()),
        Err(_) => (server.to_string(), PORT),
    }
}

fn ask_address(address: SocketAddr) -> io::Result<i64> {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    // Takes answers of this server only.
    socket.connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let nonce = u64::from_ne_bytes(random);
    let asked = now();
    socket.send(&sntp::question(nonce))?;
    let mut bytes = [0; 512];
    let length = socket.recv(&mut bytes)?;
    let answer = sntp::answer(bytes.get(..length).unwrap_or_default(), nonce).map_err(io::Error::other)?;
    Ok(answer.offset(asked, now()))
}

/// Microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn moved(time: SystemTime, by: i64) -> SystemTime {
    let change = Duration::from_micros(by.unsigned_abs());
    let moved = if by >= 0 { time.checked_add(change) } else { time.checked_sub(change) };
    moved.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn always(_: i64) -> bool {
        true
    }

    #[test]
    fn most_decide() {
        assert_eq!(agreed(vec![], always), None);
        assert_eq!(agreed(vec![HOUR], always), Some(HOUR), "one alone is believed");
        assert_eq!(agreed(vec![HOUR, 5], always), None, "two that differ are not");
        assert_eq!(agreed(vec![5, HOUR, 7], always), Some(7));
        assert_eq!(agreed(vec![-HOUR, 5, 6, HOUR], always), None, "half is not most");
        assert_eq!(agreed(vec![-HOUR, 5, 6, 7, i64::MAX, i64::MIN], always), None);
        assert_eq!(agreed(vec![i64::MIN, 5, 6, 7], always), Some(6));
    }

    #[test]
    fn the_impossible_does_not_count_and_is_no_vote_for_others() {
        let possible = |offset: i64| offset >= 0;
        assert_eq!(agreed(vec![-HOUR], possible), None);
        assert_eq!(agreed(vec![-HOUR, 5], possible), None);
        assert_eq!(agreed(vec![-HOUR, 5, 6], possible), Some(6));
    }

    /// A server whose clock is ahead by so much, and that answers `wrong` first if asked to.
    fn server(ahead: i64, answers: usize) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for _ in 0..answers {
                let mut question = [0; 512];
                let (_, peer) = socket.recv_from(&mut question).unwrap();
                let mut answer = [0; sntp::SIZE];
                (answer[0], answer[1]) = (0b00_100_100, 2);
                answer[24..32].copy_from_slice(&question[40..48]);
                let micros = u64::try_from(now() + ahead).unwrap();
                let ntp = ((micros / 1_000_000 + 2_208_988_800) << 32) | (((micros % 1_000_000) << 32) / 1_000_000);
                answer[32..40].copy_from_slice(&ntp.to_be_bytes());
                answer[40..48].copy_from_slice(&ntp.to_be_bytes());
                socket.send_to(&answer, peer).unwrap();
            }
        });
        address
    }

    #[test]
    fn servers_are_asked_and_the_wrong_one_is_outvoted() {
        let servers = [server(HOUR, 1), server(HOUR, 1), server(-HOUR * 24 * 365, 1)];
        let offset = round(&servers, UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        assert!((offset - HOUR).abs() < AGREE, "{offset}");
    }

    #[test]
    fn a_time_before_the_image_was_built_is_not_believed() {
        let servers = [server(-HOUR, 1)];
        assert_eq!(round(&servers, SystemTime::now()), None);
        assert_eq!(round(&[], UNIX_EPOCH), None);
    }
}
