//! Replies of a server, read in pieces (RFC 5321 §4.2). Lenient about line ends, strict about size.

use memchr::memchr;

/// Longest reply line, bytes with its line end. RFC 5321 §4.5.3.1.5 asks for 512; real servers write longer ones.
pub const MAX_LINE: usize = 2048;
/// Longest reply, all lines together.
pub const MAX_REPLY: usize = 64 * 1024;

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// Without the codes, lines parted by LF, without control characters.
    pub text: String,
}

impl Reply {
    pub fn is_positive(&self) -> bool {
        self.code < 300
    }

    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// The status code of RFC 2034 that stands first in the text, such as `5.1.1`, if there is one.
    pub fn enhanced(&self) -> Option<&str> {
        enhanced(&self.text)
    }
}

/// The status code at the start of `text` (RFC 3463 §2): class 2, 4 or 5, subject and detail of up to three digits.
pub fn enhanced(text: &str) -> Option<&str> {
    let word = text.split_ascii_whitespace().next()?;
    let mut parts = word.split('.');
    let class = parts.next()?;
    let number =
        |part: Option<&str>| part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
    (matches!(class, "2" | "4" | "5") && number(parts.next()) && number(parts.next()) && parts.next().is_none())
        .then_some(word)
}

/// On one line, as it goes into logs and notifications.
impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        for line in self.text.split('\n').filter(|line| !line.is_empty()) {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

/// What a server sent is no reply. Nothing can be known about the session after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a reply line of more than {MAX_LINE} bytes")]
    LineTooLong,
    #[error("a reply of more than {MAX_REPLY} bytes")]
    ReplyTooLong,
    #[error("a line that is no SMTP reply")]
    NotAReply,
    #[error("a reply nothing was asked for")]
    Unasked,
}

/// Puts replies together from bytes cut anywhere.
#[derive(Default)]
pub(super) struct Reader {
    /// The start of a line whose end has not come.
    line: Vec<u8>,
    /// Lines of a reply whose last line has not come.
    begun: Option<Reply>,
}

impl Reader {
    /// Takes bytes off the front of `bytes` until a reply is complete or none are left.
    pub(super) fn read(&mut self, bytes: &mut &[u8]) -> Result<Option<Reply>, Malformed> {
        while let Some(end) = memchr(b'\n', bytes) {
            let (head, rest) = bytes.split_at(end);
            *bytes = rest.strip_prefix(b"\n").unwrap_or(rest);
            let reply = if self.line.is_empty() {
                self.take_line(head)?
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(head);
                self.take_line(&line)?
            };
            if reply.is_some() {
                return Ok(reply);
            }
        }
        if self.line.len() + bytes.len() > MAX_LINE {
            return Err(Malformed::LineTooLong);
        }
        self.line.extend_from_slice(bytes);
        *bytes = &[];
        Ok(None)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<Option<Reply>, Malformed> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_LINE {
            return Err(Malformed::LineTooLong);
        }
        let (code, rest) = line.split_first_chunk::<3>().ok_or(Malformed::NotAReply)?;
        let code = read_code(*code).ok_or(Malformed::NotAReply)?;
        let (more, text) = match rest.split_first() {
            None => (false, rest),
            Some((b' ', text)) => (false, text),
            Some((b'-', text)) => (true, text),
            Some(_) => return Err(Malformed::NotAReply),
        };
        let mut reply = match self.begun.take() {
            None => Reply { code, text: String::new() },
            Some(begun) if begun.code != code => return Err(Malformed::NotAReply),
            Some(mut begun) if begun.text.len() + text.len() < MAX_REPLY => {
                begun.text.push('\n');
                begun
            }
            Some(_) => return Err(Malformed::ReplyTooLong),
        };
        append_clean(&mut reply.text, text);
        if more {
            self.begun = Some(reply);
            return Ok(None);
        }
        Ok(Some(reply))
    }
}

pub(super) fn read_code(digits: [u8; 3]) -> Option<u16> {
    let [a, b, c] = digits;
    ((b'2'..=b'5').contains(&a) && b.is_ascii_digit() && c.is_ascii_digit())
        .then(|| u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
}

/// Servers write anything into replies; it ends up in logs, pages and mails.
pub(super) fn append_clean(text: &mut String, bytes: &[u8]) {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    match std::str::from_utf8(bytes) {
        Ok(line) if !line.contains(char::is_control) => text.push_str(line),
        Ok(line) => text.extend(line.chars().map(plain)),
        Err(_) => text.extend(String::from_utf8_lossy(bytes).chars().map(plain)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(input: &[u8], piece: usize) -> Result<Vec<Reply>, Malformed> {
        let mut reader = Reader::default();
        let mut replies = Vec::new();
        for mut bytes in input.chunks(piece.max(1)) {
            while !bytes.is_empty() {
                replies.extend(reader.read(&mut bytes)?);
            }
        }
        Ok(replies)
    }

    #[test]
    fn reads_replies_of_one_and_many_lines() {
        let replies =
            read_all(b"220 hello\r\n250-a\r\n250-b\xff\x07\r\n250 c\r\n354\r\n250 bare line end\n", 1).unwrap();
        let texts: Vec<(u16, &str)> = replies.iter().map(|r| (r.code, r.text.as_str())).collect();
        assert_eq!(texts, [(220, "hello"), (250, "a\nb\u{fffd} \nc"), (354, ""), (250, "bare line end")]);
        assert_eq!(replies[1].to_string(), "250 a b\u{fffd}  c");
    }

    #[test]
    fn refuses_what_is_no_reply() {
        for bad in
            ["hello\r\n", "25 \r\n", "250+x\r\n", "650 x\r\n", "150 x\r\n", "\r\n", "250-a\r\n251 b\r\n", "2x0 a\r\n"]
        {
            assert_eq!(read_all(bad.as_bytes(), 3), Err(Malformed::NotAReply), "{bad:?}");
        }
    }

    #[test]
    fn long_replies_end_somewhere() {
        assert_eq!(read_all(&[b'2'; 4000], 100), Err(Malformed::LineTooLong));
        let line = format!("250-{}\r\n", "x".repeat(1000));
        assert_eq!(read_all(line.repeat(100).as_bytes(), 1500), Err(Malformed::ReplyTooLong));
    }

    #[test]
    fn finds_the_enhanced_code() {
        let code = |text: &str| Reply { code: 550, text: text.into() }.enhanced().map(str::to_string);
        assert_eq!(code("5.1.1 no such user").as_deref(), Some("5.1.1"));
        assert_eq!(code("5.7.509 no"), Some("5.7.509".into()));
        for none in ["no 5.1.1", "5.1 x", "3.1.1 x", "5.1.1.1 x", "5..1 x", "5.1.1000", ""] {
            assert_eq!(code(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(
            lines in proptest::collection::vec(("[2-5][0-5][0-9]", "[ -]", "[ -~]{0,40}", prop::bool::ANY), 0..12),
            piece in 1usize..40,
        ) {
            let mut input = Vec::new();
            for (code, sep, text, crlf) in lines {
                input.extend_from_slice(format!("{code}{sep}{text}{}", if crlf { "\r\n" } else { "\n" }).as_bytes());
            }
            prop_assert_eq!(read_all(&input, piece), read_all(&input, input.len()));
        }

        #[test]
        fn any_bytes_are_survived(input: Vec<u8>, piece in 1usize..9) {
            let _ = read_all(&input, piece);
        }
    }
}
