//! The log: a ring of preallocated, zero-filled segment files `log/0.log`, `log/1.log` … that records are appended to.
//!
//! * Appending overwrites blocks that exist already, so a flush costs no file-system metadata.
//! * A segment is used again once everything in it is applied to the index.
//! * Reading starts after the last applied record and follows the chain of records to its end. A torn tail ends it; a
//!   bad record with flushed ones after it is [`StoreError::Damaged`].
//!
//! The writer thread owns it; nothing here waits or locks.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::error::StoreError;
use super::record::{BLOCK, Frame, HEADER, Place, Record};
use super::segment::{create_segment, open_segment, path, sync_dir};

/// The end of a record: where the chain goes on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub sequence: u64,
    pub segment: u32,
    pub offset: u64,
    /// `check` of the record.
    pub chain: u32,
}

struct Segment {
    file: File,
    /// Sequence of the last record in it that may still be needed.
    last: u64,
}

pub(super) struct Log {
    dir: PathBuf,
    segment_size: u64,
    segments: Vec<Segment>,
    /// Segments made in the background, not yet in the ring.
    fresh: Arc<Mutex<Vec<File>>>,
    end: Position,
    /// Sequence that is known to be on disk.
    flushed: u64,
    buffer: Vec<u8>,
}

/// Kept for the next batch; more is given back.
const BUFFER_KEPT: usize = 64 * 1024;

impl Log {
    /// Opens the log and hands every record after `from` to `each`, in order.
    pub(super) fn open(
        dir: &Path,
        segment_size: u64,
        from: Position,
        mut each: impl FnMut(Position, usize, Vec<Change>) -> Result<(), StoreError>,
    ) -> Result<Log, StoreError> {
        let mut segments = Vec::new();
        while let Some(file) = open_segment(&path(dir, segments.len()), segment_size)? {
            segments.push(Segment { file, last: 0 });
        }
        let fresh = Arc::default();
        none_missing(dir, segments.len())?;
        let (end, buffer) = (from, Vec::new());
        let mut log = Log { dir: dir.into(), segment_size, segments, fresh, end, flushed: 0, buffer };
        log.replay(&mut each)?;
        if log.segments.is_empty() {
            // Not synced here: that would delay the start. The first flush takes it along.
            let file = create_segment(&path(dir, 0), segment_size)?;
            log.segments.push(Segment { file, last: 0 });
        }
        if log.end.segment as usize >= log.segments.len() {
            log.end = Position { segment: 0, offset: 0, ..log.end };
        }
        log.flushed = log.end.sequence;
        log.end.offset = log.end.offset.next_multiple_of(BLOCK);
        Ok(log)
    }

