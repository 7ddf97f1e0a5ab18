//! The files of large bodies: `bodies/xx/<id>`, `xx` being the first two of the 32 hex digits.
//!
//! A file is on disk, with its name, before a change names it, and it is removed only when the transaction that
//! dropped the last reference is on disk. What a crash leaves over is swept at the next start.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::body::BodyHandle;
use super::change::{Change, NewMail};
use super::error::StoreError;
use super::segment::sync_dir;

pub(super) struct Bodies {
    dir: PathBuf,
    /// Lower half of the ids made by this program run: the sweep leaves them alone.
    run: u64,
    removal: Mutex<Removal>,
}

/// While somebody copies the files, their removal waits.
#[derive(Default)]
struct Removal {
    holders: usize,
    later: Vec<u128>,
}

/// Removals wait until it is dropped.
pub(super) struct Held<'a>(&'a Bodies);

impl Bodies {
    /// `dir` exists; its subdirectories are made when they are needed.
    pub(super) fn open(dir: PathBuf) -> Result<Bodies, StoreError> {
        Ok(Bodies { dir, run: random()?, removal: Mutex::default() })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn new_id(&self) -> Result<u128, StoreError> {
        Ok((u128::from(random()?) << 64) | u128::from(self.run))
    }

    pub(super) fn path(&self, id: u128) -> PathBuf {
        path(&self.dir, id)
    }

    pub(super) fn create(&self, id: u128) -> io::Result<File> {
        create(&self.dir, id)
    }

    /// The written file and its name are on disk when this returns.
    pub(super) fn sync(&self, id: u128, file: &File) -> Result<(), StoreError> {
        sync(&self.dir, id, file)
    }

    pub(super) fn open_body(&self, id: u128) -> Result<File, StoreError> {
        File::open(self.path(id)).map_err(|error| StoreError::io(format!("opening body {id:032x}"), error))
    }

    /// Removes files, now or when nobody holds them.
    pub(super) fn remove(&self, ids: &[u128]) {
        if ids.is_empty() {
            return;
        }
        let mut removal = self.lock();
        if removal.holders > 0 {
            removal.later.extend(ids);
            return;
        }
        drop(removal);
        for id in ids {
            match fs::remove_file(self.path(*id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    log::warn!("store: removing body {id:032x}: {error}");
                }
                _ => {}
            }
        }
    }

    pub(super) fn hold(&self) -> Held<'_> {
        self.lock().holders += 1;
        Held(self)
    }

    fn lock(&self) -> MutexGuard<'_, Removal> {
        self.removal.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Files left by earlier runs; whether something names them is for the caller to say.
    pub(super) fn left_over(&self) -> Result<HashSet<u128>, StoreError> {
        let mut ids = list(&self.dir)?;
        ids.retain(|id| *id as u64 != self.run);
        Ok(ids)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut removal = self.0.lock();
        removal.holders -= 1;
        let later = if removal.holders == 0 { std::mem::take(&mut removal.later) } else { Vec::new() };
        drop(removal);
        self.0.remove(&later);
    }
}

/// Body files that no record names yet: removed when dropped, so that refused mails do not fill the disk.
pub(super) struct Unnamed<'a> {
    bodies: &'a Bodies,
    files: Vec<u128>,
}

impl Unnamed<'_> {
    pub(super) fn of<'a>(bodies: &'a Bodies, changes: &[Change]) -> Unnamed<'a> {
        let files = changes.iter().filter_map(|change| match change {
            Change::AddMail(NewMail { body: BodyHandle::File { id, .. }, .. }) => Some(*id),
            _ => None,
        });
        Unnamed { bodies, files: files.collect() }
    }

    /// A record may name them now.
    pub(super) fn keep(&mut self) -> Vec<u128> {
        std::mem::take(&mut self.files)
    }
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        self.bodies.remove(&self.files);
    }
}

pub(super) fn path(dir: &Path, id: u128) -> PathBuf {
    dir.join(format!("{:02x}", id >> 120)).join(format!("{id:032x}"))
}

/// Makes the file of a new body below `dir`, and its subdirectory if need be.
pub(super) fn create(dir: &Path, id: u128) -> io::Result<File> {
    let path = path(dir, id);
    let make = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match (make(), path.parent()) {
        (Err(error), Some(subdir)) if error.kind() == io::ErrorKind::NotFound => {
            make_dir(subdir)?;
            make()
        }
        (made, _) => made,
    }
}

/// A written file and its name are on disk when this returns.
pub(super) fn sync(dir: &Path, id: u128, file: &File) -> Result<(), StoreError> {
    file.sync_data().map_err(|error| StoreError::io("flushing a message body", error))?;
    let path = path(dir, id);
    let Some(subdir) = path.parent() else { return Ok(()) };
    sync_dir(subdir)?;
    // The subdirectory may be new. A directory without news costs no write.
    sync_dir(dir)
}

/// Makes a directory only its owner can enter; an existing one is fine.
pub(super) fn make_dir(dir: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The body files below `dir`.
fn list(dir: &Path) -> Result<HashSet<u128>, StoreError> {
    let failed = |error| StoreError::io(format!("reading {}", dir.display()), error);
    let mut ids = HashSet::new();
    for subdir in fs::read_dir(dir).map_err(failed)? {
        for file in fs::read_dir(subdir.map_err(failed)?.path()).map_err(failed)? {
            let name = file.map_err(failed)?.file_name();
            ids.extend(name.to_str().and_then(|name| u128::from_str_radix(name, 16).ok()));
        }
    }
    Ok(ids)
}

fn random() -> Result<u64, StoreError> {
    getrandom::u64().map_err(|error| StoreError::io("random numbers", io::Error::other(error.to_string())))
}
