//! Message bodies: written in a stream, small ones kept in memory until the commit, larger ones in files.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::StoreError;

/// Up to this size a body travels in the log record and is kept in the index.
pub const INLINE_LIMIT: usize = 64 * 1024;

/// A written body, ready to be named in a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum BodyHandle {
    Inline(#[serde(with = "serde_bytes_arc")] Arc<[u8]>),
    /// `bodies/xx/<id in hex>`, on disk before this handle exists.
    File {
        id: u128,
        size: u64,
    },
}

impl BodyHandle {
    pub fn size(&self) -> u64 {
        match self {
            BodyHandle::Inline(bytes) => bytes.len() as u64,
            BodyHandle::File { size, .. } => *size,
        }
    }
}

/// A body opened for reading.
#[derive(Debug)]
pub enum Body {
    Inline(Arc<[u8]>),
    File { file: std::fs::File, size: u64 },
}

impl Body {
    pub fn size(&self) -> u64 {
        match self {
            Body::Inline(bytes) => bytes.len() as u64,
            Body::File { size, .. } => *size,
        }
    }
}

/// Takes a body piece by piece. Memory stays under [`INLINE_LIMIT`] whatever the size. Dropped before
/// [`BodyWriter::finish`], it leaves nothing behind.
pub struct BodyWriter {}

impl BodyWriter {
    pub async fn write(&mut self, _bytes: &[u8]) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        unimplemented!()
    }

    /// A file is synced, with its directory, before the handle is given out.
    pub async fn finish(self) -> Result<BodyHandle, StoreError> {
        unimplemented!()
    }
}

mod serde_bytes_arc {
    use std::sync::Arc;

    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Arc<[u8]>, out: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(bytes.as_ref(), out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Arc<[u8]>, D::Error> {
        serde_bytes::deserialize::<Vec<u8>, D>(input).map(Arc::from)
    }
}
