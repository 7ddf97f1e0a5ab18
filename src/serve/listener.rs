//! The accept loop every service runs: caps on sessions, back-off when descriptors run out, one task a session, and an
//! orderly end.
//!
//! A session that panics ends alone. At stop no more sessions are taken; those that run see the stop at their next
//! idle read ([`super::wire::Wire::fill`]) and have [`LAST_WORDS`] to come to an end before they are cancelled.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_executor::Task;
use async_io::{Async, Timer};
use event_listener::Event;
use smol::future::FutureExt;

use super::Context;
use crate::live::{SessionGuard, Stop};
use crate::net::{now_ms, timeout};

/// How long sessions in a transaction may go on after the stop.
pub const LAST_WORDS: Duration = Duration::from_secs(10);

/// Pause after an accept that failed for want of descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(200);
/// At most one log line about failing accepts, and about clients turned away, in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(30);

/// How many sessions are let in. 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_sessions: u32,
    pub max_per_address: u32,
}

/// Which limit a connection ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    Service,
    Address,
}

/// Accepts until `context.stop`, then waits for the sessions that are left.
///
/// `limits` is asked at each connection, so that a changed configuration counts at once. `refuse` gives the line that
/// is said to a client beyond a limit; it may be empty. `handler` makes the session's future; the guard it gets keeps the session on
/// the board and must live as long as the session.
pub async fn accept_loop<F>(
    context: &Context,
    service: &'static str,
    listener: TcpListener,
    limits: impl Fn(IpAddr) -> Limits,
    refuse: impl Fn(Crowded) -> &'static [u8],
    handler: impl Fn(Async<TcpStream>, IpAddr, SessionGuard) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = match Async::new(listener) {
        Ok(listener) => listener,
        Err(error) => return log::error!("{service}: the listening socket cannot be used: {error}"),
    };
    let sessions = Sessions::default();
    let mut complained: Option<Instant> = None;
    let (mut turned_away, mut said) = (0u64, None::<Instant>);
    while let Some(accepted) = next(&listener, &context.stop).await {
        match accepted {
            Ok((tcp, peer)) => {
                let peer = peer.ip().to_canonical();
                match sessions.admit(peer, limits(peer)) {
                    Ok(seat) => {
                        let guard = context.board.session(service, peer, now_ms());
                        start(context, &sessions, service, seat, handler(tcp, peer, guard));
                    }
                    Err(crowded) => {
                        turn_away(&tcp, refuse(crowded));
                        turned_away += 1;
                        if said.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
                            log::info!("{service}: {peer} turned away, too many sessions; {turned_away} so far");
                            said = Some(Instant::now());
                        }
                    }
                }
            }
            Err(error) if is_shortage(&error) => {
                if complained.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
                    complained = Some(Instant::now());
                    log::error!("{service}: no new sessions for the moment: {error}");
                    context.board.problem(now_ms(), service, format!("no new sessions for the moment: {error}"));
                }
                Timer::after(BACK_OFF).await;
            }
            Err(error) => log::debug!("{service}: accept: {error}"),
        }
    }
    drop(listener);
    sessions.farewell(service).await;
}

/// The next connection; `None` once the program stops.
async fn next(listener: &Async<TcpListener>, stop: &Stop) -> Option<io::Result<(Async<TcpStream>, SocketAddr)>> {
    if stop.is_stopping() {
        return None;
    }
    let stopping = async {
        stop.stopping().await;
        None
    };
    stopping.or(async { Some(listener.accept().await) }).await
}

/// Out of descriptors or memory: trying again at once would only burn the processor.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

fn turn_away(tcp: &Async<TcpStream>, line: &[u8]) {
    // One try without waiting: a fresh socket has room for a line, and a refused client is worth no more.
    let _ = io::Write::write(&mut tcp.get_ref(), line);
}

fn start<F>(context: &Context, sessions: &Sessions, service: &'static str, seat: Seat, session: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let id = seat.id;
    // Boxed, since an async block would keep the room for the session's future twice.
    let session = Box::pin(session);
    let mut open = sessions.open();
    // Spawned under the lock: a session that ends at once finds its own entry to take away.
    let task = context.tasks.spawn(async move {
        let seat = seat;
        if AssertUnwindSafe(session).catch_unwind().await.is_err() {
            log::error!("{service}: a session with {} ended in a panic", seat.peer);
        }
    });
    open.tasks.insert(id, task);
}

/// The sessions of one listener.
#[derive(Clone, Default)]
struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    open: Mutex<Open>,
    ended: Event,
}

#[derive(Default)]
struct Open {
    next: u64,
    count: u32,
    by_address: HashMap<IpAddr, u32>,
    tasks: HashMap<u64, Task<()>>,
}

/// A session's place under the limits; given back when dropped.
struct Seat {
    sessions: Sessions,
    peer: IpAddr,
    id: u64,
}

impl Sessions {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.shared.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn admit(&self, peer: IpAddr, limits: Limits) -> Result<Seat, Crowded> {
        let mut open = self.open();
        if limits.max_sessions != 0 && open.count >= limits.max_sessions {
            return Err(Crowded::Service);
        }
        let of_peer = open.by_address.get(&peer).copied().unwrap_or(0);
        if limits.max_per_address != 0 && of_peer >= limits.max_per_address {
            return Err(Crowded::Address);
        }
        open.by_address.insert(peer, of_peer + 1);
        open.count += 1;
        open.next += 1;
        Ok(Seat { sessions: self.clone(), peer, id: open.next })
    }

    /// Waits for the open sessions, at most [`LAST_WORDS`], then cancels what is left.
    async fn farewell(&self, service: &str) {
        let all_gone = async {
            loop {
                let ended = self.shared.ended.listen();
                if self.open().count == 0 {
                    return;
                }
                ended.await;
            }
        };
        if timeout(LAST_WORDS, all_gone).await.is_err() {
            let left = std::mem::take(&mut self.open().tasks);
            log::warn!("{service}: {} sessions cut off at the end", left.len());
            // Dropped outside the lock: each takes its seat back.
            drop(left);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.sessions.open();
        open.count = open.count.saturating_sub(1);
        match open.by_address.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.by_address.remove(&self.peer);
            }
        }
        if let Some(task) = open.tasks.remove(&self.id) {
            task.detach();
        }
        drop(open);
        self.sessions.shared.ended.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_and_given_back() {
        let sessions = Sessions::default();
        let limits = Limits { max_sessions: 3, max_per_address: 2 };
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let first = sessions.admit(a, limits).unwrap();
        let _second = sessions.admit(a, limits).unwrap();
        assert_eq!(sessions.admit(a, limits).err(), Some(Crowded::Address));
        let _third = sessions.admit(b, limits).unwrap();
        assert_eq!(sessions.admit(b, limits).err(), Some(Crowded::Service));
        drop(first);
        assert!(sessions.admit(a, limits).is_ok());
        assert_eq!(sessions.open().count, 2);
    }
}
