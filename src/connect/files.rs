//! The files CONNECT.NOW and CONNECT.PAUSE: for whoever may write to the data directory and nothing else (spec §3.3).
//!
//! Looked for every few seconds. That is two names found missing in the system's memory: nothing is read from the disk or
//! written to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Starts the default Connections, and is removed.
pub const NOW: &str = "CONNECT.NOW";
/// While it is there, the schedule is paused.
const PAUSE: &str = "CONNECT.PAUSE";

#[derive(Debug)]
pub struct Files {
    now: PathBuf,
    pause: PathBuf,
    /// CONNECT.NOW could not be removed; it counts again when it has been away.
    stuck: bool,
}

impl Files {
    pub fn new(dir: &Path) -> Files {
        Files { now: dir.join(NOW), pause: dir.join(PAUSE), stuck: false }
    }

    pub fn is_paused(&self) -> bool {
        fs::symlink_metadata(&self.pause).is_ok()
    }

    /// Whether CONNECT.NOW was there; it is gone then. One that cannot be removed is told once and starts nothing, or it
    /// would start Connections for ever.
    pub fn take_now(&mut self) -> io::Result<bool> {
        if fs::symlink_metadata(&self.now).is_err() {
            self.stuck = false;
            return Ok(false);
        }
        if self.stuck {
            return Ok(false);
        }
        let removed = fs::remove_file(&self.now);
        self.stuck = removed.is_err();
        removed.map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_counts_once_and_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path());
        assert!(!files.take_now().unwrap());
        fs::write(dir.path().join("CONNECT.NOW"), "").unwrap();
        assert!(files.take_now().unwrap());
        assert!(!files.take_now().unwrap());
        assert!(!dir.path().join("CONNECT.NOW").exists());
    }

    #[test]
    fn what_cannot_be_removed_starts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path());
        let now = dir.path().join("CONNECT.NOW");
        fs::create_dir(&now).unwrap();
        assert!(files.take_now().is_err());
        assert!(!files.take_now().unwrap(), "told once");
        fs::remove_dir(&now).unwrap();
        assert!(!files.take_now().unwrap());
        fs::write(&now, "").unwrap();
        assert!(files.take_now().unwrap());
    }

    #[test]
    fn pause_is_there_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path());
        assert!(!files.is_paused());
        fs::write(dir.path().join("CONNECT.PAUSE"), "").unwrap();
        assert!(files.is_paused());
    }
}
