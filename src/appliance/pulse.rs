//! Asks the program how it does: one line each way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::live::{Pulse, Report, pulse_path};

const PATIENCE: Duration = Duration::from_secs(8);
/// Bytes of an answer at most.
const MAX_ANSWER: u64 = 64 * 1024;

pub(super) fn ask(data: &Path, report: &Report) -> io::Result<Pulse> {
    let mut socket = UnixStream::connect(pulse_path(data))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    socket.write_all(&line)?;
    let mut answer = Vec::new();
    BufReader::new(socket.take(MAX_ANSWER)).read_until(b'\n', &mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}
