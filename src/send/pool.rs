//! What is to be sent and who is sending: the state the runner, the connections and the recorder share.
//!
//! An entry is *known* from the moment it comes in until its outcome is recorded, and no entry comes in that is known:
//! so none is ever tried twice at the same time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::{Event, EventListener};

use crate::store::{MailId, QueueEntry};

/// Entries waiting in memory, above which no more are taken in.
pub const WAITING: usize = 1024;
/// When fewer than this wait, more are taken in.
pub const LOW: usize = 256;
/// Bytes of bodies in the output of all connections together.
const BYTES: usize = 4 * 1024 * 1024;
/// What a large body, which goes out in pieces, counts at most.
pub const PIECE: usize = 128 * 1024;
/// How long an entry read from the index is remembered, so that its late handover is not taken for a new mail.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How long no further connection is opened after one failed while others worked.
const ENOUGH: Duration = Duration::from_secs(60);

/// A connection's place in the pool, given back when dropped.
pub struct Seat {
    pool: Arc<Pool>,
    room: bool,
    ready: bool,
}

#[derive(Default)]
pub struct Pool {
    state: Mutex<State>,
    /// For connections: entries wait, or the line has changed.
    work: Event,
    /// For the runner: a connection has come to its end, entries were given back or recorded.
    changed: Event,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Instant, Arc<QueueEntry>)>,
    known: HashSet<MailId>,
    read: HashMap<MailId, Instant>,
    /// Recorded while the index is being read: what the index says of these may be of before.
    recorded: Option<HashSet<MailId>>,
    bytes: usize,
    open: usize,
    /// Connections that would take an entry at once.
    room: usize,
    /// Connections with a session in which mail can be sent.
    ready: usize,
    /// When the earliest entry that was put off is due again, Unix milliseconds.
    due: Option<i64>,
    /// The last connection failed before anything was handed over, and no other is in working order.
    failed: Option<Arc<str>>,
    /// A further connection failed while others work: the relay may not want so many.
    enough_until: Option<Instant>,
}

