//! The text of a message on the wire: finds its end, takes the transparency dots away, and makes a CRLF of a bare LF,
//! so that everybody behind may rely on CRLF line ends.
//!
//! Works on the bytes as they come, cut anywhere, and hands out slices of them without copying.
//!
//! Only CR LF "." CR LF ends the text (RFC 5321 §4.1.1.4). A line of one dot between line ends of which one is a bare
//! CR or a bare LF is what SMTP smuggling is made of: two servers that disagree on it see different mails. It never
//! ends the text, and the mail that has it is to be refused ([`Text::is_smuggling`]).

use memchr::memchr2;

/// How a line began: what stood before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// CR LF, or nothing at all.
    Crlf,
    Lf,
    /// No line end for us, but for others.
    Cr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Text,
    /// Behind a CR (already handed out).
    Cr,
    LineStart(After),
    /// Behind a dot that began a line.
    Dot(After),
    DotCr(After),
    /// Behind the end.
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Text {
    at: At,
    /// `DATA`: dots are stuffed, and one alone ends the text. Else a `BDAT` chunk, whose end is counted.
    dots: bool,
    smuggling: bool,
}

impl Text {
    pub(super) fn of_data() -> Text {
        Text { at: At::LineStart(After::Crlf), dots: true, smuggling: false }
    }

    pub(super) fn of_chunks() -> Text {
        Text { dots: false, ..Text::of_data() }
    }

    /// The end of the text was found; nothing after it has been used.
    pub(super) fn is_ended(&self) -> bool {
        self.at == At::End
    }

    pub(super) fn is_smuggling(&self) -> bool {
        self.smuggling
    }

