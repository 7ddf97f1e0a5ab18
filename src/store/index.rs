//! The index: the LMDB environment with its tables. Opens it, checks its version, runs transactions.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use heed::{Env, RoTxn, WithoutTls};

use super::apply::Apply;
use super::backlog::Commit;
use super::error::StoreError;
use super::mapping;
use super::tables::{self, SCHEMA, Tables, meta};

/// The map is address space, not memory and not disk: large where there is plenty.
#[cfg(target_pointer_width = "64")]
pub(super) const MAP_SIZES: &[usize] = &[16 << 30, 4 << 30, 1 << 30];
#[cfg(not(target_pointer_width = "64"))]
pub(super) const MAP_SIZES: &[usize] = &[1 << 30, 512 << 20];

/// The map grows by multiples of this, which every page size divides.
const GROWTH: usize = 1 << 20;

/// After so many bytes written to the index or read from it, its pages leave the program's memory. A touched page brings
/// its neighbours along, so that a busy hour would otherwise map the whole file.
const TOUCHED: usize = 1 << 20;

pub(super) struct Index {
    pub env: Env<WithoutTls>,
    pub tables: Tables,
    /// Size of the map at opening.
    limit: u64,
    /// Bytes written and read since pages were last given back.
    touched: AtomicUsize,
}

impl Index {
    /// Opens the index in the existing directory `dir`, or makes one. The first of `map_sizes` that the system gives is
    /// taken.
    pub(super) fn open(dir: &Path, map_sizes: &[usize]) -> Result<Index, StoreError> {
        let env = open_env(dir, map_sizes).map_err(StoreError::index)?;
        refuse_newer(&env, dir)?;
        let tables = Tables::open(&env).map_err(StoreError::index)?;
        let limit = env.info().map_size as u64;
        let index = Index { env, tables, limit, touched: AtomicUsize::new(0) };
        index.write_schema()?;
        Ok(index)
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Tables, &RoTxn<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let txn = self.env.read_txn().map_err(StoreError::index)?;
        read(&self.tables, &txn)
    }

    /// Applies `commits` in one transaction; on disk when this returns. Returns the body files nothing names any more.
    pub(super) fn apply(&self, commits: &[Commit]) -> Result<Vec<u128>, StoreError> {
        let mut txn = self.env.write_txn().map_err(StoreError::index)?;
        let mut apply = Apply::new(&self.tables, &mut txn)?;
        for commit in commits {
            apply.commit(commit)?;
        }
        let unneeded = apply.finish()?;
        txn.commit().map_err(StoreError::index)?;
        self.touch(commits.iter().map(Commit::bytes).sum());
        Ok(unneeded)
    }

    /// So many bytes of the index were written or read.
    pub(super) fn touch(&self, bytes: usize) {
        if self.touched.fetch_add(bytes, Ordering::Relaxed) + bytes >= TOUCHED {
            self.release_pages();
        }
    }

    /// Makes the map larger than the limit, so that what was accepted can be applied. Room is reckoned with the limit
    /// all the same. `&mut`: there must be no transaction.
    pub(super) fn grow(&mut self) -> Result<(), StoreError> {
        let size = self.env.info().map_size;
        mapping::resize(&mut self.env, size + (size / 8).next_multiple_of(GROWTH)).map_err(StoreError::index)
    }

    /// Gives back the memory of pages that were read.
    pub(super) fn release_pages(&self) {
        self.touched.store(0, Ordering::Relaxed);
        let _ = self.read(|tables, txn| {
            let value = tables.meta.get(txn, meta::SCHEMA).map_err(StoreError::index)?;
            if let Some(inside) = value.and_then(|bytes| bytes.first()) {
                mapping::release_pages(inside);
            }
            Ok(())
        });
    }

    /// Bytes in use, and the limit.
    pub(super) fn room(&self) -> Result<(u64, u64), StoreError> {
        let used = self.read(|tables, txn| tables.used(txn).map_err(StoreError::index))?;
        Ok((used, self.limit))
    }

