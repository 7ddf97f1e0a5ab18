//! Reading: every call is one LMDB read transaction, over before it returns.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use heed::RoTxn;

use super::Store;
use super::body::{Body, BodyHandle};
use super::change::{MailId, MailboxId};
use super::error::StoreError;
use super::rows::{
    Block, Held, JournalRow, MailboxSummary, MessageRow, QueueEntry, ReportedError, SavedScript, SendAttempt, Task,
};
use super::tables::{
    self, BodyPlace, HeldRow, MailRow, MailboxRow, SeenRow, StoredMessage, Table, Tables, decode, due_key, due_of, get,
    id_key, mailbox_key, meta, question_key, seen_uid,
};

/// What finding a body touches besides the body, bytes.
const TREE_PAGES: usize = 4 * 4096;

/// Key and value.
type RawRow = (Vec<u8>, Vec<u8>);

impl Store {
    /// Also finds bodies that are committed but not yet applied.
    pub fn body(&self, mail: MailId) -> Result<Option<Body>, StoreError> {
        if let Some(handle) = self.core().shared.body(mail) {
            return match handle {
                BodyHandle::Inline(bytes) => Ok(Some(Body::Inline(bytes))),
                BodyHandle::File { id, size } => self.open_file(id, size).map(Some),
            };
        }
        let key = id_key(mail.0);
        let place = self.core().read(|tables, txn| {
            let Some(row) = get::<MailRow>(tables.mails, txn, &key)? else { return Ok(None) };
            match row.body {
                BodyPlace::Inline { .. } => {
                    let bytes = tables.bodies.get(txn, &key).map_err(StoreError::index)?;
                    let bytes = bytes.ok_or_else(|| StoreError::Damaged(format!("the body of {mail} is missing")))?;
                    Ok(Some(Ok(Arc::<[u8]>::from(bytes))))
                }
                BodyPlace::File { id, size } => Ok(Some(Err((id, size)))),
            }
        })?;
        match place {
            None => Ok(None),
            Some(Ok(bytes)) => {
                self.core().touched(bytes.len() + TREE_PAGES);
                Ok(Some(Body::Inline(bytes)))
            }
            Some(Err((id, size))) => self.open_file(id, size).map(Some),
        }
    }

    fn open_file(&self, id: u128, size: u64) -> Result<Body, StoreError> {
        Ok(Body::File { file: self.core().bodies.open_body(id)?, size })
    }

    /// All messages of a mailbox, by UID.
    pub fn messages(&self, mailbox: MailboxId) -> Result<Vec<MessageRow>, StoreError> {
        let key = mailbox_key(mailbox);
        self.core().read(|tables, txn| {
            let row: MailboxRow = get(tables.mailboxes, txn, &key)?.unwrap_or_default();
            let mut messages = Vec::with_capacity(row.messages.min(1 << 20) as usize);
            for item in tables.messages.prefix_iter(txn, &key).map_err(StoreError::index)? {
                let (key, value) = item.map_err(StoreError::index)?;
                let StoredMessage { mail, size, received_at, head } = decode(value)?;
                messages.push(MessageRow { uid: number(key.get(8..))?, mail, size, received_at, head });
            }
            Ok(messages)
        })
    }

    /// Mailboxes that have ever held a message.
    pub fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError> {
        self.core().read(|tables, txn| {
            let mut summaries = Vec::new();
            for item in tables.mailboxes.iter(txn).map_err(StoreError::index)? {
                let (key, value) = item.map_err(StoreError::index)?;
                let MailboxRow { messages, bytes, .. } = decode(value)?;
                let mailbox = MailboxId { user: number(key.get(..4))?, folder: number(key.get(4..))? };
                summaries.push(MailboxSummary { mailbox, messages, bytes });
            }
            Ok(summaries)
        })
    }

    /// Up to `limit` entries that wake at or before `now` (Unix milliseconds), the earliest first.
    pub fn queue_due(&self, now: i64, limit: usize) -> Result<Vec<QueueEntry>, StoreError> {
        let last = due_key(now, MailId(u64::MAX));
        let range = (Bound::Unbounded, Bound::Included(last.as_slice()));
        self.core().read(|tables, txn| {
            let rows = tables.due.range(txn, &range).map_err(StoreError::index)?;
            due_entries(tables, txn, rows.take(limit))
        })
    }

