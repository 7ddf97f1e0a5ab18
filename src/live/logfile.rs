//! Log files for the administrator, in the folder `logs` of the data directory: `dlrules.log`, one for each collector that
//! wants one, and the like.
//!
//! Not `log`, which is the store's own. Bounded: a file that has grown to [`LARGEST`] bytes becomes `NAME.1`, in place of the
//! `NAME.1` before it. Whoever writes never waits: lines go to the disk in the background, and where that is slower than
//! they come, some are left out and counted. Nothing is written while nothing happens. Lines never hold secrets; control
//! characters in them are blanked.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Size at which a file is put aside, bytes.
pub const LARGEST: u64 = 1024 * 1024;
/// Bytes of lines that wait to be written, at most.
const WAITING: usize = 256 * 1024;
/// Longest line, characters.
const LONGEST: usize = 1000;

/// Cheap to clone; all clones write to one folder.
#[derive(Clone)]
pub struct LogFiles {
    folder: Arc<PathBuf>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    lines: BTreeMap<String, String>,
    bytes: usize,
    left_out: u64,
    writing: bool,
}

impl LogFiles {
    /// The folder is made when the first line is written.
    pub fn below(data: &Path) -> LogFiles {
        LogFiles { folder: Arc::new(data.join("logs")), waiting: Arc::default() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a line to a file of this name, soon, with the local time in front.
    pub fn write(&self, name: &str, line: &str) {
        let mut text = stamp(&Timestamp::now().to_zoned(TimeZone::system()));
        text.extend(line.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }));
        text.push('\n');
        let mut waiting = self.waiting();
        if waiting.bytes + text.len() > WAITING {
            waiting.left_out += 1;
            return;
        }
        waiting.bytes += text.len();
        waiting.lines.entry(name.to_string()).or_default().push_str(&text);
        if !std::mem::replace(&mut waiting.writing, true) {
            let files = self.clone();
            smol::unblock(move || files.write_all()).detach();
        }
    }

    fn write_all(&self) {
        loop {
            let mut waiting = self.waiting();
            let lines = std::mem::take(&mut waiting.lines);
            let left_out = std::mem::take(&mut waiting.left_out);
            waiting.bytes = 0;
            waiting.writing = !lines.is_empty();
            drop(waiting);
            if left_out > 0 {
                log::warn!("log files: {left_out} lines left out, the disk is too slow");
            }
            if lines.is_empty() {
                return;
            }
            for (name, text) in lines {
                if let Err(error) = append(&self.folder, &name, &text) {
                    log::warn!("log file {name}: {error}");
                }
            }
        }
    }
}

fn stamp(now: &Zoned) -> String {
    now.strftime("%Y-%m-%d %H:%M:%S ").to_string()
}

/// A name that is a file in the folder, whatever it was made of.
pub fn file_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    text.chars().take(60).map(plain).collect()
}

fn append(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    if fs::metadata(&path).is_ok_and(|file| file.len() >= LARGEST) {
        fs::rename(&path, folder.join(format!("{name}.1")))?;
    }
    OpenOptions::new().append(true).create(true).open(&path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file, once it is as it should be.
    fn read(files: &LogFiles, name: &str, ready: impl Fn(&str) -> bool) -> String {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let text = fs::read_to_string(files.folder().join(name)).unwrap_or_default();
            if ready(&text) {
                return text;
            }
            assert!(std::time::Instant::now() < deadline, "{name}: {} bytes", text.len());
            std::thread::yield_now();
        }
    }

    #[test]
    fn lines_have_the_time_in_front_and_are_lines() {
        let dir = tempfile::tempdir().unwrap();
        let files = LogFiles::below(dir.path());
        assert!(!files.folder().exists(), "nothing is made before there is something to say");
        files.write("a.log", "one\r\ntwo");
        files.write("a.log", &"x".repeat(5000));
        let text = read(&files, "a.log", |text| text.lines().count() == 2);
        let first = text.lines().next().unwrap();
        assert!(first.ends_with(" one  two") && first.starts_with("20"), "{first}");
        assert!(text.lines().all(|line| line.len() < 1100));
    }

    #[test]
    fn a_full_file_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let files = LogFiles::below(dir.path());
        fs::create_dir_all(files.folder()).unwrap();
        fs::write(files.folder().join("a.log"), vec![b'x'; LARGEST as usize]).unwrap();
        fs::write(files.folder().join("a.log.1"), "older").unwrap();
        files.write("a.log", "new");
        let text = read(&files, "a.log", |text| text.ends_with(" new\n"));
        assert_eq!(text.lines().count(), 1);
        assert_eq!(fs::metadata(files.folder().join("a.log.1")).unwrap().len(), LARGEST);
    }

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(file_name("../Gmail Büro"), "___Gmail_B_ro");
    }
}
