//! The store behind its handles: opens, replays, starts the threads, ends them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use heed::RoTxn;

use super::answer;
use super::backlog::Batch;
use super::bodies::{Bodies, Unnamed};
use super::change::Change;
use super::error::{INDEX_FULL, LOG_STAYS_FULL, StoreError};
use super::index::{Index, MAP_SIZES};
use super::log::Log;
use super::mapping;
use super::opening::{Replay, first_id, lock_dir, make_dirs};
use super::record::Frame;
use super::room::{Measure, Room};
use super::shared::{Shared, Work};
use super::tables::{self, Tables};
use super::waitroom::{Request, Waitroom};
use super::writer;

/// Sizes of the log and the index, for tests and tools; the program takes the default.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of a log segment, a multiple of 4,096.
    pub segment_size: u64,
    /// Segments in the ring.
    pub segments: usize,
    /// Sizes of the map to try, in this order, multiples of the page size.
    pub map_sizes: Vec<usize>,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_size: 4 << 20, segments: 4, map_sizes: MAP_SIZES.to_vec() }
    }
}

pub(super) struct Core {
    pub dir: PathBuf,
    pub bodies: Arc<Bodies>,
    pub waitroom: Waitroom,
    pub shared: Shared,
    pub room: Room,
    largest: usize,
    ids: AtomicU64,
    /// Gone after closing.
    index: RwLock<Option<Index>>,
    lock: Mutex<Option<File>>,
    /// Held while a batch is applied and its leftovers are removed.
    applying: Mutex<()>,
}

/// Nice value of the apply thread.
const APPLY_PRIORITY: i32 = 10;

impl Core {
    pub(super) fn open(dir: &Path, options: &Options) -> Result<(Arc<Core>, Vec<JoinHandle<()>>), StoreError> {
        let [log_dir, index_dir, bodies_dir] = make_dirs(dir)?;
        let lock = lock_dir(dir)?;
        let mut index = Index::open(&index_dir, &options.map_sizes)?;
        let bodies = Arc::new(Bodies::open(bodies_dir)?);
        let applied = index.read(|tables, txn| tables.applied(txn))?.end;
        let mut replay = Replay::new(&mut index, &bodies);
        let log = Log::open(&log_dir, options.segment_size, applied, |end, bytes, changes| {
            replay.record(end, bytes, changes)
        })?;
        replay.apply_all()?;
        let last_id = index.read(|tables, txn| tables.applied(txn))?.last_id;
        let core = Arc::new(Core {
            dir: dir.to_path_buf(),
            bodies,
            waitroom: Waitroom::default(),
            shared: Shared::default(),
            room: Room::default(),
            largest: log.capacity(),
            ids: AtomicU64::new(first_id(last_id)),
            index: RwLock::new(Some(index)),
            lock: Mutex::new(Some(lock)),
            applying: Mutex::default(),
        });
        core.shared.start_at(log.sequence());
        let dirs = vec![index_dir, core.bodies.dir().to_path_buf(), core.dir.clone()];
        let threads = core.start(log, dirs, options.segments)?;
        Ok((core, threads))
    }

    /// `dirs`: made by this program or one before, whose names must be on disk before anything in them counts.
    fn start(
        self: &Arc<Core>,
        log: Log,
        dirs: Vec<PathBuf>,
        segments: usize,
    ) -> Result<Vec<JoinHandle<()>>, StoreError> {
        let preparation = log.preparation(segments);
        let (writer, applier, starter) = (self.clone(), self.clone(), self.clone());
        Ok(vec![
            spawn("store-log", move || writer::run(log, &dirs, &writer.waitroom, &writer.shared))?,
            spawn("store-apply", move || applier.apply_forever())?,
            spawn("store-start", move || {
                if let Err(error) = preparation(&|| starter.shared.is_closing()).and_then(|()| starter.sweep()) {
                    log::warn!("store: {error}");
                }
            })?,
        ])
    }

    /// Everything the log holds is applied; ends the threads.
    pub(super) fn close(&self, threads: Vec<JoinHandle<()>>) -> Result<(), StoreError> {
        let mut threads = threads.into_iter();
        self.waitroom.close();
        if let Some(writer) = threads.next() {
            let _ = writer.join();
        }
        self.shared.close();
        for thread in threads {
            let _ = thread.join();
        }
        let index = self.index.write().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        drop(index);
        self.lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        self.shared.stuck().map_or(Ok(()), Err)
    }

    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    // -- committing ---------------------------------------------------------------------------------------------

