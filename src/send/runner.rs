//! Decides what is sent now. Mail just accepted comes by hand; the index is read at start, when hands were full, when
//! somebody changed the queue, when a run of a connection begins, and when something that was put off is due.

mod coming;
mod configuring;
mod connecting;
mod failing;
mod runs;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_listener::EventListener;
use smol::channel::Receiver;
use smol::future::FutureExt;

use crate::live::Part;
use crate::net::{Tasks, timeout};
use crate::store::QueueEntry;

use super::Shared;
use super::pool::WAITING;
use super::reading::Cursor;
use runs::Run;

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
    /// The run under way.
    run: Option<Run>,
    parts: Receiver<Part>,
    signals: Listeners,
}

struct Listeners {
    queue: EventListener,
    config: EventListener,
    gates: EventListener,
    pool: EventListener,
    asked: EventListener,
    marks: EventListener,
}

impl Listeners {
    fn new(shared: &Shared) -> Listeners {
        Listeners {
            queue: shared.signals.on_queue_change(),
            config: shared.config.changed(),
            gates: shared.signals.runs().on_gate_change(),
            pool: shared.pool.on_change(),
            asked: shared.signals.on_queue_question(),
            marks: shared.signals.runs().on_ask(),
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
    Marked,
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
                    (&mut signals.marks).await;
                    Woke::Marked
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
                Woke::Marked => self.signals.marks = self.shared.signals.runs().on_ask(),
                Woke::Time => {}
                Woke::Stopping => return,
            }
        }
    }
}
