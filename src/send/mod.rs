//! The queue runner and the relay sender: takes mail out of the queue to the provider's server.
//!
//! * `runner` decides what is to be sent now, and how many connections do it; `pool` is what they share.
//! * `open` finds a host that responds, `connection` sends over one session, `wire` moves its bytes, `attempt` is one try of
//!   one entry.
//! * `recorder` turns outcomes into changes of the store, by the times of `schedule`.
//!
//! It promises that a mail leaves the queue only after a server has taken or refused it or its time is over, and that
//! no entry is tried twice at the same time. A crash may make it send a mail again, never lose one. It writes no
//! notifications; it leaves tasks for `notify`. `docs/design/sending.md` has the whole on half a page.

mod attempt;
mod connection;
mod line;
mod open;
mod pool;
mod recorder;
mod runner;
mod schedule;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::Published;
use crate::live::{Board, Signals, Stop};
use crate::net::{Resolver, Tasks, now_ms, timeout};
use crate::proto::smtp::client::{Awaiting, Session};
use crate::store::Store;

use attempt::Tried;
use line::{Line, Shut};
use pool::{Pool, Seat};

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
    pub resolver: Resolver,
    pub stop: Stop,
}

/// Sends what is due and what is handed over, until `stop`; transactions in flight finish, 10 s at most.
pub async fn run(context: Context) {
    let (results, outcomes) = smol::channel::bounded(RESULTS);
    let shared = Arc::new(Shared {
        store: context.store.clone(),
        signals: context.signals.clone(),
        board: context.board.clone(),
        resolver: context.resolver.clone(),
        stop: context.stop.clone(),
        pool: Arc::default(),
        line: Mutex::default(),
        results,
    });
    let recorder = context.tasks.spawn(recorder::run(shared.clone(), outcomes));
    let _runs = context.tasks.spawn(take_part(context.signals.clone()));
    runner::run(&shared, &context.config, &context.tasks).await;
    shared.results.close();
    if timeout(LAST_RECORDS, recorder).await.is_err() {
        log::error!("send: outcomes could not be recorded; some mails may be sent again");
    }
}

/// A run of a Connection has the queue looked at; what is due goes out beside it.
async fn take_part(signals: Signals) {
    while let Ok(_part) = signals.runs().sending().recv().await {
        signals.queue_changed();
    }
}

/// What runner, connections and recorder have in common.
struct Shared {
    store: Store,
    signals: Signals,
    board: Board,
    resolver: Resolver,
    stop: Stop,
    pool: Arc<Pool>,
    line: Mutex<Option<Arc<Line>>>,
    results: smol::channel::Sender<Tried>,
}

impl Shared {
    /// The way out now; `None` while there is none.
    fn line(&self) -> Option<Arc<Line>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_line(&self, line: Option<Arc<Line>>) {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    fn is_current(&self, line: &Arc<Line>) -> bool {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|now| Arc::ptr_eq(now, line))
    }

    /// A connection could hand over nothing. If no other can, that is the state of the sender.
    fn failed(&self, seat: &mut Seat, line: &Line, reason: &str) {
        log::warn!("send: {reason}");
        if seat.failed(&reason.into()) {
            self.state(line.id, &line.name, reason, false);
            self.board.problem(now_ms(), format!("sender {}", line.name), reason);
        }
    }

    fn works(&self, line: &Line, host: &str) {
        self.state(line.id, &line.name, &format!("fine, by {host}"), true);
    }

    fn shut(&self, shut: &Shut) {
        self.state(shut.id, &shut.name, &shut.why, false);
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
