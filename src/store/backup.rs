//! Hot backup and restore.
//!
//! A backup is a directory with a compact copy of the index and the body files it names. It has no log: the backup
//! settles first. Restoring copies it to a new data directory. The index gets its name last: a copy that was cut short
//! is none.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heed::CompactionOption;

use super::bodies::{self, make_dir};
use super::core::Core;
use super::error::StoreError;
use super::index::{self, Index, MAP_SIZES};
use super::segment::sync_dir;
use super::tables::{BodyPlace, MailRow, decode};

/// What the index is called until all it names is there.
const UNFINISHED: &str = "index.new";

/// Copies the settled store into the new directory `to`, on the calling thread.
pub(super) fn backup(core: &Arc<Core>, to: &Path) -> Result<(), StoreError> {
    // Held before the copy is taken, so that every file it names is still there.
    let held = core.bodies.hold();
    let (index_dir, bodies_dir) = new_dirs(to)?;
    core.with_index(|index| {
        let copy = index.env.copy_to_path(index::file(&index_dir), CompactionOption::Enabled);
        copy.and_then(|file| Ok(file.sync_all()?)).map_err(StoreError::index)
    })?;
    set_private(&index::file(&index_dir))?;
    let copied = Index::open(&index_dir, MAP_SIZES)?;
    copy_bodies(&copied, |id| core.bodies.path(id), &bodies_dir)?;
    drop((held, copied));
    finish(to, &index_dir)
}

/// Makes the new data directory `dir` from the backup `from`.
pub(super) fn restore(from: &Path, dir: &Path) -> Result<(), StoreError> {
    let source = from.join("index");
    if !index::exists(&source) {
        let error = io::Error::new(io::ErrorKind::NotFound, "there is no backup");
        return Err(StoreError::io(from.display().to_string(), error));
    }
    let (index_dir, bodies_dir) = new_dirs(dir)?;
    copy_file(&index::file(&source), &index::file(&index_dir))?;
    // Opening and reading it is the check.
    let restored = Index::open(&index_dir, MAP_SIZES)?;
    copy_bodies(&restored, |id| bodies::path(&from.join("bodies"), id), &bodies_dir)?;
    drop(restored);
    finish(dir, &index_dir)
}

fn new_dirs(dir: &Path) -> Result<(PathBuf, PathBuf), StoreError> {
    let failed = |error| StoreError::io(dir.display().to_string(), error);
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, "the directory is not empty")));
    }
    make_dir(dir).map_err(failed)?;
    let (index_dir, bodies_dir) = (dir.join(UNFINISHED), dir.join("bodies"));
    make_dir(&index_dir).and_then(|_| make_dir(&bodies_dir)).map_err(failed)?;
    Ok((index_dir, bodies_dir))
}

/// Copies every body file that `index` names, and compares its size.
fn copy_bodies(index: &Index, from: impl Fn(u128) -> PathBuf, to: &Path) -> Result<(), StoreError> {
    index.read(|tables, txn| {
        for item in tables.mails.iter(txn).map_err(StoreError::index)? {
            let row: MailRow = decode(item.map_err(StoreError::index)?.1)?;
            let BodyPlace::File { id, size } = row.body else { continue };
            let failed = |error| StoreError::io(format!("copying body {id:032x}"), error);
            let mut target = bodies::create(to, id).map_err(failed)?;
            let mut source = File::open(from(id)).map_err(failed)?;
            if io::copy(&mut source, &mut target).map_err(failed)? != size {
                return Err(StoreError::Damaged(format!("body file {id:032x} is not {size} bytes long")));
            }
            bodies::sync(to, id, &target)?;
        }
        Ok(())
    })
}

fn copy_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io(format!("copying {}", from.display()), error);
    fs::copy(from, to).map_err(failed)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed)?;
    set_private(to)
}

fn set_private(file: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
        .map_err(|error| StoreError::io(file.display().to_string(), error))
}

fn finish(dir: &Path, index_dir: &Path) -> Result<(), StoreError> {
    sync_dir(index_dir)?;
    sync_dir(&dir.join("bodies"))?;
    sync_dir(dir)?;
    fs::rename(index_dir, dir.join("index")).map_err(|error| StoreError::io(dir.display().to_string(), error))?;
    sync_dir(dir)?;
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir)
}
