//! The queue runner and the senders: takes mail out of the queue to relays, to the mail servers of domains, to servers
//! of the office.
//!
//! * `lines` decides who takes which recipient, by the senders of the configuration (`line`); a `lane` leads to one
//!   destination, `pool` has all lanes and knows which mails are under way.
//! * `runner` decides what is to be sent now, and how many connections do it; `reading` takes it from the index.
//! * `open` finds a host that responds (`mx` those of a domain), `connection` sends over one session, `wire` moves its
//!   bytes, `attempt` is one try of one parcel, `utf8` says what of it needs SMTPUTF8. `meter` is a rolling limit.
//! * `recorder` turns outcomes into changes of the store, by the times of `schedule`.
//!
//! It promises that a recipient leaves the queue only after a server has taken or refused the mail or its time is over,
//! and that none is tried twice at the same time. A crash may make it send a mail again, never lose one. It writes no
//! notifications; it leaves tasks for `notify`. `docs/design/sending.md` has the whole on a page.

mod attempt;
mod connection;
mod lane;
mod line;
mod lines;
mod meter;
mod mx;
mod mxrules;
mod open;
mod pool;
mod reading;
mod recorder;
mod runner;
mod schedule;
mod script;
mod utf8;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::Published;
use crate::hooks::Hooks;
use crate::live::{Board, Signals, Stop};
use crate::mail::dsn;
use crate::net::{Resolver, Tasks, now_ms, timeout};
use crate::proto::smtp::client::{Awaiting, Session, Verdict};
use crate::store::Store;

use attempt::Tried;
use lane::{Failed, Lane, Seat};
use line::{Line, Method};
use lines::Lines;
use open::{BrokenTls, Peer};
use pool::Pool;

/// The port of mail servers (RFC 5321 §4.5.4.2).
pub const MX_PORT: u16 = 25;
/// Outcomes on their way to the recorder, at most.
const RESULTS: usize = 256;
/// How long the last outcomes may take to be recorded at the end.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// What the queue runner needs.
#[derive(Clone)]
pub struct Context {
    pub tasks: Tasks,
    pub store: Store,
    pub config: Published,
    pub signals: Signals,
    pub board: Board,
    pub hooks: Hooks,
    pub resolver: Resolver,
    /// [`MX_PORT`], but where the program runs on ports of its own.
    pub mx_port: u16,
    pub stop: Stop,
}

/// Sends what is due and what is handed over, until `stop`; transactions in flight finish, 10 s at most.
pub async fn run(context: Context) {
    let lines = Lines::of(&context.config.current(), None);
    lines.count_past(&context.store);
    let (results, outcomes) = smol::channel::bounded(RESULTS);
    let shared = Arc::new(Shared {
        store: context.store.clone(),
        config: context.config.clone(),
        signals: context.signals.clone(),
        board: context.board.clone(),
        resolver: context.resolver.clone(),
        hooks: context.hooks.clone(),
        mx_port: context.mx_port,
        stop: context.stop.clone(),
        pool: Pool::default(),
        lines: Mutex::new(Arc::new(lines)),
        broken_tls: BrokenTls::default(),
        results,
    });
    let asked = Arc::downgrade(&shared);
    let under_way = move || asked.upgrade().map(|shared| shared.pool.under_way()).unwrap_or_default();
    context.board.set_under_way(Arc::new(under_way));
    let recorder = context.tasks.spawn(recorder::run(shared.clone(), outcomes));
    runner::run(&shared, &context.tasks).await;
    shared.results.close();
    if timeout(LAST_RECORDS, recorder).await.is_err() {
        log::error!("send: outcomes could not be recorded; some mails may be sent again");
    }
}

/// What runner, connections and recorder have in common.
struct Shared {
    store: Store,
    config: Published,
    signals: Signals,
    board: Board,
    resolver: Resolver,
    hooks: Hooks,
    mx_port: u16,
    stop: Stop,
    pool: Pool,
    lines: Mutex<Arc<Lines>>,
    broken_tls: BrokenTls,
    results: smol::channel::Sender<Tried>,
}

impl Shared {
    /// The ways out now.
    fn lines(&self) -> Arc<Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_lines(&self, lines: Arc<Lines>) {
        *self.lines.lock().unwrap_or_else(PoisonError::into_inner) = lines;
    }

    /// A connection could hand over nothing. If no other of its lane can, a relay's sender fails as a whole; one of many
    /// destinations is not worth an administrator's time.
    fn failed(&self, seat: &mut Seat, lane: &Lane, failed: &Failed) {
        let line = &lane.line;
        if failed.hold.is_some() {
            log::info!("send: {}", failed.reason);
            seat.failed(failed);
            return;
        }
        match line.method {
            Method::Direct => log::info!("MX Send Warning - {}", failed.reason),
            Method::Relay | Method::Lan => log::warn!("send: {}", failed.reason),
        }
        if !seat.failed(failed) {
            return;
        }
        match line.method {
            Method::Direct => self.state(line.id, &line.name, &format!("MX Send Warning - {}", failed.reason), true),
            Method::Relay | Method::Lan => {
                line.sick.store(line.method == Method::Relay, Ordering::Release);
                self.state(line.id, &line.name, &failed.reason, false);
                self.board.sender(line.id, |sender| sender.failures += 1);
                self.board.problem(now_ms(), format!("sender {}", line.name), failed.reason.as_ref());
            }
        }
    }

    /// A server has not taken a mail for all of its recipients: of a direct sender the first reason is shown, as one of many
    /// destinations is not worth an administrator's time.
    fn warn(&self, line: &Line, peer: &Peer, verdicts: &[Verdict]) {
        if line.method != Method::Direct {
            return;
        }
        let reason = verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Accepted(_) | Verdict::Surplus => None,
            Verdict::Refused(reply) | Verdict::Deferred(reply) => Some(dsn::said(&peer.host, &reply.to_string())),
            Verdict::Unanswered(why) => Some(format!("The {} {why}", peer.name)),
        });
        if let Some(reason) = reason {
            let warning = format!("MX Send Warning - {}", dsn::bounded(reason));
            log::info!("{warning}");
            self.state(line.id, &line.name, &warning, true);
        }
    }

    fn works(&self, lane: &Lane, peer: &Peer) {
        lane.line.sick.store(false, Ordering::Release);
        self.state(lane.line.id, &lane.line.name, &format!("fine, by {}", peer.host), true);
        self.board.sender(lane.line.id, |sender| sender.sessions += 1);
    }

    fn state(&self, id: u32, name: &str, words: &str, ok: bool) {
        self.board.sender(id, |sender| {
            if sender.name != name {
                sender.name = name.to_string();
            }
            sender.state = words.to_string();
            sender.ok = ok;
        });
    }
}

/// How long the server may take now (RFC 5321 §4.5.3.2).
fn limit(session: &Session) -> Duration {
    let minutes = match session.awaiting() {
        // A block of data to be taken.
        _ if !session.output().is_empty() => 3,
        Awaiting::Go => 2,
        Awaiting::Greeting | Awaiting::Reply => 5,
        Awaiting::Content | Awaiting::Nothing => 10,
    };
    Duration::from_secs(60 * minutes)
}