    /// Up to `limit` entries after `after`, a time and a mail, by the time they wake.
    pub fn queue_due_after(&self, after: Option<(i64, MailId)>, limit: usize) -> Result<Vec<QueueEntry>, StoreError> {
        let after = after.map(|(time, mail)| due_key(time, mail));
        let start = after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_slice()));
        self.core().read(|tables, txn| {
            let rows = tables.due.range(txn, &(start, Bound::<&[u8]>::Unbounded)).map_err(StoreError::index)?;
            due_entries(tables, txn, rows.take(limit))
        })
    }

    /// Up to `limit` entries that wake last of all, the last first.
    pub fn queue_due_last(&self, limit: usize) -> Result<Vec<QueueEntry>, StoreError> {
        self.core().read(|tables, txn| {
            let rows = tables.due.rev_iter(txn).map_err(StoreError::index)?;
            due_entries(tables, txn, rows.take(limit))
        })
    }

    /// When the next entry wakes.
    pub fn queue_next_due(&self) -> Result<Option<i64>, StoreError> {
        self.core().read(|tables, txn| {
            let first = tables.due.first(txn).map_err(StoreError::index)?;
            Ok(first.and_then(|(key, _)| due_of(key)).map(|(due, _)| due))
        })
    }

    /// Up to `limit` entries in order of arrival, after `after`.
    pub fn queue_list(&self, after: Option<MailId>, limit: usize) -> Result<Vec<QueueEntry>, StoreError> {
        let after = after.map(|mail| id_key(mail.0));
        let start = after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_slice()));
        self.core().read(|tables, txn| {
            let range = (start, Bound::<&[u8]>::Unbounded);
            let rows = tables.queue.range(txn, &range).map_err(StoreError::index)?;
            rows.take(limit).map(|item| decode(item.map_err(StoreError::index)?.1)).collect()
        })
    }

    pub fn queue_entry(&self, mail: MailId) -> Result<Option<QueueEntry>, StoreError> {
        self.core().read(|tables, txn| get(tables.queue, txn, &id_key(mail.0)))
    }

    pub fn queue_len(&self) -> Result<u64, StoreError> {
        self.core().read(|tables, txn| tables.queue.len(txn).map_err(StoreError::index))
    }

    /// UIDs a collector has seen, with the time (Unix milliseconds) each was first seen.
    pub fn seen_uids(&self, collector: u32) -> Result<HashMap<String, i64>, StoreError> {
        self.core().read(|tables, txn| {
            let mut seen = HashMap::new();
            for item in tables.seen.prefix_iter(txn, &collector.to_be_bytes()).map_err(StoreError::index)? {
                let (key, value) = item.map_err(StoreError::index)?;
                let SeenRow { at, long } = decode(value)?;
                if let Some(uid) = long.or_else(|| seen_uid(key).map(String::from)) {
                    seen.insert(uid, at);
                }
            }
            Ok(seen)
        })
    }

    /// Messages a collector leaves at the provider for now, by UID.
    pub fn held(&self, collector: u32) -> Result<HashMap<String, Held>, StoreError> {
        self.core().read(|tables, txn| {
            let mut all = HashMap::new();
            for item in tables.held.prefix_iter(txn, &collector.to_be_bytes()).map_err(StoreError::index)? {
                let (key, value) = item.map_err(StoreError::index)?;
                let HeldRow { since, question, wanted, long } = decode(value)?;
                if let Some(uid) = long.or_else(|| seen_uid(key).map(String::from)) {
                    all.insert(uid, Held { since, question, wanted });
                }
            }
            Ok(all)
        })
    }

    /// The message a question is about, if it is still open.
    pub fn asked(&self, question: u128) -> Result<Option<Held>, StoreError> {
        self.core().read(|tables, txn| {
            let key = tables.questions.get(txn, &question_key(question)).map_err(StoreError::index)?;
            let Some(row) = key.map(|key| get::<HeldRow>(tables.held, txn, key)).transpose()?.flatten() else {
                return Ok(None);
            };
            Ok(Some(Held { since: row.since, question: row.question, wanted: row.wanted }))
        })
    }

    /// The configuration document, `None` before the first.
    pub fn config(&self) -> Result<Option<String>, StoreError> {
        self.core().read(|tables, txn| get(tables.meta, txn, meta::CONFIG))
    }

    /// Connections that are reported not to work.
    pub fn reported_errors(&self) -> Result<Vec<ReportedError>, StoreError> {
        self.core().read(|tables, txn| Ok(get(tables.meta, txn, meta::REPORTED_ERRORS)?.unwrap_or_default()))
    }

    /// All blocks, also those that are over.
    pub fn blocks(&self) -> Result<Vec<Block>, StoreError> {
        self.core().read(|tables, txn| {
            let rows = tables.blocks.iter(txn).map_err(StoreError::index)?;
            rows.map(|item| decode(item.map_err(StoreError::index)?.1)).collect()
        })
    }

    /// All scripts, by name.
    pub fn scripts(&self) -> Result<Vec<SavedScript>, StoreError> {
        self.core().read(|tables, txn| {
            let rows = tables.scripts.iter(txn).map_err(StoreError::index)?;
            rows.map(|item| decode(item.map_err(StoreError::index)?.1)).collect()
        })
    }

    /// Up to `limit` tasks, the oldest first.
    pub fn tasks(&self, limit: usize) -> Result<Vec<Task>, StoreError> {
        self.core().read(|tables, txn| {
            let rows = tables.tasks.iter(txn).map_err(StoreError::index)?;
            rows.take(limit).map(|item| decode(item.map_err(StoreError::index)?.1)).collect()
        })
    }

    /// The newest `limit` journal rows, newest first.
    pub fn journal(&self, limit: usize) -> Result<Vec<JournalRow>, StoreError> {
        self.core().read(|tables, txn| {
            let rows = tables.journal.rev_iter(txn).map_err(StoreError::index)?;
            rows.take(limit).map(|item| decode(item.map_err(StoreError::index)?.1)).collect()
        })
    }

    /// The newest `limit` attempts at sending, newest first.
    pub fn attempts(&self, limit: usize) -> Result<Vec<SendAttempt>, StoreError> {
        self.core().read(|tables, txn| {
            let rows = tables.attempts.rev_iter(txn).map_err(StoreError::index)?;
            rows.take(limit).map(|item| decode(item.map_err(StoreError::index)?.1)).collect()
        })
    }

    /// When a mail was tried last, Unix milliseconds, if that is among the newest `limit` attempts.
    pub fn last_attempt(&self, mail: MailId, limit: usize) -> Result<Option<i64>, StoreError> {
        self.core().read(|tables, txn| {
            for item in tables.attempts.rev_iter(txn).map_err(StoreError::index)?.take(limit) {
                let attempt: SendAttempt = decode(item.map_err(StoreError::index)?.1)?;
                if attempt.mail == mail {
                    return Ok(Some(attempt.at));
                }
            }
            Ok(None)
        })
    }

    /// Every row of every table that holds what callers store, as bytes; for tests that compare stores.
    #[doc(hidden)]
    pub fn dump(&self) -> Result<Vec<RawRow>, StoreError> {
        self.core().read(|tables, txn| {
            let mut rows = Vec::new();
            for table in tables.rows() {
                dump_table(table, txn, &mut rows)?;
            }
            rows.extend(tables::get::<String>(tables.meta, txn, meta::CONFIG)?.map(|json| (Vec::new(), json.into())));
            Ok(rows)
        })
    }
}

/// The entries that rows of the table `due` name.
fn due_entries<'txn>(
    tables: &Tables,
    txn: &RoTxn<'_>,
    rows: impl Iterator<Item = Result<(&'txn [u8], &'txn [u8]), heed::Error>>,
) -> Result<Vec<QueueEntry>, StoreError> {
    let mut entries = Vec::new();
    for row in rows {
        let Some((_, mail)) = due_of(row.map_err(StoreError::index)?.0) else { continue };
        entries.extend(get::<QueueEntry>(tables.queue, txn, &id_key(mail.0))?);
    }
    Ok(entries)
}

fn dump_table(table: Table, txn: &RoTxn<'_>, rows: &mut Vec<RawRow>) -> Result<(), StoreError> {
    for item in table.iter(txn).map_err(StoreError::index)? {
        let (key, value) = item.map_err(StoreError::index)?;
        rows.push((key.to_vec(), value.to_vec()));
    }
    Ok(())
}

fn number(key: Option<&[u8]>) -> Result<u32, StoreError> {
    let bytes = key.and_then(|bytes| bytes.first_chunk());
    bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or_else(|| StoreError::Damaged("a key of the index".into()))
}
