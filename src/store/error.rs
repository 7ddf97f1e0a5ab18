//! The ways the store can fail.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

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

    pub fn io(what: impl Into<String>, source: io::Error) -> StoreError {
        StoreError::Io { what: what.into(), source: Arc::new(source) }
    }
}
