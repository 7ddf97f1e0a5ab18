//! What the writer, the apply thread and the callers share: the backlog, how far the log is written, flushed and
//! applied, and who waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use event_listener::Event;

use super::backlog::{Backlog, Batch, Next};
use super::body::BodyHandle;
use super::change::{Change, MailId};
use super::error::StoreError;
use super::log::Position;

#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the apply thread.
    work: Condvar,
    /// Wakes the writer when it waits for a free segment.
    progress: Condvar,
    /// Wakes callers that wait for `applied` or for the backlog to shrink.
    changed: Event,
    pub flushes: AtomicU64,
    pub commits: AtomicU64,
    pub faults: Faults,
}

/// Failures of the disk, set by tests: the next one of its kind.
#[derive(Default)]
pub(super) struct Faults {
    pub write: AtomicBool,
    pub flush: AtomicBool,
}

#[derive(Default)]
struct State {
    backlog: Backlog,
    written: u64,
    flushed: u64,
    applied: u64,
    /// To be applied at once.
    wanted: u64,
    sleep: Sleep,
    /// Pages of the index were read since they were last let go.
    read: bool,
    closing: bool,
    /// Why the last apply failed; it is tried again.
    stuck: Option<StoreError>,
    /// The writer takes no more.
    failed: Option<StoreError>,
}

/// What wakes the apply thread before its time.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sleep {
    #[default]
    Awake,
    UntilAnything,
    UntilNeeded,
    UntilRipe,
    UntilFull,
}

/// What the apply thread is to do.
pub(super) enum Work {
    Apply(Batch),
    /// Nothing to do for some time: give memory back.
    Release,
    End,
}

