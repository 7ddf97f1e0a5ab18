//! Decides what is sent now. Mail just accepted comes by hand; the index is read at start, when hands were full, when
//! somebody changed the queue, when a run of a connection begins, and when something that was put off is due.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_io::Timer;
use event_listener::EventListener;
use smol::channel::Receiver;
use smol::future::FutureExt;

use crate::live::Part;
use crate::net::{Tasks, now_ms, timeout};
use crate::store::{QueueEntry, RecipientState, StoreError};

use super::attempt::Tried;
use super::lane::{Failed, LOW, Lane, Load, Parcel, Seat};
use super::line::{LAN, Line, Method};
use super::lines::Lines;
use super::pool::WAITING;
use super::reading::{Cursor, Read, nobodys};
use super::{Shared, connection, schedule};

/// Waiting parcels for each open connection, above which one more is opened at once …
const DEEP: usize = 16;
/// … and how long a parcel may wait for the connections there are.
const PATIENCE: Duration = Duration::from_millis(100);
/// After nothing could be handed over, no connection is tried for this long (or the first retry step, if shorter).
const BLOCKED: Duration = Duration::from_secs(60);
/// Between tries to read an index that cannot be read.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// Until a lane that had enough is looked at again.
const PASSED_OVER: Duration = Duration::from_secs(1);
/// The wall clock may jump: a due time is looked at anew this often.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// For the connections to come to their end: they themselves take 10 s at most.
const CLOSING: Duration = Duration::from_secs(12);

/// Runs until stopping has begun and the connections are closed.
pub async fn run(shared: &Arc<Shared>, tasks: &Tasks) {
    let mut runner = Runner {
        shared: shared.clone(),
        tasks: tasks.clone(),
        unread: true,
        read_at: Instant::now(),
        cursor: Cursor::default(),
        run: None,
        parts: shared.signals.runs().sending(),
        signals: Listeners::new(shared),
    };
    runner.take_lines(true);
    runner.run().await;
    let closed = async {
        loop {
            let change = shared.pool.on_change();
            if shared.pool.lanes().iter().all(|lane| lane.load().open == 0) {
                return;
            }
            change.await;
        }
    };
    if timeout(CLOSING, closed).await.is_err() {
        log::warn!("send: a connection did not end in time");
    }
}

struct Runner {
    shared: Arc<Shared>,
    tasks: Tasks,
    /// Due entries may be in the index that are not in the pool …
    unread: bool,
    /// … which is not to be read before this.
    read_at: Instant,
    cursor: Cursor,
    /// The run under way, and when it began, Unix milliseconds.
    run: Option<(Part, i64)>,
    parts: Receiver<Part>,
    signals: Listeners,
}

struct Listeners {
    queue: EventListener,
    config: EventListener,
    gates: EventListener,
    pool: EventListener,
}

impl Listeners {
    fn new(shared: &Shared) -> Listeners {
        Listeners {
            queue: shared.signals.on_queue_change(),
            config: shared.config.changed(),
            gates: shared.signals.runs().on_gate_change(),
            pool: shared.pool.on_change(),
        }
    }
}

enum Woke {
    Fresh(Arc<QueueEntry>),
    Part(Part),
    QueueChanged,
    ConfigChanged,
    GatesChanged,
    PoolChanged,
    Time,
    Stopping,
}

impl Runner {
    async fn run(&mut self) {
        let fresh = self.shared.signals.fresh();
        let stop = self.shared.stop.clone();
        let mut stopping = pin!(stop.stopping());
        loop {
            self.take_fresh(WAITING).await;
            self.mind_failures().await;
            self.read_if_due().await;
            self.open_connections();
            self.end_run();
            let timer = self.timer();
            let has_room = self.shared.pool.waiting() < WAITING;
            let (signals, parts) = (&mut self.signals, &self.parts);
            let handed = async {
                match has_room.then(|| fresh.recv()) {
                    Some(entry) => entry.await.map_or(Woke::Stopping, Woke::Fresh),
                    None => std::future::pending().await,
                }
            };
            let woke = handed
                .or(async {
                    (&mut signals.pool).await;
                    Woke::PoolChanged
                })
                .or(async {
                    (&mut signals.queue).await;
                    Woke::QueueChanged
                })
                .or(async {
                    (&mut signals.config).await;
                    Woke::ConfigChanged
                })
                .or(async {
                    (&mut signals.gates).await;
                    Woke::GatesChanged
                })
                .or(async {
                    match parts.recv().await {
                        Ok(part) => Woke::Part(part),
                        Err(_) => std::future::pending().await,
                    }
                })
                .or(async {
                    timer.await;
                    Woke::Time
                })
                .or(async {
                    stopping.as_mut().await;
                    Woke::Stopping
                })
                .await;
            match woke {
                Woke::Fresh(entry) => self.take_in(entry).await,
                Woke::Part(part) => self.begin_run(part),
                Woke::PoolChanged => self.signals.pool = self.shared.pool.on_change(),
                Woke::QueueChanged => {
                    self.signals.queue = self.shared.signals.on_queue_change();
                    self.queue_changed().await;
                }
                Woke::ConfigChanged => {
                    self.signals.config = self.shared.config.changed();
                    self.take_lines(false);
                }
                Woke::GatesChanged => {
                    self.signals.gates = self.shared.signals.runs().on_gate_change();
                    self.take_gates();
                }
                Woke::Time => {}
                Woke::Stopping => return,
            }
        }
    }

