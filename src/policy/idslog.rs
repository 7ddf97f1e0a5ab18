//! The log of suspicious events: a line an event, for other programs (spec connectors-and-smtp §8.9).
//!
//! Never read or rotated here: the file is opened for each batch of lines, so that whoever rotates it needs to tell
//! nobody. Sessions never wait for it; when the disk is slower than the intruders, lines are left out and counted.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::event::Event;

/// Lines that wait to be written, at most.
const WAITING: usize = 4096;
/// Longest text in place of `%D`, characters.
const LONGEST_DATA: usize = 256;

/// Cheap to clone; all clones are one log.
#[derive(Clone, Default)]
pub(super) struct IdsLog {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    lines: HashMap<PathBuf, String>,
    count: usize,
    left_out: u64,
    writing: bool,
}

impl IdsLog {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Appends a line to `file`, soon.
    pub(super) fn append(&self, file: &Path, line: &str) {
        let mut waiting = self.waiting();
        if waiting.count >= WAITING {
            waiting.left_out += 1;
            return;
        }
        waiting.count += 1;
        let lines = waiting.lines.entry(file.to_path_buf()).or_default();
        lines.push_str(line);
        lines.push('\n');
        if !std::mem::replace(&mut waiting.writing, true) {
            let log = self.clone();
            smol::unblock(move || log.write_all()).detach();
        }
    }

    fn write_all(&self) {
        loop {
            let mut waiting = self.waiting();
            let (lines, left_out) = (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.left_out));
            waiting.count = 0;
            waiting.writing = !lines.is_empty();
            drop(waiting);
            if left_out > 0 {
                log::warn!("IDS log: {left_out} lines left out, the disk is too slow");
            }
            if lines.is_empty() {
                return;
            }
            for (file, text) in lines {
                if let Err(error) = write(&file, &text) {
                    log::warn!("IDS log {}: {error}", file.display());
                }
            }
        }
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

/// A line by its template. What a client has said cannot begin a new line.
pub(super) fn line(format: &str, time: &str, client: IpAddr, event: Event, data: &str) -> String {
    let mut line = String::with_capacity(format.len() + 64);
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            line.push(c);
            continue;
        }
        match rest.next() {
            Some('T') => line.push_str(time),
            Some('I') => line.push_str(&client.to_string()),
            Some('e') => line.push_str(&event.number().to_string()),
            Some('E') => line.push_str(event.text()),
            Some('D') => line.extend(data.chars().map(|c| if c.is_control() { '?' } else { c }).take(LONGEST_DATA)),
            Some('%') => line.push('%'),
            Some(other) => line.extend(['%', other]),
            None => line.push('%'),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced() {
        let made =
            |format: &str| line(format, "T", IpAddr::from([192, 0, 2, 1]), Event::RelayDenied, "x@y.example\r\nz");
        assert_eq!(made("%T %I %e %E: %D"), "T 192.0.2.1 1 Relay denied: x@y.example??z");
        assert_eq!(made("100%% %q %"), "100% %q %");
        let long = line("%D", "", IpAddr::from([192, 0, 2, 1]), Event::SyntaxError, &"é".repeat(10_000));
        assert_eq!(long.chars().count(), LONGEST_DATA);
    }
}
