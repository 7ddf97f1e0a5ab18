//! The program's log, in memory: the last part of it, bounded. It goes to the card only when something has failed, and at
//! the end, one file that is replaced.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes kept.
const KEPT: usize = 128 * 1024;
/// Bytes of one line; the rest is another.
const LINE: u64 = 4096;

/// Cheap to clone; all clones are one log.
#[derive(Clone, Default)]
pub(super) struct Log {
    lines: Arc<Mutex<Lines>>,
    loud: bool,
}

#[derive(Default)]
struct Lines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Log {
    /// `loud`: also to the console.
    pub(super) fn new(loud: bool) -> Log {
        Log { loud, ..Log::default() }
    }

    /// Takes what comes until the end.
    pub(super) fn take(&self, from: impl Read) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            match from.by_ref().take(LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.add(String::from_utf8_lossy(&line).trim_end()),
            }
        }
    }

    pub(super) fn add(&self, line: &str) {
        if self.loud {
            super::console::print(line);
        }
        let mut kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += line.len();
        kept.lines.push_back(line.to_string());
        while kept.bytes > KEPT {
            let Some(old) = kept.lines.pop_front() else { break };
            kept.bytes -= old.len();
        }
    }

    /// The last lines, for the rescue page and the card.
    pub(super) fn last(&self, count: usize) -> String {
        let kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let from = kept.lines.len().saturating_sub(count);
        kept.lines.range(from..).flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    pub(super) fn save(&self, file: &Path) {
        if let Err(error) = fs::write(file, self.last(usize::MAX)) {
            log::warn!("{}: {error}", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_is_kept() {
        let log = Log::default();
        let long = "x".repeat(1000);
        log.take((0..1000).map(|number| format!("{number} {long}\n")).collect::<String>().as_bytes());
        let kept = log.last(usize::MAX);
        assert!(kept.len() <= KEPT + 200 && kept.len() > KEPT - 2000, "{}", kept.len());
        assert!(log.last(1).starts_with("999 x") && log.last(2).starts_with("998 x"));
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_than_others() {
        let log = Log::default();
        log.take("y".repeat(1 << 20).as_bytes());
        assert!(log.last(1).len() <= LINE as usize + 1);
        assert!(log.last(usize::MAX).len() <= KEPT + 200);
    }
}