    // -- mails coming in ------------------------------------------------------------------------------------------

    async fn take_fresh(&mut self, bound: usize) {
        let fresh = self.shared.signals.fresh();
        while self.shared.pool.waiting() < bound {
            let Ok(entry) = fresh.try_recv() else { break };
            self.take_in(entry).await;
        }
        self.unread |= self.shared.signals.take_overflow();
    }

    /// A mail just accepted. What cannot go now is left to the index, where it takes no memory.
    async fn take_in(&self, entry: Arc<QueueEntry>) {
        let now = now_ms();
        if entry.is_held(now) || !self.shared.pool.is_new(entry.mail) {
            return;
        }
        let lines = self.shared.lines();
        let assigned = lines.assign(&self.shared.store, &entry, now, true, &self.late());
        if let Some(change) = nobodys(&entry, &assigned.nobodys)
            && let Err(error) = self.shared.store.post(vec![change]).await
        {
            log::error!("send: {error}");
        }
        self.shared.pool.take_in(&entry, assigned.groups);
    }

    /// Whether a line does not take mail accepted at this time: it came after the start of the run.
    fn late(&self) -> impl Fn(&Line, i64) -> bool + Sync + use<> {
        let runs = self.shared.signals.runs().clone();
        let run = self.run.as_ref().map(|(part, started)| (part.connection, *started));
        move |line, accepted_at| {
            let started = run.filter(|(connection, _)| *connection == line.id).map(|(_, started)| started);
            let snapshot = line.sender.only_waiting_at_start && !runs.sends_at_once(line.id);
            snapshot && started.is_some_and(|started| accepted_at > started)
        }
    }

    /// Somebody has held, released, removed or hurried entries: what waits may be out of date.
    async fn queue_changed(&mut self) {
        self.take_fresh(usize::MAX).await;
        for lane in self.shared.pool.lanes() {
            lane.unblock();
        }
        for line in self.shared.lines().all() {
            line.sick.store(false, Ordering::Release);
        }
        self.forget_waiting(|_| true);
        self.read_anew();
    }

    fn forget_waiting(&self, which: impl Fn(&Line) -> bool) {
        for lane in self.shared.pool.lanes().iter().filter(|lane| which(&lane.line)) {
            self.shared.pool.forget(&lane.line, lane.take_all());
        }
    }

    fn read_anew(&mut self) {
        self.unread = true;
        self.read_at = Instant::now();
        self.cursor = Cursor::default();
    }

    // -- lines and runs -------------------------------------------------------------------------------------------

    fn take_lines(&mut self, first: bool) {
        let old = self.shared.lines();
        let config = self.shared.config.current();
        let lines = Arc::new(Lines::of(&config, Some(&old)));
        if lines.same_as(&old) && !first {
            return;
        }
        for gone in old.all().filter(|old| !lines.all().any(|line| Arc::ptr_eq(line, old))) {
            gone.leave();
        }
        self.shared.pool.close_lanes(Line::is_gone);
        self.shared.set_lines(lines.clone());
        lines.set_open(self.shared.signals.runs(), self.run.as_ref().map(|(part, _)| part.connection));
        self.show(&lines, !config.lan.rules.is_empty());
        for lane in self.shared.pool.lanes() {
            lane.unblock();
            lane.call_all();
        }
        self.forget_waiting(|_| true);
        self.read_anew();
    }

