//! Runs of Connections (spec connectors-and-smtp §2, §3): who asks for one, which is under way, and whether mail may go
//! out between runs.
//!
//! Whoever wants a run marks the Connection with [`Runs::ask`]; a mark is not stacked. The room `connect` takes the marks
//! and starts one run at a time: it hands a [`Part`] to the collectors and one to the sender, and the run ends when both
//! parts have been dropped. What is done for a run is done while its part is held.
//!
//! Between runs the sender may send what comes in, where [`Runs::sends_at_once`] says so; where not, mail waits for the
//! Connection's next part. A part that has lasted its patience is given up as soon as another Connection is marked
//! ([`Runs::must_yield`]), so that nobody's backlog keeps the others from running. Whether mail waits is asked for each Connection by itself and may change at any time
//! ([`Runs::on_gate_change`]); until somebody has decided, mail goes at once.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::{Event, EventListener};
use smol::channel::{Receiver, Sender};

/// How long one side goes on while another Connection waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// With one collector's session.
    pub collecting: Duration,
    /// With the sender's whole part.
    pub sending: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { collecting: Duration::from_secs(30 * 60), sending: Duration::from_secs(3 * 60) }
    }
}

/// One side's share in a run. The run goes on until it is dropped.
#[derive(Debug)]
pub struct Part {
    /// The number of the Connection.
    pub connection: u32,
    /// Of this run, counted since the start.
    pub run: u64,
    /// How long it goes on while another Connection waits.
    pub patience: Duration,
    _open: Sender<Infallible>,
}

/// A run under way, for who started it.
#[derive(Debug)]
pub struct Running {
    pub connection: u32,
    closed: Receiver<Infallible>,
}

impl Running {
    /// Resolves when both sides have dropped their parts.
    pub async fn finished(&self) {
        let _ = self.closed.recv().await;
    }
}

/// Cheap to clone; all clones are the same runs.
#[derive(Clone)]
pub struct Runs {
    collecting: (Sender<Part>, Receiver<Part>),
    sending: (Sender<Part>, Receiver<Part>),
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    started: AtomicU64,
    asked: Event,
    gates: Event,
}

#[derive(Default)]
struct State {
    /// In the order in which they were asked for.
    marked: VecDeque<u32>,
    at_once: BTreeMap<u32, bool>,
}

impl Default for Runs {
    fn default() -> Runs {
        // One run at a time, so one part at a time.
        let (collecting, sending) = (smol::channel::bounded(1), smol::channel::bounded(1));
        Runs { collecting, sending, inner: Arc::default() }
    }
}

impl Runs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a Connection to be run as soon as no other is. `false` when it was marked already.
    pub fn ask(&self, connection: u32) -> bool {
        let mut state = self.state();
        if state.marked.contains(&connection) {
            return false;
        }
        state.marked.push_back(connection);
        drop(state);
        self.inner.asked.notify(usize::MAX);
        true
    }

    pub fn is_marked(&self, connection: u32) -> bool {
        self.state().marked.contains(&connection)
    }

    /// Whether what this Connection began at `since` must come to an end: it has lasted its patience, and another waits.
    pub fn must_yield(&self, connection: u32, since: Instant, patience: Duration) -> bool {
        since.elapsed() >= patience && self.state().marked.iter().any(|marked| *marked != connection)
    }

    /// Resolves at the next mark after this call.
    pub fn on_ask(&self) -> EventListener {
        self.inner.asked.listen()
    }

    /// Takes the oldest mark away.
    pub fn take_mark(&self) -> Option<u32> {
        self.state().marked.pop_front()
    }

    /// Hands out both parts of a run. The run before must have finished; a part of it that nobody has fetched is taken
    /// back.
    pub fn start(&self, connection: u32, patience: Patience) -> Running {
        let run = self.inner.started.fetch_add(1, Ordering::Relaxed) + 1;
        let (open, closed) = smol::channel::bounded(1);
        for (side, patience) in [(&self.collecting.0, patience.collecting), (&self.sending.0, patience.sending)] {
            let _ = side.force_send(Part { connection, run, patience, _open: open.clone() });
        }
        Running { connection, closed }
    }

    /// For the collectors: their parts.
    pub fn collecting(&self) -> Receiver<Part> {
        self.collecting.1.clone()
    }

    /// For the sender: its parts.
    pub fn sending(&self) -> Receiver<Part> {
        self.sending.1.clone()
    }

    /// Whether the sender of this Connection sends mail as it comes, without waiting for a run.
    pub fn sends_at_once(&self, connection: u32) -> bool {
        self.state().at_once.get(&connection).copied().unwrap_or(true)
    }

    /// Decides [`Runs::sends_at_once`] for all Connections.
    pub fn set_at_once(&self, at_once: BTreeMap<u32, bool>) {
        let mut state = self.state();
        if state.at_once != at_once {
            state.at_once = at_once;
            drop(state);
            self.inner.gates.notify(usize::MAX);
        }
    }

    /// Resolves when [`Runs::sends_at_once`] has changed for a Connection after this call.
    pub fn on_gate_change(&self) -> EventListener {
        self.inner.gates.listen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_over(running: &Running) -> bool {
        matches!(running.closed.try_recv(), Err(smol::channel::TryRecvError::Closed))
    }

    #[test]
    fn a_mark_is_not_stacked() {
        let runs = Runs::default();
        assert_eq!([runs.ask(2), runs.ask(1), runs.ask(2)], [true, true, false]);
        assert!(runs.is_marked(1));
        assert_eq!([runs.take_mark(), runs.take_mark(), runs.take_mark()], [Some(2), Some(1), None]);
        assert!(runs.ask(2), "the mark was taken: this is another wish");
    }

    #[test]
    fn a_run_ends_when_both_parts_are_dropped() {
        let runs = Runs::default();
        let running = runs.start(7, Patience::default());
        let collecting = runs.collecting().try_recv().unwrap();
        assert_eq!((collecting.connection, collecting.run), (7, 1));
        drop(collecting);
        assert!(!is_over(&running), "the sender has not fetched its part yet");
        let sending = runs.sending().try_recv().unwrap();
        assert!(!is_over(&running));
        drop(sending);
        assert!(is_over(&running));
        assert_eq!(runs.start(8, Patience::default()).connection, 8);
        assert_eq!(runs.sending().try_recv().unwrap().run, 2);
    }

    #[test]
    fn who_has_lasted_long_yields_to_another() {
        let runs = Runs::default();
        let (since, long) = (Instant::now(), Duration::from_secs(3600));
        let yields = |patience| runs.must_yield(7, since, patience);
        assert!(!yields(Duration::ZERO), "nobody waits");
        runs.ask(7);
        assert!(!yields(Duration::ZERO), "nobody else waits");
        runs.ask(8);
        assert!(yields(Duration::ZERO) && !yields(long));
    }

    #[test]
    fn mail_goes_at_once_until_somebody_decides() {
        let runs = Runs::default();
        assert!(runs.sends_at_once(1));
        let changed = runs.on_gate_change();
        runs.set_at_once(BTreeMap::from([(1, false)]));
        assert!(!runs.sends_at_once(1) && runs.sends_at_once(2));
        smol::block_on(changed);
    }
}