/// What the runner decides by.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub waiting: usize,
    pub oldest: Option<Instant>,
    pub open: usize,
    pub room: usize,
    /// No further connection before this.
    pub enough_until: Option<Instant>,
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn on_work(&self) -> EventListener {
        self.work.listen()
    }

    pub fn on_change(&self) -> EventListener {
        self.changed.listen()
    }

    /// Wakes every connection, to look at its line and the entries.
    pub fn call_all(&self) {
        self.work.notify(usize::MAX);
    }

    // -- the runner -----------------------------------------------------------------------------------------------

    /// A mail just accepted.
    pub fn hand_over(&self, entry: Arc<QueueEntry>) {
        let mut state = self.state();
        if state.read.remove(&entry.mail).is_some() || !state.known.insert(entry.mail) {
            return;
        }
        state.waiting.push_back((Instant::now(), entry));
        drop(state);
        self.work.notify_additional(1);
    }

    /// The index is about to be read. Returns the number of entries known, which may be among those found.
    pub fn begin_reading(&self) -> usize {
        let mut state = self.state();
        state.recorded = Some(HashSet::new());
        state.due = None;
        state.known.len()
    }

    /// Entries read from the index, those that are known left out. `due`: when the next one is due.
    pub fn end_reading(&self, entries: impl Iterator<Item = QueueEntry>, due: Option<i64>) {
        let now = Instant::now();
        let mut state = self.state();
        state.be_due(due);
        state.read.retain(|_, at| now.duration_since(*at) < REMEMBERED);
        let recorded = state.recorded.take().unwrap_or_default();
        for entry in entries {
            if !recorded.contains(&entry.mail) && state.known.insert(entry.mail) {
                if entry.tries() == 0 {
                    state.read.insert(entry.mail, now);
                }
                state.waiting.push_back((now, Arc::new(entry)));
            }
        }
        drop(state);
        self.work.notify(usize::MAX);
    }

    /// Empties the waiting list: its entries stay known until they are recorded.
    pub fn take_all(&self) -> Vec<Arc<QueueEntry>> {
        self.state().waiting.drain(..).map(|(_, entry)| entry).collect()
    }

    /// Forgets what waits; it is to be read from the index again.
    pub fn forget_waiting(&self) {
        let mut state = self.state();
        let waiting = std::mem::take(&mut state.waiting);
        for (_, entry) in waiting {
            state.known.remove(&entry.mail);
        }
    }

    pub fn load(&self) -> Load {
        let state = self.state();
        let oldest = state.waiting.front().map(|(at, _)| *at);
        Load {
            waiting: state.waiting.len(),
            oldest,
            open: state.open,
            room: state.room,
            enough_until: state.enough_until.filter(|_| state.open > 0),
        }
    }

    /// The reason, once, if a connection failed with no other in working order.
    pub fn take_failure(&self) -> Option<Arc<str>> {
        self.state().failed.take()
    }

    pub fn due(&self) -> Option<i64> {
        self.state().due
    }

    // -- the connections ------------------------------------------------------------------------------------------

    /// The next entry. `None` also where its body would exceed the bound on memory, unless `alone`: the connection has
    /// nothing else under way.
    pub fn take(&self, alone: bool) -> Option<Arc<QueueEntry>> {
        let mut state = self.state();
        let weight = weight(&state.waiting.front()?.1);
        if !alone && state.bytes + weight > BYTES {
            return None;
        }
        state.bytes += weight;
        let entry = state.waiting.pop_front().map(|(_, entry)| entry);
        let low = state.waiting.len() + 1 == LOW;
        drop(state);
        if low {
            self.changed.notify(usize::MAX);
        }
        entry
    }

    /// The entry's body is no longer in memory.
    pub fn release(&self, entry: &QueueEntry) {
        let mut state = self.state();
        let full = state.bytes + PIECE > BYTES;
        state.bytes = state.bytes.saturating_sub(weight(entry));
        drop(state);
        if full {
            self.work.notify(usize::MAX);
        }
    }

    /// Gives an entry back that was not tried, ahead of all others.
    pub fn give_back(&self, entry: Arc<QueueEntry>) {
        self.state().waiting.push_front((Instant::now(), entry));
        self.work.notify_additional(1);
        self.changed.notify(usize::MAX);
    }

    // -- the recorder ---------------------------------------------------------------------------------------------

    /// The outcomes of these are in the store; what was put off is due at `due`.
    pub fn recorded(&self, mails: impl Iterator<Item = MailId>, due: Option<i64>) {
        let mut state = self.state();
        for mail in mails {
            state.known.remove(&mail);
            if let Some(recorded) = &mut state.recorded {
                recorded.insert(mail);
            }
        }
        if due.is_some() {
            state.be_due(due);
            drop(state);
            self.changed.notify(usize::MAX);
        }
    }
}

impl State {
    fn be_due(&mut self, due: Option<i64>) {
        self.due = self.due.into_iter().chain(due).min();
    }
}

fn weight(entry: &QueueEntry) -> usize {
    usize::try_from(entry.size).unwrap_or(usize::MAX).min(PIECE)
}

impl Seat {
    /// Before the connection is opened: it has room.
    pub fn take(pool: &Arc<Pool>) -> Seat {
        let mut state = pool.state();
        state.open += 1;
        state.room += 1;
        drop(state);
        Seat { pool: pool.clone(), room: true, ready: false }
    }

    /// The session is in working order.
    pub fn ready(&mut self) {
        if !self.ready {
            self.ready = true;
            self.pool.state().ready += 1;
        }
    }

    /// Whether another entry would be taken at once.
    pub fn room(&mut self, room: bool) {
        if self.room != room {
            self.room = room;
            let mut state = self.pool.state();
            state.room = if room { state.room + 1 } else { state.room.saturating_sub(1) };
        }
    }

    /// The connection has failed before anything was handed over. `true` when no other is in working order: then it is
    /// the sender that fails.
    pub fn failed(&mut self, reason: &Arc<str>) -> bool {
        let mut state = self.pool.state();
        let all = state.ready == usize::from(self.ready);
        if all {
            state.failed = Some(reason.clone());
        } else {
            state.enough_until = Some(Instant::now() + ENOUGH);
        }
        all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.open = state.open.saturating_sub(1);
        state.room = state.room.saturating_sub(usize::from(self.room));
        state.ready = state.ready.saturating_sub(usize::from(self.ready));
        drop(state);
        self.pool.changed.notify(usize::MAX);
    }
}
