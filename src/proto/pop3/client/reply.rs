//! Reply lines: taken out of the input, status read, listing lines read.

use super::Failure;

/// Longest reply line, bytes with its end. RFC 2449 §4 says 512; some servers put whole web addresses into their errors.
pub const MAX_LINE: usize = 2048;

/// A line without its end, and whether that end was a bare LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'b> {
    pub text: &'b [u8],
    pub bare_lf: bool,
}

/// Takes a whole line off the front of `input`; `None` leaves it untouched until more has come.
pub(super) fn take<'b>(input: &mut &'b [u8]) -> Result<Option<Line<'b>>, Failure> {
    let all: &'b [u8] = input;
    let window = all.get(..MAX_LINE).unwrap_or(all);
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() == MAX_LINE { Err(Failure::LineTooLong) } else { Ok(None) };
    };
    let (line, rest) = all.split_at(end);
    *input = rest.get(1..).unwrap_or_default();
    Ok(Some(match line.strip_suffix(b"\r") {
        Some(text) => Line { text, bare_lf: false },
        None => Line { text: line, bare_lf: true },
    }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status<'b> {
    Ok(&'b [u8]),
    Err(&'b [u8]),
    /// `+ `: a SASL exchange goes on (RFC 5034 §4).
    More(&'b [u8]),
}

/// `+OK text`, `-ERR text` or `+ challenge`.
pub(super) fn status(line: &[u8]) -> Option<Status<'_>> {
    let word_end = memchr::memchr2(b' ', b'\t', line).unwrap_or(line.len());
    let (word, text) = line.split_at_checked(word_end)?;
    let text = text.trim_ascii();
    match word {
        b"+" => Some(Status::More(text)),
        word if word.eq_ignore_ascii_case(b"+OK") => Some(Status::Ok(text)),
        word if word.eq_ignore_ascii_case(b"-ERR") => Some(Status::Err(text)),
        _ => None,
    }
}

/// A server's words, fit for a log line or the page.
pub(super) fn words(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.get(..300).unwrap_or(text));
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_string()
}

/// `number value …` of a LIST or UIDL line; a line that is not so is nobody's.
pub(super) fn listing(line: &[u8]) -> Option<(u32, &[u8])> {
    let mut words = line.split(|&b| b == b' ' || b == b'\t').filter(|word| !word.is_empty());
    let number = decimal(words.next()?)?;
    Some((u32::try_from(number).ok()?, words.next()?))
}

/// Digits only; `None` too where the number does not fit.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}
