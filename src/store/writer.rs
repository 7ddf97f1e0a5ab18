//! The writer: one thread that appends all waiting commits to the log with one write and one flush, then answers all.
//!
//! One session alone never waits for others. When more sessions have said that their commit is near
//! ([`super::Store::expect_commit`]) than are waiting, the writer gives them a moment, so that they share the flush.
//!
//! After a failed flush it takes nothing more: the kernel may have dropped what it could not write, and a second flush
//! would succeed without it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::change::Change;
use super::error::{LOG_STAYS_FULL, StoreError};
use super::log::Log;
use super::record::Frame;
use super::segment::sync_dir;
use super::shared::Shared;

/// Longest wait for commits that are near, and the pause after which no more of them is awaited.
const GATHER: Duration = Duration::from_millis(1);
const PAUSE: Duration = Duration::from_micros(250);
/// What was posted is flushed after this time, if no commit comes first.
const DEFERRED: Duration = Duration::from_millis(900);
/// Longest wait for a free segment.
const LOG_FULL: Duration = Duration::from_secs(10);
/// One write, at most.
const WRITE: usize = 1024 * 1024;

pub(super) struct Request {
    pub frame: Frame,
    pub changes: Vec<Change>,
    /// The caller waits for the flush, not only for the write.
    pub flush: bool,
    pub answer: Answer,
}

/// Where commits wait for the writer.
#[derive(Default)]
pub(super) struct Waitroom {
    state: Mutex<State>,
    arrived: Condvar,
    expected: AtomicUsize,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    /// Requests that wait for a flush.
    flushes: usize,
    /// The writer sleeps until this many of them wait.
    wake_at: Option<usize>,
    closing: bool,
    failed: Option<StoreError>,
}

