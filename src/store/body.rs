//! Message bodies: written in a stream, small ones kept in memory until the commit, larger ones in files.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::bodies::Bodies;
use super::error::StoreError;
use super::piece::{self, Piece};

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

    /// Bytes that travel in the log record.
    pub(super) fn inline_len(&self) -> usize {
        match self {
            BodyHandle::Inline(bytes) => bytes.len(),
            BodyHandle::File { .. } => 0,
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

/// Takes a body piece by piece. Memory stays under two pieces of 128 KiB whatever the size. Dropped before
/// [`BodyWriter::finish`], it leaves nothing behind.
pub struct BodyWriter {
    bodies: Arc<Bodies>,
    size: u64,
    /// The body as long as it is small.
    buffer: Vec<u8>,
    file: Option<Spool>,
}

/// The file of a body that outgrew the inline limit. One piece is being written while the next is gathered.
struct Spool {
    id: u128,
    /// Nobody wants the file any more; for a thread that is just making it.
    abandoned: Arc<AtomicBool>,
    piece: Piece,
    writing: smol::Task<io::Result<(File, Piece)>>,
}

impl BodyWriter {
    pub(super) fn new(bodies: Arc<Bodies>) -> BodyWriter {
        BodyWriter { bodies, size: 0, buffer: Vec::new(), file: None }
    }

    /// Takes the next bytes, cut anywhere.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.size += bytes.len() as u64;
        if let Some(spool) = &mut self.file {
            return spool.write(bytes).await;
        }
        if self.buffer.len() + bytes.len() <= INLINE_LIMIT {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        let start = std::mem::take(&mut self.buffer);
        let spool = self.file.insert(Spool::create(&self.bodies)?);
        spool.write(&start).await?;
        spool.write(bytes).await
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A file is synced, with its directory, before the handle is given out.
    pub async fn finish(mut self) -> Result<BodyHandle, StoreError> {
        let Some(spool) = &mut self.file else {
            return Ok(BodyHandle::Inline(Arc::from(std::mem::take(&mut self.buffer))));
        };
        spool.spill().await?;
        let (file, _) = (&mut spool.writing).await.map_err(failed)?;
        let (id, bodies) = (spool.id, self.bodies.clone());
        smol::unblock(move || bodies.sync(id, &file)).await?;
        self.file = None;
        Ok(BodyHandle::File { id, size: self.size })
    }
}

impl Spool {
    fn create(bodies: &Arc<Bodies>) -> Result<Spool, StoreError> {
        let (id, bodies) = (bodies.new_id()?, bodies.clone());
        let abandoned = Arc::new(AtomicBool::new(false));
        let seen = abandoned.clone();
        let create = move || {
            let file = bodies.create(id)?;
            if seen.load(Ordering::SeqCst) {
                bodies.remove(&[id]);
            }
            piece::prepare(&file);
            Ok((file, Piece::new()))
        };
        Ok(Spool { id, abandoned, piece: Piece::new(), writing: smol::unblock(create) })
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            if self.piece.is_full() {
                self.spill().await?;
            }
            bytes = self.piece.take(bytes);
        }
        Ok(())
    }

    /// Hands the piece to the file's thread, and goes on with the one that thread is done with.
    async fn spill(&mut self) -> Result<(), StoreError> {
        let (file, empty) = (&mut self.writing).await.map_err(failed)?;
        let full = std::mem::replace(&mut self.piece, empty);
        self.writing = smol::unblock(move || piece::write(file, full));
        Ok(())
    }
}

fn failed(error: io::Error) -> StoreError {
    StoreError::io("writing a message body", error)
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if let Some(spool) = self.file.take() {
            let bodies = self.bodies.clone();
            spool.abandoned.store(true, Ordering::SeqCst);
            smol::unblock(move || bodies.remove(&[spool.id])).detach();
        }
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
