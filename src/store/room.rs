//! Whether there is room for another mail: on the disk and in the map. Asked often, measured at most once a second.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::error::{INDEX_FULL, StoreError};
use super::index::Index;

const MEASURE: Duration = Duration::from_secs(1);
/// Below this, what is applied is measured at once: a second is too long then.
const TIGHT: u64 = 1 << 30;
/// Kept free on the disk: the index has to grow by what the log holds, and nobody likes a disk without room.
const DISK_RESERVE: u64 = 32 << 20;
/// A mail takes more pages than bytes: twice and some.
const PAGES: u64 = 16 << 10;

/// Kept free in the map, at least.
const MAP_RESERVE: u64 = 4 << 20;

#[derive(Default)]
pub(super) struct Room {
    measured: Mutex<Option<(Instant, Measure)>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measure {
    pub disk_free: u64,
    pub index_used: u64,
    pub index_limit: u64,
}

impl Room {
    pub(super) fn measure(&self, dir: &Path, index: &Index) -> Result<Measure, StoreError> {
        let mut measured = self.measured.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, measure)) = measured.filter(|(at, _)| at.elapsed() < MEASURE) {
            return Ok(measure);
        }
        let disk = nix::sys::statvfs::statvfs(dir).map_err(|error| StoreError::io("room on the disk", error.into()))?;
        let disk_free = disk.blocks_available() as u64 * disk.fragment_size() as u64;
        let (index_used, index_limit) = index.room()?;
        let measure = Measure { disk_free, index_used, index_limit };
        *measured = Some((Instant::now(), measure));
        Ok(measure)
    }
}

impl Room {
    /// Something was applied.
    pub(super) fn note_applied(&self) {
        let mut measured = self.measured.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let tight = |measure: &Measure| {
            measure.disk_free < TIGHT || measure.index_limit.saturating_sub(measure.index_used) < TIGHT * 2
        };
        if measured.is_some_and(|(_, measure)| tight(&measure)) {
            *measured = None;
        }
    }
}

impl Measure {
    /// `inline` bytes for the index, `file` bytes for a file, `backlog` bytes that are still to come into the index.
    pub(super) fn check(&self, inline: u64, file: u64, backlog: u64) -> Result<(), StoreError> {
        let pages = PAGES + 2 * (inline + backlog);
        if self.disk_free < DISK_RESERVE + file + pages {
            return Err(StoreError::Full("the disk is full"));
        }
        // Deleting needs pages too, before it frees any; and free pages do not always lie together.
        let reserve = (self.index_limit / 16).max(MAP_RESERVE);
        if self.index_used + reserve + pages > self.index_limit {
            return Err(StoreError::Full(INDEX_FULL));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tighter_of_disk_and_map_decides() {
        let room = Measure { disk_free: 1 << 30, index_used: 0, index_limit: 64 << 20 };
        assert!(room.check(4096, 0, 0).is_ok());
        assert!(room.check(0, 2 << 30, 0).is_err_and(|error| error.is_full()));
        assert!(room.check(4096, 0, 40 << 20).is_err_and(|error| error.is_full()));
        let full = Measure { index_used: 60 << 20, ..room };
        assert!(full.check(4096, 0, 0).is_err_and(|error| error.is_full()));
        let no_disk = Measure { disk_free: 1 << 20, ..room };
        assert!(no_disk.check(4096, 0, 0).is_err_and(|error| error.is_full()));
    }
}