    pub(super) async fn submit(&self, changes: Vec<Change>, flush: bool) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut unnamed = Unnamed::of(&self.bodies, &changes);
        let frame = Frame::encode(&changes)?;
        if frame.len() > self.largest {
            return Err(StoreError::TooLarge(frame.len()));
        }
        self.admit(&changes)?;
        self.shared.not_full().await?;
        let (answer, reply) = answer::reply();
        self.waitroom.push(Request { frame, changes, flush, answer })?;
        let files = unnamed.keep();
        let written = reply.await;
        if let Err(StoreError::Full(LOG_STAYS_FULL)) = written {
            // After another failure the record may be in the log all the same.
            self.bodies.remove(&files);
        }
        written
    }

    /// Refuses mail that there is no room for. Everything else is let through: it makes room, or is small.
    fn admit(&self, changes: &[Change]) -> Result<(), StoreError> {
        let bodies = changes.iter().filter_map(|change| match change {
            Change::AddMail(mail) => Some(mail.body.inline_len() as u64 + 1),
            _ => None,
        });
        let inline = bodies.sum();
        if inline == 0 {
            return Ok(());
        }
        self.room_for(inline, 0).and(self.shared.stuck().map_or(Ok(()), Err))
    }

    pub(super) fn room_for(&self, inline: u64, file: u64) -> Result<(), StoreError> {
        self.measure()?.check(inline, file, self.shared.backlog_bytes() as u64)
    }

    pub(super) fn measure(&self) -> Result<Measure, StoreError> {
        self.with_index(|index| self.room.measure(&self.dir, index))
    }

    // -- reading ------------------------------------------------------------------------------------------------

    pub(super) fn with_index<T>(&self, work: impl FnOnce(&Index) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let index = self.index.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        work(index.as_ref().ok_or(StoreError::Closed)?)
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Tables, &RoTxn<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.shared.note_read();
        self.with_index(|index| index.read(read))
    }

    /// So many bytes of the index were read.
    pub(super) fn touched(&self, bytes: usize) {
        let _ = self.with_index(|index| {
            index.touch(bytes);
            Ok(())
        });
    }

    // -- applying -----------------------------------------------------------------------------------------------

    fn apply_forever(&self) {
        // A lower priority: what is applied is safe already, a session that waits for its flush is not served yet.
        if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), APPLY_PRIORITY) {
            log::debug!("store: priority of the apply thread: {error}");
        }
        let mut said = None;
        loop {
            match self.shared.next_work() {
                Work::Apply(batch) => match self.apply(batch) {
                    Ok(()) => said = None,
                    Err((batch, error)) => {
                        // Tried every few seconds, perhaps for days: said once.
                        let words = error.to_string();
                        if said.as_ref() != Some(&words) {
                            log::error!("store: applying: {error}; kept in the log, tried again");
                            said = Some(words);
                        }
                        self.shared.batch_failed(batch, error);
                    }
                },
                Work::Release => {
                    let _ = self.with_index(|index| {
                        index.release_pages();
                        Ok(())
                    });
                    mapping::release_heap();
                }
                Work::End => return,
            }
        }
    }

    fn apply(&self, batch: Batch) -> Result<(), (Batch, StoreError)> {
        let _applying = self.applying.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let apply = || self.with_index(|index| index.apply(&batch.commits));
        let applied = match apply() {
            Err(StoreError::Full(INDEX_FULL)) => self.grow_index().and_then(|()| apply()),
            applied => applied,
        };
        let mut files = match applied {
            Ok(files) => files,
            Err(error) => return Err((batch, error)),
        };
        self.room.note_applied();
        files.extend(self.shared.batch_applied(&batch));
        self.bodies.remove(&files);
        Ok(())
    }

    /// What is in the log was accepted, and has to find its place.
    fn grow_index(&self) -> Result<(), StoreError> {
        let mut index = self.index.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        index.as_mut().ok_or(StoreError::Closed)?.grow()
    }

    /// Runs `work` while nothing is being applied.
    pub(super) fn at_rest<T>(&self, work: impl FnOnce() -> T) -> T {
        let _applying = self.applying.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        work()
    }

    /// Removes body files of earlier runs that nothing names.
    fn sweep(&self) -> Result<(), StoreError> {
        let mut left = self.bodies.left_over()?;
        if left.is_empty() {
            return Ok(());
        }
        // What is in the index now was there when the store was opened, or came from this run.
        self.read(|tables, txn| {
            for row in tables.mails.iter(txn).map_err(StoreError::index)? {
                let row: tables::MailRow = tables::decode(row.map_err(StoreError::index)?.1)?;
                if let tables::BodyPlace::File { id, .. } = row.body {
                    left.remove(&id);
                }
            }
            Ok(())
        })?;
        for id in self.shared.files() {
            left.remove(&id);
        }
        if !left.is_empty() {
            log::info!("store: {} body files without a mail removed", left.len());
        }
        self.bodies.remove(&left.into_iter().collect::<Vec<_>>());
        Ok(())
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn(work).map_err(|error| StoreError::io("starting a thread", error))
}
