//! Message text on its way out: bare CR and LF made line ends, and for DATA dots at line starts doubled (RFC 5321 §4.5.2).
//!
//! The first is no beauty care: §2.3.8 forbids sending them, and a server that takes them for line ends could be made
//! to see an end of data in the middle of a message (SMTP smuggling).

use memchr::memchr2_iter;

/// Keeps its state from piece to piece.
#[derive(Debug)]
pub(super) struct Stuffer {
    /// Of DATA; a chunk of BDAT knows no dots.
    dots: bool,
    at_line_start: bool,
    /// The last piece ended with CR; whether it is a bare one shows in the next.
    after_cr: bool,
}

impl Stuffer {
    pub(super) fn for_data() -> Stuffer {
        Stuffer { dots: true, at_line_start: true, after_cr: false }
    }

    pub(super) fn for_chunks() -> Stuffer {
        Stuffer { dots: false, ..Stuffer::for_data() }
    }

    /// Whether `piece` comes out as it goes in.
    pub(super) fn leaves(&self, piece: &[u8]) -> bool {
        !self.dots && !self.after_cr && has_clean_lines(piece)
    }

    /// Appends `piece` to `out`. A CR at its end is held back.
    pub(super) fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        out.reserve(piece.len() + piece.len() / 64 + 8);
        if self.after_cr {
            self.after_cr = false;
            out.extend_from_slice(b"\r\n");
            self.at_line_start = true;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        let mut start = 0;
        for at in memchr2_iter(b'\r', b'\n', piece) {
            // The LF of a CR LF whose CR has been dealt with.
            if at < start {
                continue;
            }
            let line = piece.get(start..at).unwrap_or_default();
            self.line_part(line, out);
            match piece.get(at..) {
                Some([b'\r']) => {
                    self.after_cr = true;
                    return;
                }
                Some([b'\r', b'\n', ..]) => start = at + 2,
                _ => start = at + 1,
            }
            out.extend_from_slice(b"\r\n");
            self.at_line_start = true;
        }
        self.line_part(piece.get(start..).unwrap_or_default(), out);
    }

    fn line_part(&mut self, part: &[u8], out: &mut Vec<u8>) {
        let Some(&first) = part.first() else { return };
        if self.dots && self.at_line_start && first == b'.' {
            out.push(b'.');
        }
        out.extend_from_slice(part);
        self.at_line_start = false;
    }

    /// Writes what is held back. For DATA, ends the last line if it is open, and writes the final dot.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.after_cr || (self.dots && !self.at_line_start) {
            out.extend_from_slice(b"\r\n");
        }
        if self.dots {
            out.extend_from_slice(b".\r\n");
        }
    }
}

/// Whether `body` has no CR or LF that is not part of a CR LF, so that it may be sent as it is by BDAT.
pub(super) fn has_clean_lines(body: &[u8]) -> bool {
    let mut cr_at = None;
    for at in memchr2_iter(b'\r', b'\n', body) {
        if body.get(at) == Some(&b'\r') {
            if cr_at.replace(at).is_some() {
                return false;
            }
        } else if cr_at.take().is_none_or(|cr| cr + 1 != at) {
            return false;
        }
    }
    cr_at.is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(body: &[u8], piece: usize) -> Vec<u8> {
        pushed(Stuffer::for_data(), body, piece)
    }

    fn pushed(mut stuffer: Stuffer, body: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for part in body.chunks(piece) {
            let (before, leaves) = (out.len(), stuffer.leaves(part));
            stuffer.push(part, &mut out);
            assert!(!leaves || &out[before..] == part);
        }
        stuffer.finish(&mut out);
        out
    }

    /// What a server keeps: lines up to the dot, one dot taken off.
    fn unstuffed(wire: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        let text = wire.strip_suffix(b".\r\n").unwrap();
        for line in text.split_inclusive(|&b| b == b'\n') {
            assert_ne!(line, b".\r\n", "an early end of data");
            body.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        body
    }

    #[test]
    fn doubles_dots_and_ends_the_last_line() {
        assert_eq!(stuffed(b".a\r\n..\r\n.\r\nb.c", 100), b"..a\r\n...\r\n..\r\nb.c\r\n.\r\n");
        assert_eq!(stuffed(b"", 100), b".\r\n");
        assert_eq!(stuffed(b"a\r\n", 1), b"a\r\n.\r\n");
    }

    #[test]
    fn bare_line_ends_cannot_smuggle() {
        for body in [&b"a\n.\nb"[..], b"a\r.\rb", b"a\n.\r\nb", b"a\r\n.\rb"] {
            assert_eq!(stuffed(body, 1), b"a\r\n..\r\nb\r\n.\r\n", "{body:?}");
            assert_eq!(stuffed(body, 2), stuffed(body, 1));
        }
        assert_eq!(stuffed(b"a\r", 5), b"a\r\n.\r\n");
    }

    proptest! {
        #[test]
        fn a_server_reads_what_was_written(body in "[.ab\r\n]{0,60}", piece in 1usize..20) {
            let wire = stuffed(body.as_bytes(), piece);
            prop_assert_eq!(&wire, &stuffed(body.as_bytes(), body.len().max(1)));
            let mut expected = body.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            if !expected.is_empty() && !expected.ends_with("\r\n") {
                expected.push_str("\r\n");
            }
            prop_assert_eq!(unstuffed(&wire), expected.as_bytes());
        }

        #[test]
        fn clean_means_nothing_would_change(body in "[ab\r\n]{0,12}") {
            let normal = body.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            prop_assert_eq!(has_clean_lines(body.as_bytes()), normal == body);
        }

        #[test]
        fn chunks_have_line_ends_and_no_dots_of_ours(body in "[.ab\r\n]{0,60}", piece in 1usize..20) {
            let normal = body.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            prop_assert_eq!(pushed(Stuffer::for_chunks(), body.as_bytes(), piece), normal.as_bytes());
        }
    }
}
