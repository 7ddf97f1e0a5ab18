//! The header block of a mail that comes in: gathered until the blank line, counted, bounded, mended.
//!
//! Lines that are no header lines do not end the block, as long as a blank line comes before the bound: programs write
//! broken headers. Where none comes, the first such line was the beginning of the body.

use memchr::memchr;

use super::Refusal;

/// Largest header block, bytes.
pub(super) const MAX_HEADER: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Header {
    block: Vec<u8>,
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Where the first line is that is no header line.
    garbage: Option<usize>,
    /// Bytes of the block that are Return-Path lines.
    return_paths: Vec<(usize, usize)>,
    /// The last line was the beginning or a continuation of Return-Path.
    in_return_path: bool,
    received: u32,
    has_date: bool,
    has_message_id: bool,
    complete: bool,
}

impl Header {
    /// Takes what belongs to the header from the beginning of `bytes`; gives how much that was. All of it, unless the
    /// header [is complete](Header::is_complete).
    pub(super) fn take(&mut self, bytes: &[u8], max_received: u32) -> Result<usize, Refusal> {
        let mut used = 0;
        while !self.complete {
            let rest = bytes.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let end = memchr(b'\n', rest).map(|at| at + 1);
            let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if self.block.len() + piece.len() > MAX_HEADER {
                if self.garbage.is_none() {
                    return Err(Refusal::HeaderTooLarge(MAX_HEADER));
                }
                self.complete = true;
                break;
            }
            self.block.extend_from_slice(piece);
            used += piece.len();
            if end.is_some() {
                self.line_complete();
            }
            if self.received > max_received {
                return Err(Refusal::TooManyHops(max_received));
            }
        }
        Ok(used)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The message is over; so is its header.
    pub(super) fn end(&mut self) {
        if self.line < self.block.len() {
            self.line_complete();
        }
        self.complete = true;
    }

    /// As received.
    pub(super) fn block(&self) -> &[u8] {
        &self.block
    }

    pub(super) fn has_date(&self) -> bool {
        self.has_date
    }

    pub(super) fn has_message_id(&self) -> bool {
        self.has_message_id
    }

    /// The block without Return-Path lines (the last host writes its own, RFC 5321 §4.4) and with `lines`, which end with CRLF, at
    /// the end of the header.
    pub(super) fn mended(&self, lines: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.block.len() + lines.len() + 2);
        let header_end = self.garbage.unwrap_or(self.line);
        let mut from = 0;
        let cuts = self.return_paths.iter().filter(|(start, _)| *start < header_end);
        for &(start, end) in cuts {
            out.extend_from_slice(self.block.get(from..start).unwrap_or_default());
            from = end;
        }
        out.extend_from_slice(self.block.get(from..header_end).unwrap_or_default());
        if !lines.is_empty() {
            if !out.is_empty() && !out.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(lines.as_bytes());
            if header_end == 0 && self.garbage.is_some() {
                // There was no header at all: keep the body apart from the one it gets now.
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(self.block.get(header_end..).unwrap_or_default());
        out
    }

    /// Looks at the line that ends with the block. The blank line leaves `line` at its beginning.
    fn line_complete(&mut self) {
        let (start, end) = (self.line, self.block.len());
        let line = self.block.get(start..end).unwrap_or_default();
        if matches!(line, b"\r\n" | b"\n") {
            self.complete = true;
            return;
        }
        self.line = end;
        if matches!(line.first(), Some(b' ' | b'\t')) && start > 0 {
            if self.in_return_path
                && let Some(cut) = self.return_paths.last_mut()
            {
                cut.1 = end;
            }
            return;
        }
        self.in_return_path = false;
        let Some(name) = field_name(line) else {
            self.garbage.get_or_insert(start);
            return;
        };
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"Date") => self.has_date = true,
            8 if name.eq_ignore_ascii_case(b"Received") => self.received += 1,
            10 if name.eq_ignore_ascii_case(b"Message-ID") => self.has_message_id = true,
            11 if name.eq_ignore_ascii_case(b"Return-Path") => {
                self.in_return_path = true;
                self.return_paths.push((start, end));
            }
            _ => {}
        }
    }
}

