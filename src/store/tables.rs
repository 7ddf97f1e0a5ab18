//! The tables of the index, their keys and values, in one place.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | see [`meta`] |
//! | `mails` | mail | [`MailRow`]: references, where the body is |
//! | `bodies` | mail | the bytes of an inline body |
//! | `mailboxes` | user, folder | [`MailboxRow`] |
//! | `messages` | user, folder, UID | [`StoredMessage`] |
//! | `queue` | mail | `QueueEntry` |
//! | `due` | when it wakes, mail | nothing; entries held for good are not in it |
//! | `seen` | collector, provider's UID | [`SeenRow`] |
//! | `held` | collector, provider's UID | [`HeldRow`] |
//! | `questions` | question | key of `held` |
//! | `tasks` | task | `Task` |
//! | `journal` | sequence of the commit, place in it | `JournalRow` |
//! | `attempts` | sequence of the commit, place in it | `SendAttempt` |
//! | `blocks` | address or network | `Block` |
//! | `scripts` | name in small letters | `SavedScript` |
//!
//! Numbers in keys are big-endian, so that what is written and read together lies together. Values are postcard behind
//! a version byte; bodies are bare.

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, RoTxn, RwTxn, WithoutTls};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::change::{MailId, MailboxId};
use super::error::StoreError;

pub(super) type Table = Database<'static, Bytes, Bytes>;

/// Version of the tables as a whole. A program opens its own and older ones.
pub(super) const SCHEMA: u32 = 1;
/// Version of a value.
const FORMAT: u8 = 1;
pub(super) const COUNT: u32 = NAMES.len() as u32;

/// Keys of the `meta` table.
pub(super) mod meta {
    /// `u32`, little-endian, bare: it must stay readable for all versions.
    pub(in crate::store) const SCHEMA: &[u8] = b"schema";
    /// [`super::Applied`].
    pub(in crate::store) const APPLIED: &[u8] = b"applied";
    /// The configuration document.
    pub(in crate::store) const CONFIG: &[u8] = b"config";
    /// [`super::super::rows::ReportedError`]s.
    pub(in crate::store) const REPORTED_ERRORS: &[u8] = b"reported-errors";
}

/// Each name once: the field here, and the table in the file.
macro_rules! tables {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        #[derive(Clone, Copy)]
        pub(super) struct Tables {
            $(pub $name: Table,)*
        }

        impl Tables {
            fn of([$($name),*]: [Table; NAMES.len()]) -> Tables {
                Tables { $($name),* }
            }

            fn all(&self) -> [Table; NAMES.len()] {
                [$(self.$name),*]
            }
        }
    };
}

// `meta` is the first.
tables! { meta mails bodies mailboxes messages queue due seen held questions tasks journal attempts blocks scripts }

