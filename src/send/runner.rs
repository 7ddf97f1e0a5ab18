//! Decides what is sent now. Mail just accepted comes by hand; the index is read at start, when hands were full, when
//! somebody changed the queue, and when something that was put off is due.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_io::Timer;
use event_listener::EventListener;
use smol::future::FutureExt;

use crate::config::Published;
use crate::net::{Tasks, now_ms, timeout};
use crate::store::{QueueEntry, StoreError};

use super::attempt::Tried;
use super::line::Line;
use super::pool::{LOW, Load, Seat, WAITING};
use super::{Shared, connection, schedule};

/// Entries read from the index at a time.
const BATCH: usize = 512;
/// Waiting entries for each open connection, above which one more is opened at once …
const DEEP: usize = 16;
/// … and how long an entry may wait for the connections there are.
const PATIENCE: Duration = Duration::from_millis(100);
/// After nothing could be handed over, no connection is tried for this long (or the first retry step, if shorter).
const BLOCKED: Duration = Duration::from_secs(60);
/// Between tries to read an index that cannot be read.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// The wall clock may jump: a due time is looked at anew this often.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// For the connections to come to their end: they themselves take 10 s at most.
const CLOSING: Duration = Duration::from_secs(12);

/// Runs until stopping has begun and the connections are closed.
pub async fn run(shared: &Arc<Shared>, config: &Published, tasks: &Tasks) {
    let mut runner = Runner {
        shared: shared.clone(),
        tasks: tasks.clone(),
        unread: true,
        read_at: Instant::now(),
        blocked: None,
        signals: Listeners::new(shared, config),
    };
    runner.take_line(config);
    runner.run(config).await;
    let closed = async {
        loop {
            let change = shared.pool.on_change();
            if shared.pool.load().open == 0 {
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
    /// No connection is opened until then, for this reason: what comes in is put off.
    blocked: Option<(Instant, Arc<str>)>,
    signals: Listeners,
}

struct Listeners {
    queue: EventListener,
    config: EventListener,
    pool: EventListener,
}

impl Listeners {
    fn new(shared: &Shared, config: &Published) -> Listeners {
        Listeners { queue: shared.signals.on_queue_change(), config: config.changed(), pool: shared.pool.on_change() }
    }
}

enum Woke {
    Fresh(Arc<QueueEntry>),
    QueueChanged,
    ConfigChanged,
    PoolChanged,
    Time,
    Stopping,
}

impl Runner {
    async fn run(&mut self, config: &Published) {
        let fresh = self.shared.signals.fresh();
        let stop = self.shared.stop.clone();
        let mut stopping = pin!(stop.stopping());
        loop {
            self.take_fresh(WAITING);
            self.mind_failures().await;
            self.read_if_due().await;
            self.open_connections();
            let timer = self.timer();
            let has_room = self.shared.pool.load().waiting < WAITING;
            let signals = &mut self.signals;
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
                    timer.await;
                    Woke::Time
                })
                .or(async {
                    stopping.as_mut().await;
                    Woke::Stopping
                })
                .await;
            match woke {
                Woke::Fresh(_) if self.is_shut() => self.unread = true,
                Woke::Fresh(entry) => self.shared.pool.hand_over(entry),
                Woke::PoolChanged => self.signals.pool = self.shared.pool.on_change(),
                Woke::QueueChanged => {
                    self.signals.queue = self.shared.signals.on_queue_change();
                    self.queue_changed();
                }
                Woke::ConfigChanged => {
                    self.signals.config = config.changed();
                    self.take_line(config);
                }
                Woke::Time => {}
                Woke::Stopping => return,
            }
        }
    }

    /// Nothing goes out for now: entries are left to the index, where they take no memory.
    fn is_shut(&self) -> bool {
        self.shared.line().is_none()
    }

    fn take_fresh(&mut self, bound: usize) {
        let fresh = self.shared.signals.fresh();
        if self.is_shut() {
            while fresh.try_recv().is_ok() {
                self.unread = true;
            }
        }
        while self.shared.pool.load().waiting < bound {
            let Ok(entry) = fresh.try_recv() else { break };
            self.shared.pool.hand_over(entry);
        }
        self.unread |= self.shared.signals.take_overflow();
    }

    /// Somebody has held, released, removed or hurried entries: what waits may be out of date.
    fn queue_changed(&mut self) {
        self.take_fresh(usize::MAX);
        self.shared.pool.forget_waiting();
        self.blocked = None;
        self.unread = true;
        self.read_at = Instant::now();
    }

    fn take_line(&mut self, config: &Published) {
        let old = self.shared.line();
        match Line::of(&config.current()) {
            Ok(line) if old.as_ref().is_some_and(|old| old.same_as(&line)) => return,
            Ok(line) => {
                self.shared.board.sender(line.id, |sender| {
                    sender.name.clone_from(&line.name);
                    sender.state = "ready".to_string();
                    sender.ok = true;
                });
                self.shared.board.keep_senders(&[line.id]);
                self.shared.set_line(Some(Arc::new(line)));
            }
            Err(shut) => {
                self.shared.set_line(None);
                self.shared.shut(&shut);
                self.shared.pool.forget_waiting();
                self.unread = true;
                self.shared.board.keep_senders(&[shut.id]);
            }
        }
        self.blocked = None;
        self.shared.pool.call_all();
    }

    // -- failing --------------------------------------------------------------------------------------------------

    /// While the sender fails as a whole, each entry is put off by its own retry step instead of being tried.
    async fn mind_failures(&mut self) {
        if let (Some(reason), Some(line)) = (self.shared.pool.take_failure(), self.shared.line()) {
            let step = Duration::from_millis(u64::try_from(schedule::first_step(&line.sender)).unwrap_or(0));
            self.blocked = Some((Instant::now() + BLOCKED.min(step), reason));
        }
        match &self.blocked {
            Some((until, _)) if *until <= Instant::now() => self.blocked = None,
            Some((_, reason)) => {
                for entry in self.shared.pool.take_all() {
                    let _ = self.shared.results.send(Tried::put_off(entry, reason)).await;
                }
            }
            None => {}
        }
    }

    // -- the index ------------------------------------------------------------------------------------------------

    async fn read_if_due(&mut self) {
        self.unread |= self.shared.pool.due().is_some_and(|due| self.is_due(due, now_ms()));
        let now = Instant::now();
        if self.is_shut() || !self.unread || now < self.read_at || self.shared.pool.load().waiting >= LOW {
            return;
        }
        match self.read().await {
            Ok(more) => self.unread = more,
            Err(StoreError::Closed) => self.read_at = now + LOOK_AGAIN,
            Err(error) => {
                log::error!("send: the queue cannot be read: {error}");
                self.read_at = now + READ_AGAIN;
            }
        }
    }

    /// `true`: there is more that is due.
    async fn read(&self) -> Result<bool, StoreError> {
        let pool = &self.shared.pool;
        let limit = pool.begin_reading() + BATCH + 1;
        self.shared.store.settled().await?;
        let store = self.shared.store.clone();
        let found = smol::unblock(move || {
            let mut found = store.queue_due(i64::MAX, limit)?;
            if found.len() >= limit {
                found.extend(store.queue_due_last(BATCH)?);
            }
            Ok::<_, StoreError>(found)
        })
        .await?;
        let now = now_ms();
        let full = found.len() >= limit;
        let next = found.iter().filter_map(QueueEntry::wakes).find(|&due| due > now && !self.is_due(due, now));
        let due = |entry: &QueueEntry| entry.wakes().is_some_and(|time| self.is_due(time, now));
        pool.end_reading(found.into_iter().filter(due), next);
        Ok(full && next.is_none())
    }

    /// Its time has come, or was set by a clock that went wrong.
    fn is_due(&self, due: i64, now: i64) -> bool {
        let line = self.shared.line();
        due <= now || line.is_some_and(|line| schedule::is_out_of_reach(&line.sender, due, now))
    }

    // -- connections ----------------------------------------------------------------------------------------------

    fn open_connections(&self) {
        let Some(line) = self.shared.line().filter(|_| self.blocked.is_none()) else { return };
        let load = self.shared.pool.load();
        let now = Instant::now();
        let waited = load.oldest.is_some_and(|since| now.duration_since(since) >= PATIENCE);
        let deep = waited || load.waiting >= DEEP * load.open;
        if wants_another(&load, &line) && deep && load.enough_until.is_none_or(|until| until <= now) {
            let seat = Seat::take(&self.shared.pool);
            self.tasks.spawn(connection::run(self.shared.clone(), line, seat)).detach();
        }
    }

    /// When to look again, if nothing happens before.
    fn timer(&self) -> Timer {
        if self.is_shut() {
            return Timer::never();
        }
        let now = Instant::now();
        let load = self.shared.pool.load();
        let mut next = self.blocked.as_ref().map(|(until, _)| *until);
        let mut at = |time: Instant| next = Some(next.map_or(time, |earlier| earlier.min(time)));
        if self.unread && load.waiting < LOW {
            at(self.read_at);
        } else if let Some(due) = self.shared.pool.due().filter(|_| !self.unread) {
            let left = Duration::from_millis(u64::try_from(due - now_ms()).unwrap_or(0));
            at(now + left.min(LOOK_AGAIN));
        }
        if self.blocked.is_none() && self.shared.line().is_some_and(|line| wants_another(&load, &line)) {
            at((load.oldest.unwrap_or(now) + PATIENCE).max(load.enough_until.unwrap_or(now)));
        }
        next.map_or_else(Timer::never, Timer::at)
    }
}

/// Entries wait, nobody will take them at once, and another connection is allowed.
fn wants_another(load: &Load, line: &Line) -> bool {
    let max = usize::try_from(line.sender.max_connections).unwrap_or(1).max(1);
    load.waiting > 0 && load.room == 0 && load.open < max
}