    fn replay(
        &mut self,
        each: &mut impl FnMut(Position, usize, Vec<Change>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut bytes = self.read_segment(self.end.segment)?;
        loop {
            let found = [self.end.offset, self.end.offset.next_multiple_of(BLOCK)].into_iter().find_map(|offset| {
                let record = Record::read(bytes.get(offset as usize..)?)?;
                self.continues(&record).then_some((offset, record))
            });
            if let Some((offset, record)) = found {
                self.end.sequence = record.place.sequence;
                self.end.offset = offset + record.len() as u64;
                self.end.chain = record.check;
                if let Some(segment) = self.segments.get_mut(self.end.segment as usize) {
                    segment.last = record.place.sequence;
                }
                each(self.end, record.len(), record.changes()?)?;
                continue;
            }
            let Some(next) = self.continuing_segment()? else { break };
            bytes = self.read_segment(next)?;
            self.end.segment = next;
            self.end.offset = 0;
        }
        self.nothing_after(&bytes)
    }

    fn continues(&self, record: &Record<'_>) -> bool {
        record.place.sequence == self.end.sequence + 1 && record.place.before == self.end.chain
    }

    /// The segment whose first record comes after the last one read.
    fn continuing_segment(&self) -> Result<Option<u32>, StoreError> {
        for index in 0..self.segments.len() as u32 {
            let bytes = self.first_record(index)?;
            if Record::read(&bytes).is_some_and(|record| self.continues(&record)) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Whether what lies behind the end of the chain says that more of it was once on disk.
    fn nothing_after(&self, current: &[u8]) -> Result<(), StoreError> {
        let behind = (self.end.offset.next_multiple_of(BLOCK)..current.len() as u64).step_by(BLOCK as usize);
        for offset in behind {
            if let Some(record) = Record::read(current.get(offset as usize..).unwrap_or_default()) {
                self.not_later(&record)?;
            }
        }
        for index in 0..self.segments.len() as u32 {
            if let Some(record) = Record::read(&self.first_record(index)?) {
                self.not_later(&record)?;
            }
        }
        Ok(())
    }

    /// The first record of a segment if it seems to be later than the last one read, else nothing.
    fn first_record(&self, index: u32) -> Result<Vec<u8>, StoreError> {
        let Some(segment) = self.segments.get(index as usize) else { return Ok(Vec::new()) };
        let failed = |error| StoreError::io("reading the log", error);
        let mut bytes = vec![0; HEADER];
        segment.file.read_exact_at(&mut bytes, 0).map_err(failed)?;
        match Record::peek(&bytes) {
            Some((place, len)) if place.sequence > self.end.sequence && len as u64 <= self.segment_size => {
                bytes.resize(len, 0);
                segment.file.read_exact_at(&mut bytes, 0).map_err(failed)?;
                Ok(bytes)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn not_later(&self, record: &Record<'_>) -> Result<(), StoreError> {
        if record.place.flushed <= self.end.sequence {
            return Ok(());
        }
        Err(StoreError::Damaged(format!(
            "record {} of the log in {} is bad, though record {} after it is whole; \
             restore a backup, or move the log away to go on without what it holds",
            self.end.sequence + 1,
            self.dir.display(),
            record.place.sequence
        )))
    }

    fn read_segment(&self, index: u32) -> Result<Vec<u8>, StoreError> {
        let Some(segment) = self.segments.get(index as usize) else { return Ok(Vec::new()) };
        let mut bytes = vec![0; self.segment_size as usize];
        segment.file.read_exact_at(&mut bytes, 0).map_err(|error| StoreError::io("reading the log", error))?;
        Ok(bytes)
    }

    // -- writing ------------------------------------------------------------------------------------------------

    pub(super) fn sequence(&self) -> u64 {
        self.end.sequence
    }

    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.flushed < self.end.sequence
    }

    /// Largest record that fits.
    pub(super) fn capacity(&self) -> usize {
        self.segment_size as usize
    }

    /// How many bytes the current segment still takes.
    pub(super) fn room(&self) -> usize {
        (self.segment_size - self.end.offset) as usize
    }

    /// Writes `frames`, which must fit into [`Log::room`], without flushing. Returns the end of each. After an error
    /// nothing counts as written.
    pub(super) fn append<'a>(&mut self, frames: impl Iterator<Item = &'a Frame>) -> Result<Vec<Position>, StoreError> {
        self.buffer.clear();
        let start = self.end.offset;
        let mut end = self.end;
        let mut ends = Vec::new();
        for frame in frames {
            let place = Place { sequence: end.sequence + 1, flushed: self.flushed, before: end.chain };
            end.chain = frame.seal(place, &mut self.buffer);
            end.sequence += 1;
            end.offset = start + self.buffer.len() as u64;
            ends.push(end);
        }
        // Whole blocks, so that the kernel need not read a block from disk to change part of it.
        self.buffer.resize((end.offset.next_multiple_of(BLOCK) - start) as usize, 0);
        let Some(segment) = self.segments.get_mut(end.segment as usize) else { return Err(StoreError::Closed) };
        let written = segment.file.write_all_at(&self.buffer, start);
        self.buffer.shrink_to(BUFFER_KEPT);
        written.map_err(|error| StoreError::io("writing the log", error))?;
        segment.last = end.sequence;
        self.end = end;
        Ok(ends)
    }

    /// Everything appended is on disk when this returns. After an error the log must not be used any more: the kernel
    /// may have dropped what it could not write.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        let Some(segment) = self.segments.get(self.end.segment as usize) else { return Err(StoreError::Closed) };
        segment.file.sync_data().map_err(|error| StoreError::io("flushing the log", error))?;
        self.flushed = self.end.sequence;
        self.end.offset = self.end.offset.next_multiple_of(BLOCK);
        Ok(())
    }

    /// Goes on in the next segment, if all of it is applied. Flushes the one it leaves.
    pub(super) fn advance(&mut self, applied: u64) -> Result<bool, StoreError> {
        let fresh = std::mem::take(&mut *self.fresh.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        self.segments.extend(fresh.into_iter().map(|file| Segment { file, last: 0 }));
        let next = (self.end.segment as usize + 1) % self.segments.len();
        if self.segments.get(next).is_none_or(|segment| segment.last > applied) {
            return Ok(false);
        }
        if self.is_dirty() {
            self.flush()?;
        }
        self.end.segment = next as u32;
        self.end.offset = 0;
        Ok(true)
    }

    /// What is needed before the first record may be acknowledged: the segment files are on disk with their names. Also
    /// those found at the start: whoever made them may have been killed before they were.
    pub(super) fn settle_files(&self) -> Result<(), StoreError> {
        for segment in &self.segments {
            segment.file.sync_all().map_err(|error| StoreError::io("flushing the log", error))?;
        }
        sync_dir(&self.dir)
    }

    /// Makes the missing segments of a ring of `count`, until it is told to stop; to be called on a thread of its own.
    pub(super) fn preparation(
        &self,
        count: usize,
    ) -> impl FnOnce(&dyn Fn() -> bool) -> Result<(), StoreError> + Send + 'static {
        let (dir, size, fresh) = (self.dir.clone(), self.segment_size, self.fresh.clone());
        let missing = self.segments.len()..count;
        move |stopped| {
            for index in missing.take_while(|_| !stopped()) {
                let unfinished = dir.join(format!("{index}.new"));
                let file = create_segment(&unfinished, size)?;
                file.sync_all().map_err(|error| StoreError::io("preparing the log", error))?;
                fs::rename(&unfinished, path(&dir, index))
                    .map_err(|error| StoreError::io("preparing the log", error))?;
                sync_dir(&dir)?;
                fresh.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(file);
            }
            Ok(())
        }
    }
}

/// A segment that is missing is damage, not the end of the ring.
fn none_missing(dir: &Path, found: usize) -> Result<(), StoreError> {
    let failed = |error| StoreError::io(format!("reading {}", dir.display()), error);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse::<usize>().ok());
        if number.is_some_and(|number| number > found) {
            let missing = path(dir, found);
            return Err(StoreError::Damaged(format!("{} is missing; restore a backup", missing.display())));
        }
    }
    Ok(())
}
