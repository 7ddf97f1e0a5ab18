//! The ways the store can fail.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const INDEX_FULL: &str = "the index is full";
pub(super) const LOG_STAYS_FULL: &str = "the log is full";

#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Map, log or disk is full: mail is refused with `452 4.3.1`, nothing kept is touched.
    #[error("no room: {0}")]
    Full(&'static str),
    #[error("another program uses the data directory {0}")]
    InUse(PathBuf),
    #[error(
        "the data in {dir} is of version {found}, this program reads up to version {known}; a newer Pillarbox wrote it"
    )]
    Newer { dir: PathBuf, found: u32, known: u32 },
    /// One commit must fit into a segment of the log: split it.
    #[error("a commit of {0} bytes is too large, split it")]
    TooLarge(usize),
    /// A bad record that good ones follow, a row that does not decode: reported, never skipped in silence.
    #[error("damaged data: {0}")]
    Damaged(String),
    #[error("{what}: {source}")]
    Io { what: String, source: Arc<io::Error> },
    #[error("index: {0}")]
    Index(Arc<heed::Error>),
    /// The store has been closed, or its writer failed before and takes no more.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Every failure of the store is temporary to the peer: mail stays where it was and is tried again.
    pub fn is_temporary(&self) -> bool {
        true
    }

    pub fn is_full(&self) -> bool {
        matches!(self, StoreError::Full(_))
    }

    /// An error of the index, with a full map told apart.
    pub(super) fn index(error: heed::Error) -> StoreError {
        match error {
            heed::Error::Mdb(heed::MdbError::MapFull) => StoreError::Full(INDEX_FULL),
            heed::Error::Io(error) if is_disk_full(&error) => StoreError::Full("the disk is full"),
            error => StoreError::Index(Arc::new(error)),
        }
    }

    pub fn io(what: impl Into<String>, source: io::Error) -> StoreError {
        if is_disk_full(&source) {
            return StoreError::Full("the disk is full");
        }
        StoreError::Io { what: what.into(), source: Arc::new(source) }
    }
}

/// A quota that is used up is the same to us.
fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
