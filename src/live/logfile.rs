//! Log files for the administrator, in the folder `logs` of the data directory: `dlrules.log`, one for each collector that
//! wants one, and the like.
//!
//! Not `log`, which is the store's own. Bounded: a file that has grown to [`LARGEST`] bytes becomes `NAME.1`, in place of the
//! `NAME.1` before it. Whoever writes never waits. Lines never hold secrets; control characters in them are blanked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::net::Appender;

/// Size at which a file is put aside, bytes.
pub const LARGEST: u64 = 1024 * 1024;
/// Longest line, characters.
const LONGEST: usize = 1000;

/// Cheap to clone; all clones write to one folder.
#[derive(Clone)]
pub struct LogFiles {
    folder: Arc<PathBuf>,
    appender: Appender,
}

impl LogFiles {
    /// The folder is made when the first line is written.
    pub fn below(data: &Path) -> LogFiles {
        LogFiles { folder: Arc::new(data.join("logs")), appender: Appender::default() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends a line to a file of this name, soon, with the local time in front.
    pub fn write(&self, name: &str, line: &str) {
        let mut text = stamp(&Timestamp::now().to_zoned(TimeZone::system()));
        text.extend(line.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }));
        self.appender.append(&self.folder.join(name), &text, Some(LARGEST));
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

#[cfg(test)]
mod tests {
    use std::fs;

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
    fn names_stay_in_the_folder() {
        assert_eq!(file_name("../Gmail Büro"), "___Gmail_B_ro");
    }
}
