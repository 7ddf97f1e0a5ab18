//! What is kept: a small log in front of an LMDB index, and body files beside them.
//!
//! * [`Change`] is everything that can happen to stored state. [`Store::commit`] is the only way to write.
//! * A commit is on disk when `commit` returns; all who wait share one flush.
//! * Changes become LMDB writes in the background, in batches, in order, deterministically.
//! * Readers see LMDB; who needs the newest state awaits [`Store::settled`] first.
//!
//! `docs/design/store.md` explains it on a page.

pub mod body;
pub mod change;
mod error;
pub mod rows;

use std::path::{Path, PathBuf};

pub use body::{Body, BodyHandle, BodyWriter};
pub use change::{Change, Delivery, MailId, MailboxId, NewMail, NewQueueEntry, RecipientUpdate};
pub use error::StoreError;
pub use rows::{
    DsnAction, Hold, JournalRow, MailboxSummary, MessageRow, QueueEntry, QueueRecipient, RecipientState, Task, TaskKind,
};

/// Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {}

/// A promise that a commit is likely within moments (a session has begun to take a mail's body). The writer may wait
/// a short, bounded time for such commits, so that they share one flush. Dropping it takes the promise back.
pub struct Expected {}

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
    /// Commits are refused for want of room.
    pub full: bool,
}

impl Store {
    /// Opens or creates the data directory, replays the log, sweeps orphan bodies, starts the writer and apply threads.
    /// Takes a lock on the directory.
    pub fn open(_dir: &Path) -> Result<Store, StoreError> {
        unimplemented!()
    }

    /// Applies what is waiting, ends the threads. Later calls answer [`StoreError::Closed`].
    pub fn close(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    pub fn dir(&self) -> &Path {
        unimplemented!()
    }

    // -- writing ------------------------------------------------------------------------------------------------

    /// A new name for a mail. Never given twice, also not after a crash.
    pub fn mail_id(&self) -> MailId {
        unimplemented!()
    }

    pub fn task_id(&self) -> u64 {
        unimplemented!()
    }

    /// All of `changes` or none, on disk when this returns. Waits while the backlog is at its bound.
    pub async fn commit(&self, _changes: Vec<Change>) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Written to the log at once (a killed process loses nothing), flushed with the next commit or within a second
    /// (a power cut may lose it). For what may be done twice, never for what was promised: `QueueTried`, journal rows.
    pub async fn post(&self, _changes: Vec<Change>) -> Result<(), StoreError> {
        unimplemented!()
    }

    pub fn expect_commit(&self) -> Expected {
        unimplemented!()
    }

    pub fn body_writer(&self) -> BodyWriter {
        unimplemented!()
    }

    /// `Err(Full)` when a mail of `size` bytes would be refused for want of room.
    pub fn room_for(&self, _size: u64) -> Result<(), StoreError> {
        unimplemented!()
    }

    // -- reading; all but `body` see the index: await `settled` first where the newest state matters ---------------

    /// Returns when everything committed before the call can be read.
    pub async fn settled(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Also finds bodies that are committed but not yet applied.
    pub fn body(&self, _mail: MailId) -> Result<Option<Body>, StoreError> {
        unimplemented!()
    }

    /// All messages of a mailbox, by UID.
    pub fn messages(&self, _mailbox: MailboxId) -> Result<Vec<MessageRow>, StoreError> {
        unimplemented!()
    }

    pub fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError> {
        unimplemented!()
    }

    /// Up to `limit` entries due at or before `now` (Unix milliseconds), not held, the longest due first.
    pub fn queue_due(&self, _now: i64, _limit: usize) -> Result<Vec<QueueEntry>, StoreError> {
        unimplemented!()
    }

    /// When the next entry that is not held becomes due.
    pub fn queue_next_due(&self) -> Result<Option<i64>, StoreError> {
        unimplemented!()
    }

    /// Up to `limit` entries in order of arrival, after `after`.
    pub fn queue_list(&self, _after: Option<MailId>, _limit: usize) -> Result<Vec<QueueEntry>, StoreError> {
        unimplemented!()
    }

    pub fn queue_entry(&self, _mail: MailId) -> Result<Option<QueueEntry>, StoreError> {
        unimplemented!()
    }

    pub fn queue_len(&self) -> Result<u64, StoreError> {
        unimplemented!()
    }

    /// UIDs a collector has seen, with the time (Unix milliseconds) each was first seen.
    pub fn seen_uids(&self, _collector: u32) -> Result<std::collections::HashMap<String, i64>, StoreError> {
        unimplemented!()
    }

    /// The configuration document, `None` before the first.
    pub fn config(&self) -> Result<Option<String>, StoreError> {
        unimplemented!()
    }

    pub fn tasks(&self, _limit: usize) -> Result<Vec<Task>, StoreError> {
        unimplemented!()
    }

    /// The newest `limit` journal rows, newest first.
    pub fn journal(&self, _limit: usize) -> Result<Vec<JournalRow>, StoreError> {
        unimplemented!()
    }

    pub fn status(&self) -> StoreStatus {
        unimplemented!()
    }

    // -- backup ---------------------------------------------------------------------------------------------------

    /// Settles, then writes a consistent copy (index and the bodies it names) into the new directory `to`, while mail
    /// goes on. Returns when it is on disk.
    pub async fn backup(&self, _to: PathBuf) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Makes the new directory `dir` from a backup. No program may use `dir`.
    pub fn restore(_from: &Path, _dir: &Path) -> Result<(), StoreError> {
        unimplemented!()
    }
}