    /// The states of all senders on the board.
    fn show(&self, lines: &Lines, has_lan: bool) {
        let board = &self.shared.board;
        let mut shown = Vec::new();
        let lan = has_lan.then_some(&lines.lan);
        for line in lines.senders.iter().chain(lan) {
            shown.push(line.id);
            match &line.shut {
                Some(why) => self.shared.state(line.id, &line.name, why, false),
                None if board.senders().get(&line.id).is_some_and(|known| known.ok && known.name == line.name) => {}
                None => self.shared.state(line.id, &line.name, "ready", true),
            }
        }
        if lines.senders.is_empty() {
            shown.push(0);
            let why = "Outgoing mail waits: no enabled connection has a sender";
            self.shared.state(0, "Outgoing mail", why, false);
        }
        shown.push(LAN);
        board.keep_senders(&shown);
    }

    fn take_gates(&mut self) {
        let lines = self.shared.lines();
        let in_run = self.run.as_ref().map(|(part, _)| part.connection);
        if lines.set_open(self.shared.signals.runs(), in_run) {
            self.forget_waiting(|line| !line.is_open());
            for lane in self.shared.pool.lanes() {
                lane.call_all();
            }
            self.read_anew();
        }
    }

    /// The connection's mail may go now, whatever kept it.
    fn begin_run(&mut self, part: Part) {
        for lane in self.shared.pool.lanes().iter().filter(|lane| lane.line.id == part.connection) {
            lane.unblock();
        }
        if let Some(line) = self.shared.lines().sender(part.connection) {
            line.sick.store(false, Ordering::Release);
            line.begin_run(!self.shared.signals.runs().sends_at_once(line.id));
        }
        self.run = Some((part, now_ms()));
        self.take_gates();
        self.read_anew();
    }

    /// A run is over when all that was due has been looked at, and tried.
    fn end_run(&mut self) {
        let Some((part, _)) = &self.run else { return };
        let lines = self.shared.lines();
        let line = lines.sender(part.connection).filter(|line| line.is_open());
        let waits = line.is_some_and(|line| line.parcels.load(Ordering::Acquire) > 0 && !self.is_used_up(line));
        if (self.unread && line.is_some()) || waits {
            return;
        }
        if let Some(line) = line {
            line.begin_run(false);
        }
        self.run = None;
        self.take_gates();
    }

    /// What is left waits for a limit of the sender: for another run.
    fn is_used_up(&self, line: &Arc<Line>) -> bool {
        line.connections.load(Ordering::Acquire) == 0
            && (line.is_session_used() || line.meter.opens(Instant::now()).is_some())
    }

    // -- failing --------------------------------------------------------------------------------------------------

    /// While a lane fails as a whole, each parcel is put off by its own retry step instead of being tried, unless another
    /// sender takes it.
    async fn mind_failures(&mut self) {
        for lane in self.shared.pool.lanes() {
            if let Some(failed) = lane.take_failure() {
                self.lane_failed(&lane, &failed).await;
            }
            match lane.load().blocked {
                Some((until, _)) if until <= Instant::now() => {
                    lane.unblock();
                    lane.line.sick.store(false, Ordering::Release);
                }
                Some((_, reason)) => self.put_off(&lane, lane.take_all(), &reason, false).await,
                None => {}
            }
        }
        self.shared.pool.sweep();
    }

    async fn lane_failed(&mut self, lane: &Arc<Lane>, failed: &Failed) {
        let waiting = lane.take_all();
        if failed.permanent {
            for parcel in waiting {
                let tried = Tried::all(&lane.line, parcel, RecipientState::Failed, &failed.reason, true);
                let _ = self.shared.results.send(tried).await;
            }
            return;
        }
        let step = Duration::from_millis(u64::try_from(schedule::first_step(&lane.line.sender)).unwrap_or(0));
        lane.block(Instant::now() + BLOCKED.min(step), failed.reason.clone());
        self.put_off(lane, waiting, &failed.reason, true).await;
    }

    async fn put_off(&mut self, lane: &Arc<Lane>, parcels: Vec<Parcel>, reason: &str, tried: bool) {
        let lines = self.shared.lines();
        for parcel in parcels {
            if lane.line.method == Method::Relay && self.goes_elsewhere(&lines, lane, &parcel) {
                // By what the index says of it: of the entry here, other recipients may be out of date.
                self.shared.pool.forget(&lane.line, vec![parcel]);
                continue;
            }
            let tried = Tried::all(&lane.line, parcel, RecipientState::Pending, reason, tried);
            let _ = self.shared.results.send(tried).await;
        }
    }

