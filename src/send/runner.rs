//! Decides what is sent now. Mail just accepted comes by hand; the index is read at start, when hands were full, when
//! somebody changed the queue, when a run of a connection begins, and when something that was put off is due.

mod connecting;
mod failing;
mod runs;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use event_listener::EventListener;
use smol::channel::Receiver;
use smol::future::FutureExt;

use crate::live::Part;
use crate::net::{Tasks, now_ms, timeout};
use crate::store::{QueueEntry, StoreError};

use super::Shared;
use super::lane::LOW;
use super::line::{LAN, Line};
use super::lines::Lines;
use super::pool::WAITING;
use super::reading::{Cursor, Read, nobodys};

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
    asked: EventListener,
}

impl Listeners {
    fn new(shared: &Shared) -> Listeners {
        Listeners {
            queue: shared.signals.on_queue_change(),
            config: shared.config.changed(),
            gates: shared.signals.runs().on_gate_change(),
            pool: shared.pool.on_change(),
            asked: shared.signals.on_queue_question(),
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
    Asked,
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
                    (&mut signals.asked).await;
                    Woke::Asked
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
                Woke::Asked => {
                    self.signals.asked = self.shared.signals.on_queue_question();
                    self.shared.signals.queue_has_turned();
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

    // -- lines -------------------------------------------------------------------------------------------

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
}
