//! The mails on their way to one destination, and the connections that take them there: a relay, the mail servers of a
//! domain, the servers of DNS overrides, a server of the office.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::{Event, EventListener};

use crate::mail::LanServer;
use crate::rules::overrides::Server;
use crate::store::{MailId, QueueEntry};

use super::line::Line;

/// When fewer parcels than this wait, more are taken in.
pub const LOW: usize = 256;
/// Bytes of bodies in the output of all connections together.
const BYTES: usize = 4 * 1024 * 1024;
/// What a large body, which goes out in pieces, counts at most.
pub const PIECE: usize = 128 * 1024;
/// How long no further connection is opened after one failed while others worked.
const ENOUGH: Duration = Duration::from_secs(60);

/// Where a lane leads, within its line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The line's relay hosts.
    Relay,
    /// The mail servers of this domain, in lower case.
    Domain(Arc<str>),
    /// What DNS overrides name, by priority.
    Servers(Arc<[Server]>),
    Lan(LanServer),
}

/// The recipients of one mail that go one way.
pub struct Parcel {
    pub entry: Arc<QueueEntry>,
    /// Places in the entry's list.
    pub places: Vec<u32>,
    rank: Option<Rank>,
}

/// Priority, order by the settings, order of arrival: smaller goes first.
type Rank = (u8, u64, u64);

impl Parcel {
    pub fn new(entry: Arc<QueueEntry>, places: Vec<u32>) -> Parcel {
        Parcel { entry, places, rank: None }
    }
}

/// What all lanes have in common.
#[derive(Default)]
pub struct Common {
    pub waiting: AtomicUsize,
    bytes: AtomicUsize,
    arrivals: AtomicUsize,
    /// For the runner: a connection has come to its end, parcels were taken, given back or recorded.
    pub changed: Event,
}

pub struct Lane {
    pub way: Way,
    pub line: Arc<Line>,
    pub common: Arc<Common>,
    state: Mutex<State>,
    /// For the connections: parcels wait, or the line has changed.
    work: Event,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<Rank, (Instant, Parcel)>,
    closed: bool,
    open: usize,
    /// Connections that would take a parcel at once.
    room: usize,
    /// Connections with a session in which mail can be sent.
    ready: usize,
    /// The last connection failed before anything was handed over, and no other is in working order.
    failed: Option<Failed>,
    /// Nothing is tried before this, for this reason.
    blocked: Option<(Instant, Arc<str>)>,
    /// A further connection failed while others work: the server may not want so many.
    enough_until: Option<Instant>,
}

/// Why nothing can be sent this way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub reason: Arc<str>,
    /// And never will: there is no such destination.
    pub permanent: bool,
    /// Somebody wants the mail to wait for so long: that is no failure.
    pub hold: Option<Duration>,
}

/// What the runner decides by.
#[derive(Clone, Debug)]
pub struct Load {
    pub waiting: usize,
    pub oldest: Option<Instant>,
    pub open: usize,
    pub room: usize,
    pub blocked: Option<(Instant, Arc<str>)>,
    /// No further connection before this.
    pub enough_until: Option<Instant>,
}

/// A connection's place in a lane, given back when dropped.
pub struct Seat {
    lane: Arc<Lane>,
    room: bool,
    ready: bool,
}