/// RFC 5322 §2.2, with space before the colon let through (§4.5).
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = line.get(..memchr(b':', line)?)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of `message`, fed in pieces of `step`, and the rest.
    fn read(message: &[u8], step: usize) -> (Header, Vec<u8>) {
        let mut header = Header::default();
        let mut rest = Vec::new();
        for piece in message.chunks(step) {
            let used = header.take(piece, 100).unwrap();
            rest.extend_from_slice(&piece[used..]);
        }
        header.end();
        (header, rest)
    }

    /// The message as it is kept, with `lines` added; the same however it is cut.
    fn kept(message: &str, lines: &str) -> String {
        let all: Vec<String> = (1..=message.len())
            .map(|step| {
                let (header, rest) = read(message.as_bytes(), step);
                String::from_utf8([header.mended(lines), rest].concat()).unwrap()
            })
            .collect();
        assert!(all.iter().all(|one| *one == all[0]));
        all[0].clone()
    }

    #[test]
    fn a_good_mail_stays_as_it_is() {
        let mail = "Subject: a\r\n b\r\nDate : x\r\nmessage-id:y\r\n\r\nbody\r\nReceived: no\r\n\r\n";
        assert_eq!(kept(mail, ""), mail);
        let (header, rest) = read(mail.as_bytes(), 3);
        assert!(header.has_date() && header.has_message_id());
        assert_eq!((header.received, rest.starts_with(b"body")), (0, true));
        assert!(header.block().ends_with(b"y\r\n\r\n"));
    }

    #[test]
    fn return_path_lines_go() {
        let mail = "Return-Path: <a@b>\r\nSubject: a\r\nreturn-path:\r\n <c@d>\r\nTo: x\r\n\r\nReturn-Path: body\r\n";
        assert_eq!(kept(mail, "Date: n\r\n"), "Subject: a\r\nTo: x\r\nDate: n\r\n\r\nReturn-Path: body\r\n");
    }

    #[test]
    fn lines_are_added_where_the_header_ends() {
        assert_eq!(kept("To: x\r\n\r\nb\r\n", "Date: n\r\n"), "To: x\r\nDate: n\r\n\r\nb\r\n");
        assert_eq!(kept("\r\nbody\r\n", "Date: n\r\n"), "Date: n\r\n\r\nbody\r\n");
        assert_eq!(
            kept("To: x\r\nbroken\r\nCc: y\r\n\r\nb\r\n", "D: n\r\n"),
            "To: x\r\nD: n\r\nbroken\r\nCc: y\r\n\r\nb\r\n"
        );
        assert_eq!(kept("just text\r\n", "D: n\r\n"), "D: n\r\n\r\njust text\r\n");
        assert_eq!(kept("To: x", "D: n\r\n"), "To: x\r\nD: n\r\n");
    }

    #[test]
    fn hops_are_counted() {
        let mail = "Received: x\r\n\tfolded\r\n".repeat(101) + "\r\n";
        assert_eq!(Header::default().take(mail.as_bytes(), 100), Err(Refusal::TooManyHops(100)));
        assert!(Header::default().take(mail.as_bytes(), 101).is_ok());
    }

    #[test]
    fn a_header_without_end_is_refused_and_a_body_without_header_is_not() {
        let long = "X: y\r\n".repeat(MAX_HEADER / 6 + 1);
        assert_eq!(Header::default().take(long.as_bytes(), 100), Err(Refusal::HeaderTooLarge(MAX_HEADER)));
        let text = "no header here\r\n".repeat(MAX_HEADER / 10);
        let (header, rest) = read(text.as_bytes(), 4000);
        assert_eq!([header.mended(""), rest].concat(), text.as_bytes());
        assert!(header.block().len() <= MAX_HEADER);
    }
}
