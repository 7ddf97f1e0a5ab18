//! A message on its way to the client: dot-stuffing, the lines of TOP, the closing dot (RFC 1939 §3, §7).
//!
//! Works on pieces of any size and copies each byte once, into the output.

use memchr::{memchr, memmem};

/// Takes a message piece by piece.
#[derive(Debug)]
pub struct Writer {
    /// The last bytes written; a message begins at the start of a line.
    last: [u8; 2],
    top: Option<Top>,
}

#[derive(Debug)]
enum Top {
    /// In the header; so many lines of the body follow it.
    Header(u32),
    Body(u32),
    Done,
}

impl Writer {
    /// `lines`: no more than so many lines after the header.
    pub(super) fn new(lines: Option<u32>) -> Writer {
        Writer { last: *b"\r\n", top: lines.map(Top::Header) }
    }

    /// Nothing more of the message is wanted.
    pub fn is_full(&self) -> bool {
        matches!(self.top, Some(Top::Done))
    }

    pub fn write(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.top.is_none() {
            return self.stuff(piece, out);
        }
        let mut rest = piece;
        while !rest.is_empty() && !self.is_full() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |place| place + 1);
            let Some((line, after)) = rest.split_at_checked(end) else { return };
            self.line(line, out);
            rest = after;
        }
    }

    /// The last line is ended where the message has not done so, then comes the dot.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }

    /// A line of a TOP, or a part of one.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let whole = self.at_line_start();
        // Of an empty line cut in two, the LF comes after a CR that began the line.
        let empty = (whole && matches!(line, b"\r\n" | b"\n")) || (line == b"\n" && self.last == *b"\n\r");
        if let Some(Top::Body(0)) = self.top {
            self.top = Some(Top::Done);
            return;
        }
        self.stuff(line, out);
        if !line.ends_with(b"\n") {
            return;
        }
        match &mut self.top {
            Some(Top::Header(lines)) if empty => self.top = Some(Top::Body(*lines)),
            Some(Top::Body(left)) => *left -= 1,
            _ => {}
        }
        if let Some(Top::Body(0)) = self.top {
            self.top = Some(Top::Done);
        }
    }

    /// Copies, and doubles each dot that begins a line. A line begins after any LF, also one without a CR: to a client
    /// that takes a bare LF for a line end, a dot between two of them would be the end of the message.
    fn stuff(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.at_line_start() && piece.first() == Some(&b'.') {
            out.push(b'.');
        }
        let mut from = 0;
        for at in memmem::find_iter(piece, b"\n.") {
            // The LF goes with what is before it, the dot with what follows.
            out.extend_from_slice(piece.get(from..=at).unwrap_or_default());
            out.push(b'.');
            from = at + 1;
        }
        out.extend_from_slice(piece.get(from..).unwrap_or_default());
        match *piece {
            [] => {}
            [only] => self.last = [self.last[1], only],
            [.., before, end] => self.last = [before, end],
        }
    }

    fn at_line_start(&self) -> bool {
        self.last[1] == b'\n'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: Option<u32>, pieces: &[&[u8]]) -> String {
        let mut writer = Writer::new(lines);
        let mut out = Vec::new();
        for piece in pieces {
            writer.write(piece, &mut out);
        }
        writer.finish(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn dots_at_line_starts_are_doubled() {
        assert_eq!(sent(None, &[b".a\r\n..b\r\nc.\r\n.\r\n"]), "..a\r\n...b\r\nc.\r\n..\r\n.\r\n");
        assert_eq!(sent(None, &[b"a\r\n", b".", b"b"]), "a\r\n..b\r\n.\r\n");
        assert_eq!(sent(None, &[b"a\n.\nb\r\n"]), "a\n..\nb\r\n.\r\n");
        assert_eq!(sent(None, &[]), ".\r\n");
    }

    #[test]
    fn the_last_line_is_ended() {
        assert_eq!(sent(None, &[b"a"]), "a\r\n.\r\n");
        assert_eq!(sent(None, &[b"a\r", b"\n"]), "a\r\n.\r\n");
        assert_eq!(sent(None, &[b"a\n"]), "a\n\r\n.\r\n");
    }

    #[test]
    fn top_gives_the_header_and_some_lines() {
        let mail = b"A: 1\r\n\r\none\r\n.two\r\n\r\nfour\r\n";
        assert_eq!(sent(Some(0), &[mail]), "A: 1\r\n\r\n.\r\n");
        assert_eq!(sent(Some(1), &[mail]), "A: 1\r\n\r\none\r\n.\r\n");
        assert_eq!(sent(Some(3), &[mail]), "A: 1\r\n\r\none\r\n..two\r\n\r\n.\r\n");
        assert_eq!(sent(Some(99), &[mail]), "A: 1\r\n\r\none\r\n..two\r\n\r\nfour\r\n.\r\n");
        assert_eq!(sent(Some(2), &[b"A: 1\r\n"]), "A: 1\r\n.\r\n");
    }

    proptest::proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[.a\r\n]{0,40}", cuts in proptest::collection::vec(0usize..40, 0..6), lines in proptest::option::of(0u32..5)) {
            let mut pieces = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            proptest::prop_assert_eq!(sent(lines, &pieces), sent(lines, &[text.as_bytes()]));
        }

        #[test]
        fn the_client_gets_back_what_was_stored(text in "[.a\r\n]{0,60}") {
            let wire = sent(None, &[text.as_bytes()]);
            let body = wire.strip_suffix(".\r\n").expect("ends with the dot");
            let mut lines = Vec::new();
            for line in body.split_inclusive('\n') {
                proptest::prop_assert!(line.trim_end() != "." || line.starts_with(".."), "an early end");
                lines.push(line.strip_prefix('.').unwrap_or(line));
            }
            let got = lines.concat();
            let ended = text.clone() + "\r\n";
            proptest::prop_assert!(got == text || got == ended);
        }
    }
}