    fn write_schema(&self) -> Result<(), StoreError> {
        let meta = self.tables.meta;
        let current = self.read(|_, txn| Ok(meta.get(txn, meta::SCHEMA).map_err(StoreError::index)?.is_some()))?;
        if current {
            return Ok(());
        }
        let mut txn = self.env.write_txn().map_err(StoreError::index)?;
        meta.put(&mut txn, meta::SCHEMA, &SCHEMA.to_le_bytes()).map_err(StoreError::index)?;
        txn.commit().map_err(StoreError::index)
    }
}

fn open_env(dir: &Path, map_sizes: &[usize]) -> Result<Env<WithoutTls>, heed::Error> {
    let mut result = Err(heed::Error::Io(std::io::ErrorKind::OutOfMemory.into()));
    for size in map_sizes {
        result = mapping::open(dir, *size, tables::COUNT);
        match &result {
            Err(heed::Error::Io(error)) if error.kind() == std::io::ErrorKind::OutOfMemory => {}
            _ => break,
        }
    }
    result
}

/// Looks at the version before anything is written.
fn refuse_newer(env: &Env<WithoutTls>, dir: &Path) -> Result<(), StoreError> {
    let txn = env.read_txn().map_err(StoreError::index)?;
    let meta = env.open_databases_and_commit(txn, |opener, txn| {
        let table = opener.open_database::<heed::types::Bytes, heed::types::Bytes>(txn, Some("meta"))?;
        Ok::<_, heed::Error>(heed::CommitOrAbort::<_, ()>::Commit(table))
    });
    let Some(meta) = meta.map_err(StoreError::index)?.unwrap_commit() else { return Ok(()) };
    let txn = env.read_txn().map_err(StoreError::index)?;
    let Some(bytes) = meta.get(&txn, meta::SCHEMA).map_err(StoreError::index)? else { return Ok(()) };
    match bytes.first_chunk() {
        Some(version) if u32::from_le_bytes(*version) > SCHEMA => Err(StoreError::Newer {
            dir: dir.parent().unwrap_or(dir).to_path_buf(),
            found: u32::from_le_bytes(*version),
            known: SCHEMA,
        }),
        Some(_) => Ok(()),
        None => Err(StoreError::Damaged("the version of the index".into())),
    }
}

/// Size of the data file, for a look at it without opening.
pub(super) fn file(dir: &Path) -> std::path::PathBuf {
    dir.join("data.mdb")
}

pub(super) fn exists(dir: &Path) -> bool {
    fs::metadata(file(dir)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::backlog::Backlog;
    use super::super::change::Change;
    use super::super::log::Position;
    use super::*;

    #[test]
    fn a_newer_version_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path(), &[1 << 20]).unwrap();
        let mut txn = index.env.write_txn().unwrap();
        index.tables.meta.put(&mut txn, meta::SCHEMA, &(SCHEMA + 1).to_le_bytes()).unwrap();
        txn.commit().unwrap();
        drop(index);
        let before = fs::read(file(dir.path())).unwrap();
        let error = Index::open(dir.path(), &[1 << 20]).err().unwrap();
        assert!(matches!(error, StoreError::Newer { found, known, .. } if found == SCHEMA + 1 && known == SCHEMA));
        assert!(fs::read(file(dir.path())).unwrap() == before);
    }

    #[test]
    fn what_was_accepted_is_applied_even_when_the_map_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = Index::open(dir.path(), &[1 << 20]).unwrap();
        let limit = index.room().unwrap().1;
        let config = vec![Change::PutConfig { json: "x".repeat(2 << 20) }];
        let mut backlog = Backlog::default();
        backlog.push(Position { sequence: 1, ..Position::default() }, 2 << 20, config, Instant::now());
        let batch = backlog.take(1, 1);
        let mut grown = 0;
        while let Err(error) = index.apply(&batch.commits) {
            assert!(error.is_full() && grown < 10, "{error}");
            index.grow().unwrap();
            grown += 1;
        }
        assert!(grown > 0);
        assert_eq!(index.room().unwrap().1, limit, "room is reckoned with the limit");
        drop(index);
        let index = Index::open(dir.path(), &[1 << 20]).unwrap();
        assert_eq!(index.read(|tables, txn| tables.applied(txn)).unwrap().end.sequence, 1);
    }
}