impl Waitroom {
    pub(super) fn push(&self, request: Request) -> Result<(), StoreError> {
        let mut state = self.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        if state.closing {
            return Err(StoreError::Closed);
        }
        state.flushes += usize::from(request.flush);
        state.requests.push(request);
        if state.wake_at.is_some_and(|count| state.flushes >= count) {
            state.wake_at = None;
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        self.arrived.notify_one();
    }

    pub(super) fn expect(&self, change: isize) {
        if change > 0 {
            self.expected.fetch_add(1, Ordering::Relaxed);
        } else {
            self.expected.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>, wake_at: usize, limit: Duration) -> MutexGuard<'a, State> {
        state.wake_at = Some(wake_at);
        let waited = self.arrived.wait_timeout(state, limit);
        let (mut state, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        state.wake_at = None;
        state
    }

    /// The next requests; none of them when a flush is overdue; `None` at the end.
    fn next(&self, flush_by: Option<Instant>) -> Option<Vec<Request>> {
        let mut state = self.lock();
        while state.requests.is_empty() {
            let left = flush_by.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Some(Vec::new());
            }
            if state.closing {
                return None;
            }
            state = self.sleep(state, 0, left.unwrap_or(Duration::from_secs(3600)));
        }
        let began = Instant::now();
        while state.flushes > 0 && state.flushes < self.expected.load(Ordering::Relaxed) && !state.closing {
            let (before, expected) = (state.flushes, self.expected.load(Ordering::Relaxed));
            let left = GATHER.saturating_sub(began.elapsed());
            state = self.sleep(state, expected, left.min(PAUSE));
            if state.flushes == before || left <= PAUSE {
                break;
            }
        }
        state.flushes = 0;
        Some(std::mem::take(&mut state.requests))
    }

    fn fail(&self, error: StoreError) {
        let mut state = self.lock();
        state.failed = Some(error.clone());
        state.flushes = 0;
        for request in std::mem::take(&mut state.requests) {
            request.answer.give(Err(error.clone()));
        }
    }
}

/// Runs until the waitroom is closed and empty.
pub(super) fn run(mut log: Log, dirs: &[PathBuf], waitroom: &Waitroom, shared: &Shared) {
    let mut flush_by = None;
    if let Err(error) = log.settle_files().and_then(|()| dirs.iter().try_for_each(|dir| sync_dir(dir))) {
        give_up(error, waitroom, shared);
    }
    while let Some(requests) = waitroom.next(flush_by) {
        if let Err(error) = write_all(&mut log, requests, shared) {
            give_up(error, waitroom, shared);
            flush_by = None;
            continue;
        }
        flush_by = match (log.is_dirty(), flush_by) {
            (true, None) => Some(Instant::now() + DEFERRED),
            (true, by) => by,
            (false, _) => None,
        };
    }
}

fn give_up(error: StoreError, waitroom: &Waitroom, shared: &Shared) {
    log::error!("store: {error}; nothing more is written until the program starts anew");
    shared.writer_failed(error.clone());
    waitroom.fail(error);
}

/// Writes, flushes where somebody waits for it or a flush is overdue, answers. An error is one of flushing.
fn write_all(log: &mut Log, requests: Vec<Request>, shared: &Shared) -> Result<(), StoreError> {
    if requests.is_empty() {
        return flush(log, shared);
    }
    let mut rest = requests;
    while !rest.is_empty() {
        let mut size = 0;
        let fits = rest.iter().take_while(|request| {
            let first = size == 0;
            size += request.frame.len();
            size <= log.room() && (first || size <= WRITE)
        });
        let count = fits.count();
        if count == 0 {
            if let Err(error) = next_segment(log, shared)? {
                rest.into_iter().for_each(|request| request.answer.give(Err(error.clone())));
                return Ok(());
            }
            continue;
        }
        let later = rest.split_off(count);
        write(log, std::mem::replace(&mut rest, later), shared)?;
    }
    Ok(())
}

fn write(log: &mut Log, requests: Vec<Request>, shared: &Shared) -> Result<(), StoreError> {
    let injected = injected(&shared.faults.write, "writing the log");
    let ends = match injected.and_then(|()| log.append(requests.iter().map(|request| &request.frame))) {
        Ok(ends) => ends,
        Err(error) => {
            log::error!("store: {error}");
            requests.into_iter().for_each(|request| request.answer.give(Err(error.clone())));
            return Ok(());
        }
    };
    let flushed = if requests.iter().any(|request| request.flush) { flush(log, shared) } else { Ok(()) };
    let mut answers = Vec::with_capacity(requests.len());
    if flushed.is_ok() {
        let commits = requests.into_iter().zip(ends).map(|(request, end)| {
            answers.push(request.answer);
            (end, request.frame.len(), request.changes)
        });
        shared.written(commits, log.flushed());
    } else {
        answers.extend(requests.into_iter().map(|request| request.answer));
    }
    answers.into_iter().for_each(|answer| answer.give(flushed.clone()));
    flushed
}

fn flush(log: &mut Log, shared: &Shared) -> Result<(), StoreError> {
    injected(&shared.faults.flush, "flushing the log")?;
    log.flush()?;
    shared.flushed(log.flushed());
    Ok(())
}

fn injected(fault: &AtomicBool, what: &str) -> Result<(), StoreError> {
    // The usual way costs a look, no write to memory that is shared.
    match fault.load(Ordering::Relaxed) && fault.swap(false, Ordering::Relaxed) {
        true => Err(StoreError::io(what, std::io::Error::from_raw_os_error(libc::EIO))),
        false => Ok(()),
    }
}

/// The outer error is one of flushing; the inner one says that the log stays full.
fn next_segment(log: &mut Log, shared: &Shared) -> Result<Result<(), StoreError>, StoreError> {
    let until = Instant::now() + LOG_FULL;
    let mut applied = shared.applied();
    while !log.advance(applied)? {
        match shared.wait_applied(applied, until) {
            Some(now) => applied = now,
            None => return Ok(Err(StoreError::Full(LOG_STAYS_FULL))),
        }
    }
    shared.flushed(log.flushed());
    // What lies in the segments before has to be out of the way when the ring comes round.
    shared.want(log.sequence());
    Ok(Ok(()))
}