/// How far the log is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Applied {
    pub end: super::log::Position,
    /// Largest mail or task id ever applied.
    pub last_id: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MailRow {
    /// Messages, queue entries and tasks that need the body.
    pub refs: u32,
    pub body: BodyPlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum BodyPlace {
    /// In `bodies`.
    Inline {
        size: u32,
    },
    File {
        id: u128,
        size: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MailboxRow {
    pub next_uid: u32,
    pub messages: u64,
    pub bytes: u64,
}

impl Default for MailboxRow {
    fn default() -> MailboxRow {
        MailboxRow { next_uid: 1, messages: 0, bytes: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredMessage {
    pub mail: MailId,
    pub size: u64,
    pub received_at: i64,
    pub head: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeenRow {
    pub at: i64,
    /// The UID, where it is too long for the key.
    pub long: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldRow {
    pub since: i64,
    pub question: Option<u128>,
    pub wanted: bool,
    /// The UID, where it is too long for the key.
    pub long: Option<String>,
}

impl Tables {
    pub(super) fn open(env: &Env<WithoutTls>) -> Result<Tables, heed::Error> {
        let txn = env.write_txn()?;
        let tables = env.create_databases_and_commit(txn, |opener, txn| {
            let mut tables = Vec::with_capacity(NAMES.len());
            for name in NAMES {
                tables.push(opener.create_database::<Bytes, Bytes>(txn, Some(name))?);
            }
            let tables: [_; NAMES.len()] = tables.try_into().map_err(|_| heed::Error::EnvAlreadyOpened)?;
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(tables))
        })?;
        Ok(Tables::of(tables.unwrap_commit()))
    }

    /// Those that hold what callers store, but for the configuration.
    pub(super) fn rows(&self) -> impl Iterator<Item = Table> {
        self.all().into_iter().skip(1)
    }

    /// Bytes of all pages that hold something.
    pub(super) fn used(&self, txn: &RoTxn<'_>) -> Result<u64, heed::Error> {
        let mut used = 0;
        for table in self.all() {
            let stat = table.stat(txn)?;
            used += u64::from(stat.page_size) * (stat.branch_pages + stat.leaf_pages + stat.overflow_pages) as u64;
        }
        Ok(used)
    }

    pub(super) fn applied(&self, txn: &RoTxn<'_>) -> Result<Applied, StoreError> {
        Ok(get(self.meta, txn, meta::APPLIED)?.unwrap_or_default())
    }
}

// -- values -------------------------------------------------------------------------------------------------------

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => {
            postcard::from_bytes(rest).map_err(|error| StoreError::Damaged(format!("a row of the index: {error}")))
        }
        Some((version, _)) => Err(StoreError::Damaged(format!("a row of the index is of unknown version {version}"))),
        None => Err(StoreError::Damaged("a row of the index is empty".into())),
    }
}

pub(super) fn get<T: DeserializeOwned>(table: Table, txn: &RoTxn<'_>, key: &[u8]) -> Result<Option<T>, StoreError> {
    table.get(txn, key).map_err(StoreError::index)?.map(decode).transpose()
}

pub(super) fn put<T: Serialize>(table: Table, txn: &mut RwTxn<'_>, key: &[u8], value: &T) -> Result<(), StoreError> {
    let bytes = postcard::to_extend(value, vec![FORMAT])
        .map_err(|error| StoreError::Damaged(format!("a row that cannot be written: {error}")))?;
    table.put(txn, key, &bytes).map_err(StoreError::index)
}

pub(super) fn delete(table: Table, txn: &mut RwTxn<'_>, key: &[u8]) -> Result<bool, StoreError> {
    table.delete(txn, key).map_err(StoreError::index)
}

// -- keys ---------------------------------------------------------------------------------------------------------

pub(super) fn id_key(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// Names are compared without regard to case. At most 200 bytes, whatever is given.
pub(super) fn script_key(name: &str) -> String {
    let mut key = name.to_lowercase();
    key.truncate(key.floor_char_boundary(200));
    key
}

pub(super) fn mailbox_key(mailbox: MailboxId) -> [u8; 8] {
    join(mailbox.user.to_be_bytes(), mailbox.folder.to_be_bytes())
}

pub(super) fn message_key(mailbox: MailboxId, uid: u32) -> [u8; 12] {
    join(mailbox_key(mailbox), uid.to_be_bytes())
}

/// Times before 1970 sort before the others.
pub(super) fn due_key(due: i64, mail: MailId) -> [u8; 16] {
    join(((due as u64) ^ (1 << 63)).to_be_bytes(), id_key(mail.0))
}

pub(super) fn journal_key(sequence: u64, place: u32) -> [u8; 12] {
    join(id_key(sequence), place.to_be_bytes())
}

/// Longest UID that stands in the key as it is. RFC 1939 allows 70; providers have been seen to exceed it.
const SEEN_BARE: usize = 255;

/// Key of a provider's UID, and whether it is too long to be read back from the key.
pub(super) fn seen_key(collector: u32, uid: &str) -> (Vec<u8>, bool) {
    let mut key = collector.to_be_bytes().to_vec();
    let long = uid.len() > SEEN_BARE || uid.is_empty();
    if long {
        key.push(0);
        key.extend_from_slice(&Sha256::digest(uid));
    } else {
        key.push(1);
        key.extend_from_slice(uid.as_bytes());
    }
    (key, long)
}

pub(super) fn question_key(question: u128) -> [u8; 16] {
    question.to_be_bytes()
}

/// The UID in a key of `seen` that is not a long one.
pub(super) fn seen_uid(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(5..)?).ok()
}

pub(super) fn due_of(key: &[u8]) -> Option<(i64, MailId)> {
    let (due, mail) = key.split_first_chunk::<8>()?;
    Some(((u64::from_be_bytes(*due) ^ (1 << 63)) as i64, MailId(u64::from_be_bytes(*mail.first_chunk()?))))
}

fn join<const A: usize, const B: usize, const C: usize>(first: [u8; A], second: [u8; B]) -> [u8; C] {
    const { assert!(A + B == C) };
    let mut key = [0; C];
    key[..A].copy_from_slice(&first);
    key[A..].copy_from_slice(&second);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_keys_sort_by_time() {
        let keys = [-5, 0, 7, i64::MAX].map(|due| due_key(due, MailId(9)));
        assert!(keys.is_sorted());
        assert_eq!(due_of(&keys[0]), Some((-5, MailId(9))));
    }

    #[test]
    fn long_uids_get_bounded_keys_of_their_own() {
        let (bare, long) = seen_key(3, &"u".repeat(255));
        assert!(!long && bare.len() == 260 && seen_uid(&bare) == Some("u".repeat(255).as_str()));
        let (one, long) = seen_key(3, &"u".repeat(1000));
        assert!(long && one.len() < 64 && one != seen_key(3, &"u".repeat(1001)).0);
    }
}