/// Memory is given back after this much quiet.
const RELEASE: Duration = Duration::from_millis(500);
/// An apply that failed is tried again after this time.
const RETRY: Duration = Duration::from_secs(2);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// After replay: everything up to `sequence` is applied.
    pub(super) fn start_at(&self, sequence: u64) {
        let mut state = self.lock();
        (state.written, state.flushed, state.applied) = (sequence, sequence, sequence);
        state.read = true;
    }

    // -- the writer's side --------------------------------------------------------------------------------------

    pub(super) fn written(&self, commits: impl Iterator<Item = (Position, usize, Vec<Change>)>, flushed: u64) {
        let mut state = self.lock();
        let now = Instant::now();
        let mut count = 0;
        for (end, bytes, changes) in commits {
            state.written = end.sequence;
            state.backlog.push(end, bytes, changes, now);
            count += 1;
        }
        state.flushed = flushed;
        self.commits.fetch_add(count, Ordering::Relaxed);
        let wake = match state.sleep {
            Sleep::Awake => false,
            Sleep::UntilAnything => true,
            Sleep::UntilNeeded => state.backlog.needs_index() || state.backlog.is_ripe(),
            Sleep::UntilRipe => state.backlog.is_ripe(),
            Sleep::UntilFull => state.backlog.is_pressing(),
        };
        if wake {
            self.wake(&mut state);
        }
    }

    pub(super) fn flushed(&self, sequence: u64) {
        self.lock().flushed = sequence;
        self.flushes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn applied(&self) -> u64 {
        self.lock().applied
    }

    /// Asks the apply thread to go up to `sequence` at once.
    pub(super) fn want(&self, sequence: u64) {
        let mut state = self.lock();
        state.wanted = state.wanted.max(sequence);
        self.wake(&mut state);
    }

    /// Waits until more than `before` is applied; `None` when `until` has passed.
    pub(super) fn wait_applied(&self, before: u64, until: Instant) -> Option<u64> {
        let mut state = self.lock();
        state.wanted = state.written;
        self.wake(&mut state);
        while state.applied <= before {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            // Segments made in the background may come as well, so do not sleep for long.
            let waited = self.progress.wait_timeout(state, left.min(Duration::from_millis(20)));
            let timed_out;
            (state, timed_out) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
            if timed_out.timed_out() {
                break;
            }
        }
        Some(state.applied)
    }

    pub(super) fn writer_failed(&self, error: StoreError) {
        self.lock().failed = Some(error);
        self.changed.notify(usize::MAX);
    }

    // -- the apply thread's side --------------------------------------------------------------------------------

    fn wake(&self, state: &mut State) {
        if state.sleep != Sleep::Awake {
            state.sleep = Sleep::Awake;
            self.work.notify_one();
        }
    }

    /// Sleeps until there is something to do.
    pub(super) fn next_work(&self) -> Work {
        let mut state = self.lock();
        loop {
            let (stuck, closing) = (state.stuck.is_some(), state.closing);
            let wanted = if closing { u64::MAX } else { state.wanted };
            let (sleep, time) = match state.backlog.next(wanted, Instant::now()) {
                Next::Apply(_) if stuck && closing => return Work::End,
                // A failed apply has waited before it came here.
                Next::Apply(until) => {
                    let flushed = state.flushed;
                    return Work::Apply(state.backlog.take(until, flushed));
                }
                Next::Idle if closing => return Work::End,
                Next::Idle => (Sleep::UntilAnything, if state.read { RELEASE } else { Duration::from_secs(86_400) }),
                Next::Later(time) if state.backlog.is_ripe() => (Sleep::UntilFull, time),
                Next::Later(time) if state.backlog.needs_index() => (Sleep::UntilRipe, time),
                Next::Later(time) => (Sleep::UntilNeeded, time),
            };
            let releasing = sleep == Sleep::UntilAnything && state.read;
            state.sleep = sleep;
            let waited = self.work.wait_timeout(state, time);
            let timeout;
            (state, timeout) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
            state.sleep = Sleep::Awake;
            if releasing && timeout.timed_out() {
                state.read = false;
                return Work::Release;
            }
        }
    }

    /// The batch is in the index. Returns files of ended mails that nothing needs any more.
    pub(super) fn batch_applied(&self, batch: &Batch) -> Vec<u128> {
        let mut state = self.lock();
        let flushed = state.flushed;
        let files = state.backlog.applied(batch, flushed);
        state.applied = batch.end;
        state.stuck = None;
        state.read = true;
        drop(state);
        self.progress.notify_all();
        self.changed.notify(usize::MAX);
        files
    }

    /// The batch could not be applied: it is kept, and tried again after some time.
    pub(super) fn batch_failed(&self, batch: Batch, error: StoreError) {
        let mut state = self.lock();
        state.backlog.put_back(batch);
        state.stuck = Some(error);
        self.changed.notify(usize::MAX);
        if !state.closing {
            state.sleep = Sleep::UntilFull;
            let waited = self.work.wait_timeout(state, RETRY);
            let (mut state, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
            state.sleep = Sleep::Awake;
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        state.sleep = Sleep::Awake;
        self.work.notify_all();
        self.changed.notify(usize::MAX);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    // -- the callers' side --------------------------------------------------------------------------------------

    /// A commit that adds mail is refused while the index takes nothing.
    pub(super) fn stuck(&self) -> Option<StoreError> {
        self.lock().stuck.clone()
    }

    /// Why the writer takes no more.
    pub(super) fn failed(&self) -> Option<StoreError> {
        self.lock().failed.clone()
    }

    /// Waits until the writer takes no more.
    pub(super) async fn failure(&self) -> StoreError {
        loop {
            let changed = self.changed.listen();
            if let Some(error) = self.failed() {
                return error;
            }
            changed.await;
        }
    }

    /// Waits while the backlog is at its bound.
    pub(super) async fn not_full(&self) -> Result<(), StoreError> {
        self.until(|state| {
            let failed = state.failed.clone().map(Err);
            failed.or((!state.backlog.is_full()).then_some(Ok(())))
        })
        .await
    }

    /// Waits until everything written before the call is applied. That goes on after the writer has failed: what was
    /// accepted can be read.
    pub(super) async fn settled(&self) -> Result<(), StoreError> {
        let target = {
            let mut state = self.lock();
            let target = state.written;
            if state.applied < target {
                state.wanted = state.wanted.max(target);
                self.wake(&mut state);
            }
            target
        };
        self.until(|state| (state.applied >= target).then_some(Ok(()))).await
    }

    async fn until(&self, done: impl Fn(&State) -> Option<Result<(), StoreError>>) -> Result<(), StoreError> {
        let look = || {
            let state = self.lock();
            done(&state).or_else(|| {
                let closed = (state.closing && state.stuck.is_some()).then_some(StoreError::Closed);
                state.stuck.clone().or(closed).map(Err)
            })
        };
        loop {
            if let Some(result) = look() {
                return result;
            }
            let changed = self.changed.listen();
            if let Some(result) = look() {
                return result;
            }
            changed.await;
        }
    }

    pub(super) fn body(&self, mail: MailId) -> Option<BodyHandle> {
        self.lock().backlog.body(mail)
    }

    pub(super) fn backlog_bytes(&self) -> usize {
        self.lock().backlog.bytes()
    }

    pub(super) fn files(&self) -> std::collections::HashSet<u128> {
        self.lock().backlog.files()
    }

    /// Pages of the index have been read.
    pub(super) fn note_read(&self) {
        let mut state = self.lock();
        if !state.read {
            state.read = true;
            if state.sleep == Sleep::UntilAnything {
                self.wake(&mut state);
            }
        }
    }
}
