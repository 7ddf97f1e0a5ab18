//! The writer: one thread that appends all waiting commits to the log with one write and one flush, then answers all.
//!
//! After a failed flush it takes nothing more: the kernel may have dropped what it could not write, and a second flush
//! would succeed without it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::{LOG_STAYS_FULL, StoreError};
use super::log::Log;
use super::segment::sync_dir;
use super::shared::Shared;
use super::waitroom::{Request, Return, Waitroom};

/// What was posted is flushed after this time, if no commit comes first.
const DEFERRED: Duration = Duration::from_millis(900);
/// Longest wait for a free segment.
const LOG_FULL: Duration = Duration::from_secs(10);
/// One write, at most.
const WRITE: usize = 1024 * 1024;

/// Runs until the waitroom is closed and empty.
pub(super) fn run(mut log: Log, dirs: &[PathBuf], waitroom: &Waitroom, shared: &Shared) {
    let mut flush_by = None;
    if let Err(error) = log.settle_files().and_then(|()| dirs.iter().try_for_each(|dir| sync_dir(dir))) {
        give_up(error, waitroom, shared);
    }
    let mut back = Return::default();
    while let Some(requests) = waitroom.next(flush_by, &mut back) {
        let (began, answered) = (Instant::now(), requests.iter().filter(|request| request.flush).count());
        let written = write_all(&mut log, requests, shared);
        back.flushed(began.elapsed(), answered);
        if let Err(error) = written {
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
