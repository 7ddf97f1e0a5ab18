//! On the appliance the index's table of readers lies in memory: it counts only while the program runs, and each reading
//! changes it, so that on the card a mailbox that is merely looked at would be written for.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

/// The image's directory in memory that belongs to the program.
const MEMORY: &str = "/run/pillarbox";
const TABLE: &str = "lock.mdb";

/// Before the store is opened. Where there is no such directory, all stays as it is.
pub fn keep_in_memory(data: &Path) -> io::Result<()> {
    let memory = Path::new(MEMORY);
    if memory.is_dir() { link(&data.join("index"), memory) } else { Ok(()) }
}

fn link(index: &Path, memory: &Path) -> io::Result<()> {
    let (table, target) = (index.join(TABLE), memory.join(TABLE));
    if fs::read_link(&table).is_ok_and(|leads| leads == target) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(index)?;
    match fs::remove_file(&table) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(target, table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn the_store_opens_with_the_table_elsewhere() {
        let (dir, memory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let data = dir.path().join("data");
        Store::open(&data).unwrap().close().unwrap();
        for _ in 0..2 {
            link(&data.join("index"), memory.path()).unwrap();
            Store::open(&data).unwrap().close().unwrap();
            assert!(fs::symlink_metadata(data.join("index/lock.mdb")).unwrap().is_symlink());
        }
        assert!(memory.path().join("lock.mdb").is_file());
    }

    #[test]
    fn a_new_box_has_it_there_from_the_beginning() {
        let (dir, memory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        link(&dir.path().join("index"), memory.path()).unwrap();
        Store::open(dir.path()).unwrap().close().unwrap();
        assert!(memory.path().join("lock.mdb").is_file());
    }
}
