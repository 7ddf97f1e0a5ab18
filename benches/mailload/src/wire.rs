//! Lines and replies on a socket.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A server that says nothing for this long has failed.
const SILENCE: Duration = Duration::from_secs(60);
const MAX_LINE: usize = 64 * 1024;

pub struct Wire {
    reader: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Wire {
    pub fn connect(to: &str) -> io::Result<Wire> {
        let mut last = Error::new(ErrorKind::NotFound, "no address");
        for address in to.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, SILENCE) {
                Ok(stream) => return Wire::new(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub fn new(stream: TcpStream) -> io::Result<Wire> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(Wire { reader: BufReader::with_capacity(16 * 1024, stream), line: Vec::new() })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// A line without its end; `None` where the peer is gone.
    pub fn line(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let mut limited = io::Read::take(&mut self.reader, MAX_LINE as u64);
        if limited.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.pop() != Some(b'\n') {
            return Err(Error::new(ErrorKind::InvalidData, "a line without end"));
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(Some(&self.line))
    }

    /// Whether more is at hand without waiting.
    pub fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    /// Reads and throws away.
    pub fn skip(&mut self, bytes: u64) -> io::Result<()> {
        match io::copy(&mut io::Read::take(&mut self.reader, bytes), &mut io::sink())? == bytes {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads an SMTP reply, all its lines; an error unless it begins with `wanted`.
    pub fn reply(&mut self, wanted: u8) -> io::Result<()> {
        loop {
            let line = self.line()?.ok_or(ErrorKind::UnexpectedEof)?;
            if line.get(3) != Some(&b'-') {
                return match line.first() == Some(&wanted) {
                    true => Ok(()),
                    false => Err(Error::other(String::from_utf8_lossy(line).into_owned())),
                };
            }
        }
    }
}
