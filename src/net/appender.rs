//! Appends lines to text files, in the background: log files for the administrator and for other programs.
//!
//! Whoever appends never waits. Lines go to the disk as fast as it takes them; where they come faster, some are left out
//! and counted. A file is opened for each batch of lines, so that whoever puts it aside needs to tell nobody. Nothing is
//! written while nothing happens.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of lines that wait to be written, at most.
const WAITING: usize = 256 * 1024;

/// Cheap to clone; all clones share one bound.
#[derive(Clone, Default)]
pub struct Appender {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    files: BTreeMap<PathBuf, Lines>,
    bytes: usize,
    left_out: u64,
    writing: bool,
}

#[derive(Default)]
struct Lines {
    text: String,
    largest: Option<u64>,
}

impl Appender {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a line to `file`, soon; the folder is made where there is none. A file that has grown to `largest` bytes
    /// becomes `NAME.1` before, in place of the `NAME.1` there was; `None` leaves that to others.
    pub fn append(&self, file: &Path, line: &str, largest: Option<u64>) {
        let mut waiting = self.waiting();
        if waiting.bytes + line.len() > WAITING {
            waiting.left_out += 1;
            return;
        }
        waiting.bytes += line.len() + 1;
        let lines = waiting.files.entry(file.to_path_buf()).or_default();
        lines.text.push_str(line);
        lines.text.push('\n');
        lines.largest = largest;
        if !std::mem::replace(&mut waiting.writing, true) {
            let appender = self.clone();
            smol::unblock(move || appender.write_all()).detach();
        }
    }

    fn write_all(&self) {
        loop {
            let mut waiting = self.waiting();
            let files = std::mem::take(&mut waiting.files);
            let left_out = std::mem::take(&mut waiting.left_out);
            waiting.bytes = 0;
            waiting.writing = !files.is_empty();
            drop(waiting);
            if left_out > 0 {
                log::warn!("log files: {left_out} lines left out, the disk is too slow");
            }
            if files.is_empty() {
                return;
            }
            for (file, lines) in files {
                if let Err(error) = lines.write_to(&file) {
                    log::warn!("log file {}: {error}", file.display());
                }
            }
        }
    }
}

impl Lines {
    fn write_to(&self, file: &Path) -> io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        if self.largest.is_some_and(|largest| fs::metadata(file).is_ok_and(|found| found.len() >= largest)) {
            let mut aside = OsString::from(file);
            aside.push(".1");
            fs::rename(file, aside)?;
        }
        OpenOptions::new().append(true).create(true).open(file)?.write_all(self.text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn lines_are_appended_in_order_each_to_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("logs").join("a"), dir.path().join("b"));
        let appender = Appender::default();
        for number in 0..100 {
            appender.append(&a, &format!("line {number}"), None);
        }
        appender.append(&b, "other", None);
        let text = |file: &Path| fs::read_to_string(file).unwrap_or_default();
        wait_until("all is written", || text(&a).lines().count() == 100 && text(&b) == "other\n");
        assert!(text(&a).lines().enumerate().all(|(number, line)| line == format!("line {number}")));
    }

    #[test]
    fn a_full_file_is_put_aside_where_that_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.log");
        let aside = dir.path().join("a.log.1");
        fs::write(&file, "0123456789").unwrap();
        fs::write(&aside, "older").unwrap();
        let appender = Appender::default();
        let text = |file: &Path| fs::read_to_string(file).unwrap_or_default();
        appender.append(&file, "grows", None);
        wait_until("it grows", || text(&file) == "0123456789grows\n");
        appender.append(&file, "new", Some(10));
        wait_until("it is new", || text(&file) == "new\n");
        assert_eq!(text(&aside), "0123456789grows\n");
    }

    #[test]
    fn what_the_disk_does_not_take_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.log");
        let appender = Appender::default();
        // As if a batch were being written.
        appender.waiting().writing = true;
        let line = "x".repeat(1023);
        for _ in 0..300 {
            appender.append(&file, &line, None);
        }
        assert_eq!(appender.waiting().left_out, 300 - 256);
        appender.write_all();
        assert_eq!(fs::metadata(&file).unwrap().len(), 256 * 1024);
        assert!(!appender.waiting().writing && appender.waiting().left_out == 0);
    }
}
