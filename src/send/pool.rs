//! All lanes, and which mails are known to them.
//!
//! A mail is *known* from the moment it comes in until the outcome of its last parcel is recorded, and no mail comes in
//! that is known: so no recipient is ever tried twice at the same time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::EventListener;

use crate::store::{MailId, QueueEntry};

use super::lane::{Common, Lane, Parcel, Way};
use super::line::Line;

/// Parcels waiting in memory, above which no more mails are taken in.
pub const WAITING: usize = 1024;
/// Parcels of one lane among many: a slow destination must not fill the room of all.
pub const LANE: usize = 256;
/// How long an entry read from the index is remembered, so that its late handover is not taken for a new mail.
const REMEMBERED: Duration = Duration::from_secs(60);
/// A due time that is over.
const AT_ONCE: i64 = 0;

#[derive(Default)]
pub struct Pool {
    state: Mutex<State>,
    common: Arc<Common>,
}

#[derive(Default)]
struct State {
    known: HashMap<MailId, Known>,
    read: HashMap<MailId, Instant>,
    /// Recorded while the index is being read: what the index says of these may be of before.
    recorded: Option<HashSet<MailId>>,
    /// When the earliest entry that was put off is due again, Unix milliseconds.
    due: Option<i64>,
    lanes: HashMap<(u32, Way), Arc<Lane>>,
}

#[derive(Default)]
struct Known {
    parcels: usize,
    /// When the earliest of its recipients that were put off is due again.
    due: Option<i64>,
    /// The index had it, as due, while it was known.
    seen: bool,
}

/// Recipients of an entry, with the line and the way they go.
pub type Group = (Arc<Line>, Way, Vec<u32>);

