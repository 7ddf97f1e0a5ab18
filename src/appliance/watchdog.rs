//! The board's watchdog: resets it when it is not fed for its time, 15 s on a Raspberry Pi.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

pub(super) struct Watchdog {
    device: File,
}

impl Watchdog {
    /// From here on it must be fed, at least every 5 s.
    pub(super) fn start(device: &Path) -> io::Result<Watchdog> {
        Ok(Watchdog { device: OpenOptions::new().write(true).open(device)? })
    }

    pub(super) fn feed(&mut self) {
        if let Err(error) = self.device.write_all(b"\0") {
            log::error!("watchdog: {error}");
        }
    }

    /// For an orderly end: it resets nothing any more. A driver that does not allow it resets the board all the same.
    pub(super) fn stop(mut self) {
        let _ = self.device.write_all(b"V");
    }
}