    /// A sender that works takes a recipient of the parcel.
    fn goes_elsewhere(&self, lines: &Lines, lane: &Lane, parcel: &Parcel) -> bool {
        let assigned = lines.assign(&self.shared.store, &parcel.entry, now_ms(), true, &self.late());
        let elsewhere = |place: &u32| parcel.places.contains(place);
        let mut others = assigned.groups.iter().filter(|(line, ..)| !Arc::ptr_eq(line, &lane.line));
        others.any(|(_, _, places)| places.iter().any(elsewhere))
    }

    // -- the index ------------------------------------------------------------------------------------------------

    async fn read_if_due(&mut self) {
        let pool = &self.shared.pool;
        let lines = self.shared.lines();
        self.unread |= pool.due().is_some_and(|due| lines.is_due(due, now_ms()));
        let now = Instant::now();
        if !self.unread || now < self.read_at || pool.waiting() >= self.low() {
            return;
        }
        let late = self.late();
        match self.cursor.read(&self.shared, &lines, &late).await {
            Ok(Read::All) => self.unread = false,
            Ok(Read::More) => self.unread = true,
            Ok(Read::Passed) => (self.unread, self.read_at) = (true, now + PASSED_OVER),
            Err(StoreError::Closed) => self.read_at = now + LOOK_AGAIN,
            Err(error) => {
                log::error!("send: the queue cannot be read: {error}");
                self.read_at = now + READ_AGAIN;
            }
        }
    }

    /// The index is read when fewer parcels wait; earlier where they wait for several destinations, of which one may be
    /// slow.
    fn low(&self) -> usize {
        let lanes = self.shared.pool.lanes();
        if lanes.iter().filter(|lane| !lane.is_empty()).count() > 1 { WAITING - LOW } else { LOW }
    }

    // -- connections ----------------------------------------------------------------------------------------------

    fn open_connections(&self) {
        let now = Instant::now();
        let mut lanes: Vec<(Arc<Lane>, Load)> = self
            .shared
            .pool
            .lanes()
            .into_iter()
            .map(|lane| (lane.clone(), lane.load()))
            .filter(|(lane, load)| wants_another(lane, load, now))
            .collect();
        lanes.sort_by_key(|(_, load)| load.oldest);
        for (lane, load) in lanes {
            let waited = load.oldest.is_some_and(|since| now.duration_since(since) >= PATIENCE);
            let deep = load.open == 0 || waited || load.waiting >= DEEP * load.open;
            let free = lane.line.connections.load(Ordering::Acquire) < lane.line.threads();
            if deep && free && load.enough_until.is_none_or(|until| until <= now) && lane.line.use_session() {
                let seat = Seat::take(&lane);
                self.tasks.spawn(connection::run(self.shared.clone(), lane, seat)).detach();
            }
        }
    }

    /// When to look again, if nothing happens before.
    fn timer(&self) -> Timer {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        let mut at = |time: Instant| next = Some(next.map_or(time, |earlier: Instant| earlier.min(time)));
        for lane in self.shared.pool.lanes() {
            let load = lane.load();
            if let Some((until, _)) = &load.blocked {
                at(*until);
            } else if wants_another(&lane, &load, now) && !lane.line.is_session_used() {
                at((load.oldest.unwrap_or(now) + PATIENCE).max(load.enough_until.unwrap_or(now)));
            } else if load.waiting > 0 {
                lane.line.meter.opens(now).into_iter().for_each(&mut at);
            }
        }
        if self.unread {
            if self.shared.pool.waiting() < self.low() {
                at(self.read_at);
            }
        } else if let Some(due) = self.shared.pool.due() {
            let left = Duration::from_millis(u64::try_from(due - now_ms()).unwrap_or(0));
            at(now + left.min(LOOK_AGAIN));
        }
        next.map_or_else(Timer::never, Timer::at)
    }
}

/// Parcels wait, nobody will take them at once, and another connection is allowed.
fn wants_another(lane: &Lane, load: &Load, now: Instant) -> bool {
    load.waiting > 0
        && load.room == 0
        && load.open < lane.line.max_connections()
        && load.blocked.is_none()
        && lane.line.is_open()
        && lane.line.meter.opens(now).is_none()
}
