//! Opening a data directory: its parts, the lock on it, the replay of the log, where ids go on.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::backlog::Backlog;
use super::bodies::{Bodies, make_dir};
use super::change::Change;
use super::error::{INDEX_FULL, StoreError};
use super::index::Index;
use super::log::Position;
use super::segment::sync_dir;

/// Replay applies what it has read when it comes to this many bytes.
const REPLAY_BATCH: usize = 2 << 20;

/// Takes the records of the log back into the index.
pub(super) struct Replay<'a> {
    index: &'a mut Index,
    bodies: &'a Bodies,
    backlog: Backlog,
}

impl<'a> Replay<'a> {
    pub(super) fn new(index: &'a mut Index, bodies: &'a Bodies) -> Replay<'a> {
        Replay { index, bodies, backlog: Backlog::default() }
    }

    pub(super) fn record(&mut self, end: Position, bytes: usize, changes: Vec<Change>) -> Result<(), StoreError> {
        self.backlog.push(end, bytes, changes, Instant::now());
        if self.backlog.bytes() >= REPLAY_BATCH { self.apply_all() } else { Ok(()) }
    }

    pub(super) fn apply_all(&mut self) -> Result<(), StoreError> {
        loop {
            let batch = self.backlog.take(u64::MAX, 0);
            if batch.commits.is_empty() {
                return Ok(());
            }
            let mut files = match self.index.apply(&batch.commits) {
                Err(StoreError::Full(INDEX_FULL)) => {
                    self.index.grow()?;
                    self.index.apply(&batch.commits)?
                }
                result => result?,
            };
            files.extend(self.backlog.applied(&batch, batch.end));
            self.bodies.remove(&files);
        }
    }
}

/// The data directory with its parts, made if need be.
pub(super) fn make_dirs(dir: &Path) -> Result<[PathBuf; 3], StoreError> {
    let failed = |error| StoreError::io(format!("making {}", dir.display()), error);
    if let Some(parent) = dir.parent().filter(|_| !dir.is_dir()) {
        std::fs::create_dir_all(parent).map_err(failed)?;
        make_dir(dir).map_err(failed)?;
        if !parent.as_os_str().is_empty() {
            sync_dir(parent)?;
        }
    }
    let dirs = ["log", "index", "bodies"].map(|name| dir.join(name));
    let mut made = false;
    for subdir in &dirs {
        made |= make_dir(subdir).map_err(failed)?;
    }
    if made {
        sync_dir(dir)?;
    }
    Ok(dirs)
}

/// One program at a time. The lock goes with the process, whatever ends it.
pub(super) fn lock_dir(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let failed = |error| StoreError::io(format!("locking {}", path.display()), error);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(dir.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Ids go up with the clock, so that one given before a crash, but never committed, does not come again; and never
/// below one that was committed, whatever the clock says. 256 a millisecond are more than a program can use.
pub(super) fn first_id(last: u64) -> u64 {
    let age = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_millis());
    (last + 1).max((age as u64) << 8)
}
