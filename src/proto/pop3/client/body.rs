//! Message bytes out of a multi-line reply (RFC 1939 §3): stuffed dots dropped, bare LF mended, the end found.
//!
//! How lines end is read off the reply's own status line. Where that ended with CR LF, only CR LF "." CR LF ends the
//! message and only a dot after CR LF is unstuffed: a message that holds LF "." LF cannot cut itself short and put replies of
//! its own into the stream. Where the server ends its status lines with a bare LF, it does so in messages too, and LF "."
//! LF ends them. Either way each bare LF comes out as CR LF.

/// What the front of the input was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    Bytes(&'b [u8]),
    End,
    /// More must come before the rest can be judged. At most 3 bytes stay.
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unstuffer {
    line_start: bool,
    bare_lf: bool,
}

impl Unstuffer {
    pub fn new(bare_lf: bool) -> Unstuffer {
        Unstuffer { line_start: true, bare_lf }
    }

    pub fn next<'b>(&mut self, input: &mut &'b [u8]) -> Piece<'b> {
        if self.line_start && input.first() == Some(&b'.') {
            match input.get(1..).unwrap_or_default() {
                [b'\r', b'\n', rest @ ..] => {
                    *input = rest;
                    return Piece::End;
                }
                [b'\n', rest @ ..] if self.bare_lf => {
                    *input = rest;
                    return Piece::End;
                }
                [] | [b'\r'] => return Piece::Wait,
                rest => {
                    *input = rest;
                    self.line_start = false;
                }
            }
        }
        self.content(input)
    }

    /// Everything up to the next dot at a line's start, the next bare LF, or the end of the input.
    fn content<'b>(&mut self, input: &mut &'b [u8]) -> Piece<'b> {
        let all: &'b [u8] = input;
        for at in memchr::memchr_iter(b'\n', all) {
            // A CR at the end of the input is held back, so the byte before the first one here was none.
            if at.checked_sub(1).and_then(|before| all.get(before)) != Some(&b'\r') {
                return self.mend(input, at);
            }
            if all.get(at + 1) == Some(&b'.') {
                self.line_start = true;
                return cut(input, at + 1);
            }
        }
        self.line_start = all.last() == Some(&b'\n');
        match all.strip_suffix(b"\r") {
            Some([]) => Piece::Wait,
            None if all.is_empty() => Piece::Wait,
            Some(whole) => cut(input, whole.len()),
            None => cut(input, all.len()),
        }
    }

    /// A bare LF at `at`: first what stands before it, then, on the next call, CR LF in its place.
    fn mend<'b>(&mut self, input: &mut &'b [u8], at: usize) -> Piece<'b> {
        if at > 0 {
            self.line_start = false;
            return cut(input, at);
        }
        self.line_start = self.bare_lf;
        let _ = cut(input, 1);
        Piece::Bytes(b"\r\n")
    }
}

fn cut<'b>(input: &mut &'b [u8], at: usize) -> Piece<'b> {
    let (piece, rest) = input.split_at_checked(at).unwrap_or((input, &[]));
    *input = rest;
    Piece::Bytes(piece)
}
