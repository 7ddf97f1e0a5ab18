//! The files of the log's segments: opened, made, filled with zeros.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::StoreError;

pub(super) fn path(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("{index}.log"))
}

/// An existing segment; one whose making was cut short by a crash is filled up.
pub(super) fn open_segment(path: &Path, size: u64) -> Result<Option<File>, StoreError> {
    let failed = |error| StoreError::io(format!("opening {}", path.display()), error);
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let len = file.metadata().map_err(failed)?.len();
    if len < size {
        fill(&file, len, size).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    Ok(Some(file))
}

pub(super) fn create_segment(path: &Path, size: u64) -> Result<File, StoreError> {
    let failed = |error| StoreError::io(format!("making {}", path.display()), error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(path).map_err(failed)?;
    fill(&file, 0, size).map_err(failed)?;
    Ok(file)
}

/// Real zeros: blocks that are only reserved would cost metadata at their first write.
fn fill(file: &File, mut at: u64, size: u64) -> std::io::Result<()> {
    let zeros = [0; 64 * 1024];
    while at < size {
        let piece = zeros.len().min((size - at) as usize);
        file.write_all_at(&zeros[..piece], at)?;
        at += piece as u64;
    }
    Ok(())
}

/// Names made in `dir` are on disk when this returns.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| StoreError::io(format!("flushing {}", dir.display()), error))
}
