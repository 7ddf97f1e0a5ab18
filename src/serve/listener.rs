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
use super::seats::{Class, Crowded, Limits, Seat, Seats};
use crate::live::{SessionGuard, Stop};
use crate::net::{now_ms, timeout};

/// How long sessions in a transaction may go on after the stop.
pub const LAST_WORDS: Duration = Duration::from_secs(10);

/// Pause after an accept that failed for want of descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(200);
/// At most one log line about failing accepts, and about clients turned away, in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(30);

/// What a service says to a client that has just connected.
pub enum Door {
    Open(Class, Limits),
    /// Turned away with this line, which may be empty.
    Shut(&'static [u8]),
}

/// Accepts until `context.stop`, then waits for the sessions that are left.
///
/// `door` is asked at each connection, so that a changed configuration counts at once. `seats` are those of the service;
/// `refuse` gives the line that is said to a client who finds none, it may be empty. `handler` makes the session's future;
/// the guard it gets keeps the session on the board and must live as long as the session.
pub async fn accept_loop<F>(
    context: &Context,
    service: &'static str,
    listener: TcpListener,
    seats: Seats,
    door: impl Fn(IpAddr) -> Door,
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
                let line = match door(peer) {
                    Door::Shut(line) => line,
                    Door::Open(class, limits) => match seats.take(peer, class, limits) {
                        Ok(seat) => {
                            let guard = context.board.session(service, peer, now_ms());
                            start(context, &sessions, service, seat, handler(tcp, peer, guard));
                            continue;
                        }
                        Err(crowded) => refuse(crowded),
                    },
                };
                turn_away(&tcp, line);
                turned_away += 1;
                if said.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
                    let why = String::from_utf8_lossy(line);
                    log::info!("{service}: {peer} turned away: {}; {turned_away} so far", why.trim());
                    said = Some(Instant::now());
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
    // Boxed, since an async block would keep the room for the session's future twice.
    let session = Box::pin(session);
    let mut open = sessions.open();
    open.next += 1;
    let id = open.next;
    let place = Place { sessions: sessions.clone(), id };
    // Spawned under the lock: a session that ends at once finds its own entry to take away.
    let task = context.tasks.spawn(async move {
        let (seat, _place) = (seat, place);
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
    tasks: HashMap<u64, Task<()>>,
}

/// A session among those of its listener; gone when dropped.
struct Place {
    sessions: Sessions,
    id: u64,
}

impl Sessions {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.shared.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for the open sessions, at most [`LAST_WORDS`], then cancels what is left.
    async fn farewell(&self, service: &str) {
        let all_gone = async {
            loop {
                let ended = self.shared.ended.listen();
                if self.open().tasks.is_empty() {
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

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(task) = self.sessions.open().tasks.remove(&self.id) {
            task.detach();
        }
        self.sessions.shared.ended.notify(usize::MAX);
    }
}
