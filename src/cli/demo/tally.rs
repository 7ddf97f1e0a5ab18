//! What came out at the other end, held against what went in.

use super::provider::Event;
use super::samples::Sample;

#[derive(Default)]
pub struct Tally {
    pub to_collect: Vec<Sample>,
    pub to_send: Vec<Sample>,
    /// Mails the box has deleted at the provider.
    pub collected: usize,
    /// Mails the box said 250 for.
    pub accepted: usize,
    pub delivered: Vec<Vec<u8>>,
    pub relayed: Vec<Vec<u8>>,
}

/// One way's result.
pub struct Count<'a> {
    /// Samples that arrived, byte for byte.
    pub whole: usize,
    pub lost: Vec<&'a Sample>,
    /// Arrivals of a sample beyond its first.
    pub duplicated: usize,
    /// Arrivals that are no sample.
    pub strange: usize,
}

impl Tally {
    pub fn note(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            match event {
                Event::Collected(_) => self.collected += 1,
                Event::Relayed(mail) => self.relayed.push(mail),
            }
        }
    }
}

pub fn count<'a>(samples: &'a [Sample], arrived: &[Vec<u8>]) -> Count<'a> {
    let mut count = Count { whole: 0, lost: Vec::new(), duplicated: 0, strange: arrived.len() };
    for sample in samples {
        let times = arrived.iter().filter(|mail| is_whole(mail, &sample.bytes)).count();
        count.strange = count.strange.saturating_sub(times);
        match times {
            0 => count.lost.push(sample),
            more => {
                count.whole += 1;
                count.duplicated += more - 1;
            }
        }
    }
    count
}

/// The sample's body byte for byte, below its header lines in their order; between those, nothing but header lines that
/// were added on the way.
fn is_whole(mail: &[u8], sample: &[u8]) -> bool {
    let end = sample.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(sample.len(), |at| at + 2);
    let (head, body) = sample.split_at(end);
    let Some(found) = mail.strip_suffix(body) else { return false };
    let mut wanted = head.split_inclusive(|byte| *byte == b'\n').peekable();
    let only_added = found.split_inclusive(|byte| *byte == b'\n').all(|line| {
        let ours = wanted.next_if_eq(&line).is_some();
        ours || (line.ends_with(b"\r\n") && is_header_line(line))
    });
    only_added && wanted.next().is_none()
}

fn is_header_line(line: &[u8]) -> bool {
    let name_end = line.iter().position(|byte| *byte == b':').unwrap_or(0);
    let named = name_end > 0 && line.iter().take(name_end).all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    named || matches!(line.first(), Some(b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str) -> Sample {
        Sample { subject: text.into(), bytes: format!("Subject: {text}\r\n\r\n{text}\r\n").into_bytes() }
    }

    fn arrived(text: &str) -> Vec<u8> {
        [b"Received: from a\r\n\tby b\r\n", sample(text).bytes.as_slice()].concat()
    }

    #[test]
    fn what_is_lost_doubled_or_changed_is_counted() {
        let samples = [sample("one"), sample("two"), sample("three"), sample("four")];
        let mut changed = arrived("four");
        changed[10] = b'\n';
        let cut = arrived("three").split_off(30);
        let counted = count(&samples, &[arrived("one"), arrived("two"), arrived("one"), cut, changed]);
        assert_eq!((counted.whole, counted.lost.len(), counted.duplicated, counted.strange), (2, 2, 1, 2));
    }

    #[test]
    fn only_header_lines_may_be_added() {
        let whole = sample("one").bytes;
        assert!(is_whole(&whole, &whole));
        assert!(!is_whole(&[b"junk\r\n", whole.as_slice()].concat(), &whole));
        assert!(!is_whole(&[b"X: a\r\n\r\n", whole.as_slice()].concat(), &whole));
        assert!(!is_whole(&[b"X: a", whole.as_slice()].concat(), &whole));
        assert!(is_whole(b"Received: x\r\nSubject: one\r\nDate: today\r\n\r\none\r\n", &whole));
        assert!(!is_whole(b"Received: x\r\nSubject: One\r\n\r\none\r\n", &whole));
        assert!(!is_whole(b"Received: x\r\n\r\none\r\n", &whole), "a line is missing");
    }
}
