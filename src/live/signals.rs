//! Signals between rooms that must not import each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;

use super::Runs;
use crate::store::QueueEntry;

/// Mails handed from intake to the queue runner in memory, at most; beyond it the runner reads the index.
pub const HANDOVER: usize = 1024;

/// Cheap to clone; all clones are the same signals.
#[derive(Clone)]
pub struct Signals {
    fresh: (smol::channel::Sender<Arc<QueueEntry>>, smol::channel::Receiver<Arc<QueueEntry>>),
    runs: Runs,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    overflowed: AtomicBool,
    queue: Event,
    asked: Event,
    turned: Event,
    tasks: Event,
}

impl Default for Signals {
    fn default() -> Signals {
        Signals { fresh: smol::channel::bounded(HANDOVER), runs: Runs::default(), inner: Arc::default() }
    }
}

impl Signals {
    /// Intake: this mail was committed and is due. Never waits; when the runner is far behind it is told to look into
    /// the index instead.
    pub fn mail_waiting(&self, entry: Arc<QueueEntry>) {
        if self.fresh.0.try_send(entry).is_err() {
            self.inner.overflowed.store(true, Ordering::Release);
            self.inner.queue.notify(usize::MAX);
        }
    }

    /// Queue runner: mails handed over.
    pub fn fresh(&self) -> smol::channel::Receiver<Arc<QueueEntry>> {
        self.fresh.1.clone()
    }

    /// Queue runner: whether mails were not handed over since the last call, so that the index must be read.
    pub fn take_overflow(&self) -> bool {
        self.inner.overflowed.swap(false, Ordering::AcqRel)
    }

    /// The queue changed otherwise (retry now, hold, release, overflow): look again.
    pub fn queue_changed(&self) {
        self.inner.queue.notify(usize::MAX);
    }

    pub fn on_queue_change(&self) -> event_listener::EventListener {
        self.inner.queue.listen()
    }

    /// Returns when the queue runner has come round once more: it does not hang.
    pub async fn queue_turns(&self) {
        let turned = self.inner.turned.listen();
        self.inner.asked.notify(usize::MAX);
        turned.await;
    }

    /// Queue runner: somebody asks whether it comes round …
    pub fn on_queue_question(&self) -> event_listener::EventListener {
        self.inner.asked.listen()
    }

    /// … and it does.
    pub fn queue_has_turned(&self) {
        self.inner.turned.notify(usize::MAX);
    }

    /// Runs of Connections: asking for them, taking part in them.
    pub fn runs(&self) -> &Runs {
        &self.runs
    }

    /// A task row was committed.
    pub fn task_added(&self) {
        self.inner.tasks.notify(usize::MAX);
    }

    pub fn on_task(&self) -> event_listener::EventListener {
        self.inner.tasks.listen()
    }
}

/// Tells everything to come to an end. Cheap to clone.
#[derive(Clone)]
pub struct Stop {
    closed: smol::channel::Receiver<()>,
}

/// Dropping it (or calling [`StopSource::stop`]) stops.
pub struct StopSource {
    open: smol::channel::Sender<()>,
}

impl StopSource {
    pub fn new() -> (StopSource, Stop) {
        let (open, closed) = smol::channel::bounded(1);
        (StopSource { open }, Stop { closed })
    }

    pub fn stop(&self) {
        self.open.close();
    }
}

impl Stop {
    pub fn is_stopping(&self) -> bool {
        self.closed.is_closed()
    }

    /// Resolves when stopping begins.
    pub async fn stopping(&self) {
        let _ = self.closed.recv().await;
    }
}
