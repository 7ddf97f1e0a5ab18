//! How the file of a large body is written: in pieces that go to the disk past the page cache.
//!
//! A body is written once and seldom read soon after, on a board with little memory: through the cache it would push
//! out what is worth keeping, and be copied once more. Direct writes need memory, place and length that are multiples
//! of a block; the last piece, and file systems that know no direct writes, go through the cache.

use std::fs::File;
use std::io::{self, Write};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Bytes of a full piece; a multiple of [`BLOCK`], large enough for an SD card to write it in one go.
pub(super) const PIECE: usize = 128 * 1024;
/// Direct writes are aligned to this.
const BLOCK: usize = 4096;

/// Memory for one piece of a body.
pub(super) struct Piece {
    /// Longer than a piece by a block, so that one fits in aligned.
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Piece {
    pub(super) fn new() -> Piece {
        let memory = vec![0; PIECE + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK);
        // Where alignment is unknown, the write falls back to the cache.
        Piece { start: if start < BLOCK { start } else { 0 }, memory, len: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == PIECE
    }

    /// Takes as many of `bytes` as there is room for, and returns the rest.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.len));
        let at = self.start + self.len;
        if let Some(room) = self.memory.get_mut(at..at + now.len()) {
            room.copy_from_slice(now);
            self.len += now.len();
        }
        later
    }

    fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.len).unwrap_or_default()
    }
}

/// Lets full pieces past the page cache, where the file system can.
pub(super) fn prepare(file: &File) {
    // Refused by file systems in memory and some others: then the cache it is.
    let _ = fcntl(file, FcntlArg::F_SETFL(OFlag::O_DIRECT));
}

/// Writes the piece to the end of the file and gives its memory back, empty.
pub(super) fn write(mut file: File, mut piece: Piece) -> io::Result<(File, Piece)> {
    let mut left = piece.bytes();
    if !piece.is_full() {
        through_cache(&file)?;
    }
    while !left.is_empty() {
        match file.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => left = left.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What is left after a short write is not aligned any more, or this file system minds something else.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && is_direct(&file) => through_cache(&file)?,
            Err(error) => return Err(error),
        }
    }
    piece.len = 0;
    Ok((file, piece))
}

fn through_cache(file: &File) -> io::Result<()> {
    fcntl(file, FcntlArg::F_SETFL(OFlag::empty())).map(drop).map_err(io::Error::from)
}

fn is_direct(file: &File) -> bool {
    fcntl(file, FcntlArg::F_GETFL).is_ok_and(|flags| OFlag::from_bits_retain(flags).contains(OFlag::O_DIRECT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_was_taken() {
        let dir = tempfile::tempdir().unwrap();
        for size in [1, BLOCK, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 777] {
            let body: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
            let path = dir.path().join(size.to_string());
            let mut file = File::create_new(&path).unwrap();
            prepare(&file);
            let (mut piece, mut rest) = (Piece::new(), body.as_slice());
            while !rest.is_empty() {
                rest = piece.take(rest);
                (file, piece) = write(file, piece).unwrap();
            }
            assert!(std::fs::read(&path).unwrap() == body, "{size} bytes");
        }
    }

    #[test]
    fn a_refused_direct_write_goes_through_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("body");
        let file = File::create_new(&path).unwrap();
        prepare(&file);
        let mut piece = Piece::new();
        // Full, and not aligned on purpose.
        piece.start = if piece.start == 0 { 1 } else { piece.start - 1 };
        assert!(piece.take(&vec![b'x'; PIECE]).is_empty());
        let (_, empty) = write(file, piece).unwrap();
        assert!(!empty.is_full());
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; PIECE]);
    }
}
