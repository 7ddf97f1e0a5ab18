//! A header block as it stands in a message (RFC 5322 §2.2): its fields in order, as bytes, nothing copied.
//!
//! For those who need a field or two of a mail in transit; `mail-parser` reads whole messages. Takes CRLF and bare LF,
//! bytes of any charset, and lines that are no field at all, which are passed over together with what continues them.
//! Never panics, never fails, and looks at no more than [`MAX_FIELDS`] fields.

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

/// Fields of one block that are looked at.
pub const MAX_FIELDS: usize = 1000;
/// Longest unfolded value, bytes; the rest is left out.
pub const MAX_VALUE: usize = 64 * 1024;

/// A header block, or a whole message of which only the header block is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    block: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// As written, without the colon.
    pub name: &'a str,
    /// All after the colon: folded, with the line end of the last line.
    pub value: &'a [u8],
    /// The whole field, from its name to its last line end.
    pub raw: &'a [u8],
}

impl<'a> Header<'a> {
    /// The header block of a message, whole or only its beginning.
    pub fn of(message: &'a [u8]) -> Header<'a> {
        let block = body_offset(message).and_then(|end| message.get(..end)).unwrap_or(message);
        Header { block }
    }

    /// In the order of the message, newest trace line first.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        Fields { rest: self.block }.take(MAX_FIELDS)
    }

    /// Names compare without case.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = Field<'a>> + use<'a, 'n> {
        self.fields().filter(move |field| field.name.eq_ignore_ascii_case(name))
    }

    pub fn first(&self, name: &str) -> Option<Field<'a>> {
        self.all(name).next()
    }
}

impl Field<'_> {
    /// The value on one line, without the white space around it; what is not UTF-8 becomes U+FFFD. Encoded words
    /// (RFC 2047) stay as they are.
    pub fn unfolded(&self) -> String {
        let value = self.value.get(..MAX_VALUE).unwrap_or(self.value);
        let mut text = String::from_utf8_lossy(value).into_owned();
        text.retain(|c| c != '\r' && c != '\n');
        text.trim().to_string()
    }

    /// The same with its encoded words (RFC 2047) read.
    pub fn decoded(&self) -> String {
        // Unfolded first: its reader takes a line end within the value for the value's end.
        let line = self.unfolded() + "\n";
        match MessageStream::new(line.as_bytes()).parse_unstructured() {
            HeaderValue::Text(text) => text.trim().to_string(),
            _ => String::new(),
        }
    }
}

/// The lines of a header block, without their ends; folded fields have several.
pub fn lines(block: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(block);
    text.lines().take_while(|line| !line.is_empty()).map(str::to_string).collect()
}

/// Offset of the body, after the blank line that ends the header block; `None` while there is none.
pub fn body_offset(message: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line_end in memchr::memchr_iter(b'\n', message) {
        match message.get(at..line_end) {
            Some([] | [b'\r']) => return Some(line_end + 1),
            _ => at = line_end + 1,
        }
    }
    None
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        while !self.rest.is_empty() {
            let (raw, rest) = self.rest.split_at_checked(field_end(self.rest)).unwrap_or((self.rest, &[]));
            self.rest = rest;
            if matches!(raw, b"\n" | b"\r\n") {
                self.rest = &[];
            } else if let Some(field) = read_field(raw) {
                return Some(field);
            }
        }
        None
    }
}

/// Length of the first line and of those that continue it.
fn field_end(block: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', block)
        .map(|at| at + 1)
        .find(|&next| !matches!(block.get(next), Some(b' ' | b'\t')))
        .unwrap_or(block.len())
}

/// `None` where the line is no field. White space before the colon is obsolete, and seen (RFC 5322 §4.5).
fn read_field(raw: &[u8]) -> Option<Field<'_>> {
    let colon = memchr::memchr(b':', raw)?;
    let name = raw.get(..colon)?.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    let name = std::str::from_utf8(name).ok().filter(|_| is_name)?;
    Some(Field { name, value: raw.get(colon + 1..)?, raw })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MESSAGE: &[u8] =
        b"Received: from a\r\n\tby b;\r\n today\r\nSubject : hello\r\nreceived: first\r\nX-8bit: \xe9\r\n\
        >From nobody\r\n at all: here\r\nTo:\r\n bob@a.example\r\n\r\nSubject: in the body\r\n";

    #[test]
    fn fields_in_their_order() {
        let header = Header::of(MESSAGE);
        let names: Vec<_> = header.fields().map(|field| field.name).collect();
        assert_eq!(names, ["Received", "Subject", "received", "X-8bit", "To"]);
        assert_eq!(header.first("RECEIVED").unwrap().unfolded(), "from a\tby b; today");
        assert_eq!(header.all("Received").count(), 2);
        assert_eq!(header.first("to").unwrap().unfolded(), "bob@a.example");
        assert_eq!(header.first("x-8bit").unwrap().unfolded(), "\u{fffd}");
        assert_eq!(header.first("Subject").unwrap().value, b" hello\r\n");
        assert_eq!(header.first("Bcc"), None);
    }

    #[test]
    fn where_the_body_begins() {
        assert_eq!(body_offset(b"A: b\r\n\r\nbody"), Some(8));
        assert_eq!(body_offset(b"A: b\n\nbody"), Some(6));
        assert_eq!(body_offset(b"\r\nbody"), Some(2));
        assert_eq!(body_offset(b"A: b\r\n"), None);
        assert_eq!(Header::of(b"\r\nA: b\r\n").fields().count(), 0);
        assert_eq!(Header::of(b"A: b").first("a").unwrap().unfolded(), "b");
    }

    #[test]
    fn a_flood_is_bounded() {
        let flood = b"A: b\r\n".repeat(MAX_FIELDS + 10);
        assert_eq!(Header::of(&flood).fields().count(), MAX_FIELDS);
        let long = [b"A: ".as_slice(), &[b'x'; MAX_VALUE * 2]].concat();
        assert!(Header::of(&long).first("a").unwrap().unfolded().len() <= MAX_VALUE);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(message in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b':'), any::<u8>()], 0..300)) {
            let header = Header::of(&message);
            for field in header.fields() {
                let _ = field.unfolded();
                prop_assert!(field.raw.starts_with(field.name.as_bytes()) && field.raw.ends_with(field.value));
            }
        }

        #[test]
        fn what_was_written_is_read(fields in proptest::collection::vec(("[!-9;-~]{1,20}", "[!-~]([ -~]{0,40}[!-~])?"), 0..20)) {
            let mut message = String::new();
            for (name, value) in &fields {
                message.push_str(&format!("{name}: {value}\r\n"));
            }
            message.push_str("\r\nbody: no\r\n");
            let read: Vec<_> =
                Header::of(message.as_bytes()).fields().map(|f| (f.name.to_string(), f.unfolded())).collect();
            prop_assert_eq!(read, fields);
        }
    }
}