    /// Uses up the beginning of `input` and gives the text in it, as one slice; so a call may use less than all. Gives
    /// how much was used, at least one byte unless the text is ended or `input` empty.
    pub(super) fn next<'a>(&mut self, input: &'a [u8]) -> (usize, &'a [u8]) {
        // The slice to hand out is input[from..to]; `to` is also what has been looked at.
        let (mut from, mut to) = (0, 0);
        while let Some(&byte) = input.get(to) {
            match (self.at, byte) {
                (At::End, _) => break,
                (At::Text, b'\n') if from < to => break,
                (At::Text, b'\n') => {
                    self.at = At::LineStart(After::Lf);
                    return (to + 1, b"\r\n");
                }
                (At::Text, b'\r') => {
                    self.at = At::Cr;
                    to += 1;
                }
                (At::Text, _) => {
                    let rest = input.get(to..).unwrap_or_default();
                    to += memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                }
                (At::Cr, b'\n') => {
                    self.at = At::LineStart(After::Crlf);
                    to += 1;
                }
                (At::Cr, _) => self.at = At::LineStart(After::Cr),
                (At::LineStart(after), b'.') => {
                    // A dot is taken away where the line before has really ended.
                    let stuffed = self.dots && after != After::Cr;
                    if stuffed && from < to {
                        break;
                    }
                    self.at = At::Dot(after);
                    to += 1;
                    if stuffed {
                        from = to;
                    }
                }
                (At::LineStart(_), _) => self.at = At::Text,
                (At::Dot(_), b'\n') => {
                    self.smuggling = true;
                    self.at = At::Text;
                }
                (At::Dot(after), b'\r') => {
                    // Possibly the end, of which nothing is handed out. Nothing is lost: if it is not, it is refused.
                    self.at = At::DotCr(after);
                    to += 1;
                    if self.dots && after != After::Cr {
                        from = to;
                    }
                }
                (At::Dot(_), _) => self.at = At::Text,
                (At::DotCr(After::Crlf), b'\n') if self.dots => {
                    self.at = At::End;
                    return (to + 1, &[]);
                }
                (At::DotCr(after), b'\n') => {
                    self.smuggling |= after != After::Crlf;
                    self.at = At::LineStart(After::Crlf);
                    to += 1;
                }
                (At::DotCr(_), _) => {
                    self.smuggling = true;
                    self.at = At::LineStart(After::Cr);
                }
            }
        }
        (to, input.get(from..to).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text, whether it ended, whether it is smuggling, and what was left; fed in pieces of `step` bytes.
    fn read(mut text: Text, input: &[u8], step: usize) -> (Vec<u8>, bool, bool, Vec<u8>) {
        let mut out = Vec::new();
        let mut left = Vec::new();
        for piece in input.chunks(step) {
            let mut rest = piece;
            while !rest.is_empty() && !text.is_ended() {
                let (used, slice) = text.next(rest);
                assert!(used > 0);
                out.extend_from_slice(slice);
                rest = &rest[used..];
            }
            left.extend_from_slice(rest);
        }
        (out, text.is_ended(), text.is_smuggling(), left)
    }

    fn data(input: &[u8]) -> (Vec<u8>, bool, bool, Vec<u8>) {
        let whole = read(Text::of_data(), input, input.len().max(1));
        for step in 1..input.len() {
            assert_eq!(read(Text::of_data(), input, step), whole, "in pieces of {step}");
        }
        whole
    }

    #[test]
    fn dots_are_taken_away_and_the_end_is_found() {
        let (text, ended, smuggling, left) = data(b"a\r\n..b\r\n.c\r\n\r\n...\r\n.\r\nQUIT\r\n");
        assert_eq!(text, b"a\r\n.b\r\nc\r\n\r\n..\r\n");
        assert!(ended && !smuggling);
        assert_eq!(left, b"QUIT\r\n");
        assert_eq!(data(b".\r\n"), (vec![], true, false, vec![]));
    }

    #[test]
    fn a_bare_lf_becomes_a_line_end() {
        let (text, ended, smuggling, _) = data(b"Subject: x\n\n..dots\nend\r\n.\r\n");
        assert_eq!(text, b"Subject: x\r\n\r\n.dots\r\nend\r\n");
        assert!(ended && !smuggling);
    }

    #[test]
    fn a_bare_cr_stays() {
        let (text, ended, smuggling, _) = data(b"a\rb\r\r\n\r.c\r\n.\r\n");
        assert_eq!(text, b"a\rb\r\r\n\r.c\r\n");
        assert!(ended && !smuggling);
    }

    #[test]
    fn dots_between_doubtful_line_ends_end_nothing() {
        for odd in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\r", "\r.\r", "\n.\r", "\r.\n"] {
            let input = format!("a{odd}MAIL FROM:<x@y>\r\n.\r\n");
            let (_, ended, smuggling, left) = data(input.as_bytes());
            assert!(ended, "{odd:?} hid the end");
            assert!(smuggling, "{odd:?} was taken");
            assert_eq!(left, b"", "{odd:?} ended the text");
        }
    }

    #[test]
    fn chunks_keep_their_dots() {
        let input = b".\r\n..a\r\n.\r\nb\nc\r";
        for step in 1..=input.len() {
            let (text, ended, smuggling, _) = read(Text::of_chunks(), input, step);
            assert_eq!(text, b".\r\n..a\r\n.\r\nb\r\nc\r");
            assert!(!ended && !smuggling);
        }
        for odd in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\rx", "\r.\rx"] {
            assert!(read(Text::of_chunks(), format!("a{odd}").as_bytes(), 1).2, "{odd:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(input in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a')], 0..60), step in 1usize..20)
        {
            let whole = read(Text::of_data(), &input, input.len().max(1));
            prop_assert_eq!(read(Text::of_data(), &input, step), whole);
            let whole = read(Text::of_chunks(), &input, input.len().max(1));
            prop_assert_eq!(read(Text::of_chunks(), &input, step), whole);
        }

        /// What a well-behaved client stuffs comes out as it was, and its end is the only end.
        #[test]
        fn stuffed_text_comes_back(lines in proptest::collection::vec("[.a-c]{0,4}", 0..12)) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let sent: String = lines
                .iter()
                .map(|line| if line.starts_with('.') { format!(".{line}\r\n") } else { format!("{line}\r\n") })
                .collect();
            let (got, ended, smuggling, left) = read(Text::of_data(), format!("{sent}.\r\nX").as_bytes(), 7);
            prop_assert_eq!(got, text.as_bytes());
            prop_assert!(ended && !smuggling);
            prop_assert_eq!(left, b"X");
        }
    }
}