/// What the index is being read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It may come in.
    Free,
    /// It is under way, or was until just now.
    Known,
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn on_change(&self) -> EventListener {
        self.common.changed.listen()
    }

    /// Parcels in all lanes.
    pub fn waiting(&self) -> usize {
        self.common.waiting.load(Ordering::Acquire)
    }

    pub fn lanes(&self) -> Vec<Arc<Lane>> {
        self.state().lanes.values().cloned().collect()
    }

    /// Mails that a connection has at this moment, and those whose outcome is still being written.
    pub fn under_way(&self) -> HashSet<MailId> {
        let (lanes, mut parcels) = {
            let state = self.state();
            let parcels: HashMap<MailId, usize> =
                state.known.iter().map(|(mail, known)| (*mail, known.parcels)).collect();
            (state.lanes.values().cloned().collect::<Vec<_>>(), parcels)
        };
        for lane in lanes {
            for mail in lane.waiting_mails() {
                parcels.entry(mail).and_modify(|parcels| *parcels = parcels.saturating_sub(1));
            }
        }
        parcels.into_iter().filter(|(_, parcels)| *parcels > 0).map(|(mail, _)| mail).collect()
    }

    /// Forgets lanes in which nothing goes on, of which nothing has to be remembered.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.state().lanes.retain(|_, lane| {
            let load = lane.load();
            load.waiting > 0 || load.open > 0 || load.blocked.is_some_and(|(until, _)| until > now)
        });
    }

    // -- coming in ------------------------------------------------------------------------------------------------

    /// Whether a mail just accepted is new: the index may have shown it before.
    pub fn is_new(&self, mail: MailId) -> bool {
        let mut state = self.state();
        state.read.remove(&mail).is_none() && !state.known.contains_key(&mail)
    }

    /// Takes in a mail that is not known. Nothing where there are no groups.
    pub fn take_in(&self, entry: &Arc<QueueEntry>, groups: Vec<Group>) {
        if groups.is_empty() {
            return;
        }
        let mut state = self.state();
        if state.known.contains_key(&entry.mail) {
            return;
        }
        state.known.insert(entry.mail, Known { parcels: groups.len(), ..Known::default() });
        let parcels: Vec<(Arc<Lane>, Parcel)> = groups
            .into_iter()
            .map(|(line, way, places)| (self.lane(&mut state, line, way), Parcel::new(entry.clone(), places)))
            .collect();
        drop(state);
        for (lane, parcel) in parcels {
            lane.line.parcels.fetch_add(1, Ordering::AcqRel);
            if let Err(parcel) = lane.push(parcel) {
                self.forget(&lane.line, vec![parcel]);
            }
        }
    }

    fn lane(&self, state: &mut State, line: Arc<Line>, way: Way) -> Arc<Lane> {
        match state.lanes.get(&(line.id, way.clone())).filter(|lane| Arc::ptr_eq(&lane.line, &line)) {
            Some(lane) => lane.clone(),
            None => {
                let key = (line.id, way.clone());
                let lane = Arc::new(Lane::new(way, line, self.common.clone()));
                state.lanes.insert(key, lane.clone());
                lane
            }
        }
    }

    /// Whether a lane has so much that others should not wait behind it.
    pub fn is_full(&self, line: &Line, way: &Way) -> bool {
        *way != Way::Relay && {
            let lane = self.state().lanes.get(&(line.id, way.clone())).cloned();
            lane.is_some_and(|lane| lane.load().waiting >= LANE)
        }
    }

    // -- reading the index ----------------------------------------------------------------------------------------

    /// The index is about to be read.
    pub fn begin_reading(&self, afresh: bool) {
        let mut state = self.state();
        state.recorded = Some(HashSet::new());
        if afresh {
            state.due = None;
        }
    }

    /// Whether a due entry of the index may come in.
    pub fn reading(&self, entry: &QueueEntry) -> Reading {
        let mut state = self.state();
        if let Some(known) = state.known.get_mut(&entry.mail) {
            known.seen = true;
            return Reading::Known;
        }
        if state.recorded.as_ref().is_some_and(|recorded| recorded.contains(&entry.mail)) {
            state.be_due(Some(AT_ONCE));
            return Reading::Known;
        }
        if entry.tries() == 0 {
            state.read.insert(entry.mail, Instant::now());
        }
        Reading::Free
    }

    /// `due`: when the next entry is due.
    pub fn end_reading(&self, due: Option<i64>) {
        let now = Instant::now();
        let mut state = self.state();
        state.recorded = None;
        state.be_due(due);
        state.read.retain(|_, at| now.duration_since(*at) < REMEMBERED);
    }

    pub fn due(&self) -> Option<i64> {
        self.state().due
    }

    // -- going out ------------------------------------------------------------------------------------------------

    /// Takes a parcel back that was not tried; it keeps its turn.
    pub fn give_back(&self, lane: &Lane, parcel: Parcel) {
        if let Err(parcel) = lane.push(parcel) {
            self.forget(&lane.line, vec![parcel]);
        }
        self.common.changed.notify(usize::MAX);
    }

    /// Forgets parcels that were not tried; their mails are to be read from the index again.
    pub fn forget(&self, line: &Line, parcels: Vec<Parcel>) {
        let mut state = self.state();
        for parcel in parcels {
            line.parcels.fetch_sub(1, Ordering::AcqRel);
            if let Some(known) = state.known.get_mut(&parcel.entry.mail) {
                known.seen = true;
            }
            state.close(parcel.entry.mail, None);
        }
    }

    /// Lanes of lines that are no longer there.
    pub fn close_lanes(&self, is_gone: impl Fn(&Line) -> bool) {
        let mut gone = Vec::new();
        self.state().lanes.retain(|_, lane| {
            let goes = is_gone(&lane.line);
            gone.extend(goes.then(|| lane.clone()));
            !goes
        });
        for lane in gone {
            self.forget(&lane.line, lane.close());
        }
    }

    /// The outcome of a parcel is in the store; what was put off is due at `due`.
    pub fn recorded(&self, line: &Line, mail: MailId, due: Option<i64>) {
        let mut state = self.state();
        line.parcels.fetch_sub(1, Ordering::AcqRel);
        if let Some(recorded) = &mut state.recorded {
            recorded.insert(mail);
        }
        let is_due = state.close(mail, due);
        let idle = line.parcels.load(Ordering::Acquire) == 0;
        drop(state);
        if is_due || idle {
            self.common.changed.notify(usize::MAX);
        }
    }
}

impl State {
    fn be_due(&mut self, due: Option<i64>) {
        self.due = self.due.into_iter().chain(due).min();
    }

    /// One parcel less. `true` when the mail is due again some time.
    fn close(&mut self, mail: MailId, due: Option<i64>) -> bool {
        let Some(known) = self.known.get_mut(&mail) else { return false };
        known.parcels = known.parcels.saturating_sub(1);
        known.due = known.due.into_iter().chain(due).min();
        if known.parcels > 0 {
            return false;
        }
        let Known { due, seen, .. } = self.known.remove(&mail).unwrap_or_default();
        // What was due while it was under way may be so still.
        self.be_due(due.into_iter().chain(seen.then_some(AT_ONCE)).min());
        due.is_some() || seen
    }
}
