//! What is kept: a small log in front of an LMDB index, and body files beside them.
//!
//! * [`Change`] is everything that can happen to stored state. [`Store::commit`] is the only way to write.
//! * A commit is on disk when `commit` returns; all who wait share one flush.
//! * Changes become LMDB writes in the background, in batches, in order, deterministically.
//! * Readers see LMDB; who needs the newest state awaits [`Store::settled`] first.
//!
//! `docs/design/store.md` explains it on a page.

mod answer;
mod apply;
mod backlog;
mod backup;
mod bodies;
pub mod body;
pub mod change;
mod core;
mod error;
mod index;
mod log;
mod mapping;
mod opening;
mod piece;
mod read;
mod record;
mod room;
pub mod rows;
mod segment;
mod shared;
mod tables;
mod waitroom;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use body::{Body, BodyHandle, BodyWriter};
pub use change::{Change, Delivery, MailId, MailboxId, NewMail, NewQueueEntry, RecipientUpdate};
pub use core::Options;
pub use error::StoreError;
pub use rows::{
    AtProvider, Block, DEFAULT_PRIORITY, DsnAction, FailingPart, Held, Hold, JournalRow, MailboxSummary, MessageRow,
    NotDownloaded, QueueEntry, QueueRecipient, RecipientState, ReportedError, SavedScript, SendAttempt, Task, TaskKind,
};

use core::Core;

/// Cheap to clone; all clones are one store. When the last one is dropped the store is closed.
#[derive(Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

struct Handle {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A promise that a commit is likely within moments (a session has begun to take a mail's body). The writer may wait
/// a short, bounded time for such commits, so that they share one flush. Dropping it takes the promise back.
pub struct Expected {
    core: Arc<Core>,
}

/// What the status page shows of the store.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct StoreStatus {
    /// Bytes in the log that are not yet applied.
    pub backlog: u64,
    pub flushes: u64,
    pub commits: u64,
    /// Bytes of the index in use, and its limit.
    pub index_used: u64,
    pub index_limit: u64,
    /// Bytes free on the file system of the data directory.
    pub disk_free: u64,
    /// A usual mail is refused for want of room.
    pub full: bool,
    /// Nothing is taken any more: the log could not be flushed ([`Store::failure`]).
    pub failed: bool,
}

impl Store {
    /// Opens or creates the data directory, replays the log, sweeps orphan bodies, starts the writer and apply threads.
    /// Takes a lock on the directory.
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        Store::open_with(dir, &Options::default())
    }

    /// The same with other sizes, for tests and tools.
    pub fn open_with(dir: &Path, options: &Options) -> Result<Store, StoreError> {
        let (core, threads) = Core::open(dir, options)?;
        Ok(Store { handle: Arc::new(Handle { core, threads: Mutex::new(threads) }) })
    }

    /// Applies what is waiting, ends the threads. Later calls answer [`StoreError::Closed`].
    pub fn close(&self) -> Result<(), StoreError> {
        self.handle.close()
    }

    pub fn dir(&self) -> &Path {
        &self.core().dir
    }

    fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }

    // -- writing ------------------------------------------------------------------------------------------------

    /// A new name for a mail. Never given twice, also not after a crash.
    pub fn mail_id(&self) -> MailId {
        MailId(self.core().next_id())
    }

    /// A new name for a task. Never given twice.
    pub fn task_id(&self) -> u64 {
        self.core().next_id()
    }

    /// All of `changes` or none, on disk when this returns. Waits while the backlog is at its bound.
    ///
    /// A commit is carried out also when the returned future is dropped after its first poll. When mail is refused
    /// before it is written, the files of its bodies are removed.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.core().submit(changes, true).await
    }

    /// Written to the log at once (a killed process loses nothing), flushed with the next commit or within a second
    /// (a power cut may lose it). For what may be done twice, never for what was promised: `QueueTried`, journal rows.
    pub async fn post(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.core().submit(changes, false).await
    }

    /// Returns when the writer has nothing to do but to take commits, or has just written some: it does not hang. Writes nothing.
    pub async fn beat(&self) -> Result<(), StoreError> {
        if let Some(error) = self.core().shared.failed() {
            return Err(error);
        }
        let (answer, reply) = answer::reply();
        self.core().waitroom.ask(answer)?;
        reply.await
    }

    /// Hold it from when a commit is near until it has returned.
    pub fn expect_commit(&self) -> Expected {
        self.core().waitroom.expect(1);
        Expected { core: self.core().clone() }
    }

    pub fn body_writer(&self) -> BodyWriter {
        BodyWriter::new(self.core().bodies.clone())
    }

    /// `Err(Full)` when a mail of `size` bytes would be refused for want of room.
    pub fn room_for(&self, size: u64) -> Result<(), StoreError> {
        let inline = size.min(body::INLINE_LIMIT as u64);
        self.core().room_for(inline, if size > inline { size } else { 0 })
    }

    /// Returns when everything committed before the call can be read.
    pub async fn settled(&self) -> Result<(), StoreError> {
        self.core().shared.settled().await
    }

    pub fn status(&self) -> StoreStatus {
        let core = self.core();
        let measure = core.measure().unwrap_or_default();
        StoreStatus {
            backlog: core.shared.backlog_bytes() as u64,
            flushes: core.shared.flushes.load(Ordering::Relaxed),
            commits: core.shared.commits.load(Ordering::Relaxed),
            index_used: measure.index_used,
            index_limit: measure.index_limit,
            disk_free: measure.disk_free,
            full: core.room_for(4096, 0).is_err() || core.shared.stuck().is_some(),
            failed: core.shared.failed().is_some(),
        }
    }

    /// Waits until the log could not be flushed. Then nothing more is taken, since nobody knows what of it is on disk,
    /// until the store is opened anew. May never return.
    pub async fn failure(&self) -> StoreError {
        self.core().shared.failure().await
    }

    /// Makes the next write (or flush) of the log fail; for tests.
    #[doc(hidden)]
    pub fn break_next(&self, flush: bool) {
        let faults = &self.core().shared.faults;
        (if flush { &faults.flush } else { &faults.write }).store(true, Ordering::Relaxed);
    }

    /// Runs `work` while nothing is being applied; for tests that take a picture of the directory.
    #[doc(hidden)]
    pub fn at_rest<T>(&self, work: impl FnOnce() -> T) -> T {
        self.core().at_rest(work)
    }

    // -- backup ---------------------------------------------------------------------------------------------------

    /// Settles, then writes a consistent copy (index and the bodies it names) into the new directory `to`, while mail
    /// goes on. Returns when it is on disk.
    pub async fn backup(&self, to: PathBuf) -> Result<(), StoreError> {
        self.settled().await?;
        let core = self.core().clone();
        smol::unblock(move || backup::backup(&core, &to)).await
    }

    /// Makes the new directory `dir` from a backup. No program may use `dir`.
    pub fn restore(from: &Path, dir: &Path) -> Result<(), StoreError> {
        backup::restore(from, dir)
    }
}

impl Handle {
    fn close(&self) -> Result<(), StoreError> {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        if threads.is_empty() { Ok(()) } else { self.core.close(threads) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            ::log::error!("store: closing: {error}");
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.core.waitroom.expect(-1);
    }
}