impl Lane {
    pub fn new(way: Way, line: Arc<Line>, common: Arc<Common>) -> Lane {
        Lane { way, line, common, state: Mutex::default(), work: Event::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn on_work(&self) -> EventListener {
        self.work.listen()
    }

    /// Wakes every connection, to look at its line and the parcels.
    pub fn call_all(&self) {
        self.work.notify(usize::MAX);
    }

    // -- the runner -----------------------------------------------------------------------------------------------

    /// Gives the parcel back when the lane is closed.
    pub fn push(&self, mut parcel: Parcel) -> Result<(), Parcel> {
        let rank = match parcel.rank {
            Some(rank) => rank,
            None => self.rank(&parcel.entry),
        };
        parcel.rank = Some(rank);
        let mut state = self.state();
        if state.closed {
            return Err(parcel);
        }
        state.waiting.insert(rank, (Instant::now(), parcel));
        drop(state);
        self.common.waiting.fetch_add(1, Ordering::AcqRel);
        self.work.notify_additional(1);
        Ok(())
    }

    /// Nothing comes in any more. Returns what waited.
    pub fn close(&self) -> Vec<Parcel> {
        self.state().closed = true;
        self.work.notify(usize::MAX);
        self.take_all()
    }

    fn rank(&self, entry: &QueueEntry) -> Rank {
        let arrival = u64::try_from(self.common.arrivals.fetch_add(1, Ordering::Relaxed)).unwrap_or(u64::MAX);
        let order = match (self.line.sender.smaller_first, self.line.sender.reverse_order) {
            (false, false) => 0,
            (false, true) => u64::MAX - arrival,
            (true, false) => entry.size,
            (true, true) => u64::MAX - entry.size,
        };
        (entry.priority, order, arrival)
    }

    /// All that waits.
    pub fn take_all(&self) -> Vec<Parcel> {
        let waiting = std::mem::take(&mut self.state().waiting);
        self.common.waiting.fetch_sub(waiting.len(), Ordering::AcqRel);
        waiting.into_values().map(|(_, parcel)| parcel).collect()
    }

    /// The mail that is to go first.
    pub fn first(&self) -> Option<Arc<QueueEntry>> {
        self.state().waiting.first_key_value().map(|(_, (_, parcel))| parcel.entry.clone())
    }

    /// The mails of what waits.
    pub fn waiting_mails(&self) -> Vec<MailId> {
        self.state().waiting.values().map(|(_, parcel)| parcel.entry.mail).collect()
    }

    pub fn load(&self) -> Load {
        let state = self.state();
        Load {
            waiting: state.waiting.len(),
            oldest: state.waiting.first_key_value().map(|(_, (at, _))| *at),
            open: state.open,
            room: state.room,
            blocked: state.blocked.clone(),
            enough_until: state.enough_until.filter(|_| state.open > 0),
        }
    }

    /// Once, if a connection failed with no other in working order.
    pub fn take_failure(&self) -> Option<Failed> {
        self.state().failed.take()
    }

    pub fn block(&self, until: Instant, reason: Arc<str>) {
        self.state().blocked = Some((until, reason));
    }

    pub fn unblock(&self) {
        self.state().blocked = None;
    }

    // -- the connections ------------------------------------------------------------------------------------------

    /// The next parcel. `None` also where its body would exceed the bound on memory, unless `alone`: the connection has
    /// nothing else under way.
    pub fn take(&self, alone: bool) -> Option<Parcel> {
        let mut state = self.state();
        let first = state.waiting.first_entry()?;
        let weight = weight(&first.get().1.entry);
        if !alone && self.common.bytes.load(Ordering::Acquire) + weight > BYTES {
            return None;
        }
        let (_, parcel) = first.remove();
        drop(state);
        self.common.bytes.fetch_add(weight, Ordering::AcqRel);
        let before = self.common.waiting.fetch_sub(1, Ordering::AcqRel);
        if before == LOW {
            self.common.changed.notify(usize::MAX);
        }
        Some(parcel)
    }

    pub fn is_empty(&self) -> bool {
        self.state().waiting.is_empty()
    }

    /// The entry's body is no longer in memory.
    pub fn release(&self, entry: &QueueEntry) {
        let weight = weight(entry);
        let before = self.common.bytes.fetch_sub(weight, Ordering::AcqRel);
        if before + PIECE > BYTES {
            self.work.notify(usize::MAX);
        }
    }
}

fn weight(entry: &QueueEntry) -> usize {
    usize::try_from(entry.size).unwrap_or(usize::MAX).min(PIECE)
}

impl Seat {
    /// Before the connection is opened: it has room.
    pub fn take(lane: &Arc<Lane>) -> Seat {
        let mut state = lane.state();
        state.open += 1;
        state.room += 1;
        drop(state);
        lane.line.connections.fetch_add(1, Ordering::AcqRel);
        Seat { lane: lane.clone(), room: true, ready: false }
    }

    /// The session is in working order.
    pub fn ready(&mut self) {
        if !self.ready {
            self.ready = true;
            let mut state = self.lane.state();
            state.ready += 1;
            state.blocked = None;
        }
    }

    /// Whether another parcel would be taken at once.
    pub fn room(&mut self, room: bool) {
        if self.room != room {
            self.room = room;
            let mut state = self.lane.state();
            state.room = if room { state.room + 1 } else { state.room.saturating_sub(1) };
        }
    }

    /// The connection has failed before anything was handed over. `true` when no other is in working order: then it is
    /// the lane that fails.
    pub fn failed(&mut self, failed: &Failed) -> bool {
        let mut state = self.lane.state();
        let all = state.ready == usize::from(self.ready);
        if all {
            state.failed = Some(failed.clone());
        } else {
            state.enough_until = Some(Instant::now() + ENOUGH);
        }
        all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        state.open = state.open.saturating_sub(1);
        state.room = state.room.saturating_sub(usize::from(self.room));
        state.ready = state.ready.saturating_sub(usize::from(self.ready));
        drop(state);
        self.lane.line.connections.fetch_sub(1, Ordering::AcqRel);
        self.lane.common.changed.notify(usize::MAX);
    }
}
