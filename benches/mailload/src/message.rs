//! Messages of a given size, each with an id of its own. No line begins with a dot, so they need no stuffing.

const LINE: &[u8] = b"The quick brown fox jumps over the lazy dog, and 0123456789 times back again.\r\n";

/// Sizes in bytes, drawn by weight and spread evenly: every run of messages has the same mixture.
pub struct Sizes {
    wheel: Vec<usize>,
}

impl Sizes {
    /// `4096` or `4096:70,51200:27,1048576:3`.
    pub fn parse(text: &str) -> Result<Sizes, String> {
        let mut parts = Vec::new();
        for part in text.split(',') {
            let (size, weight) = part.split_once(':').unwrap_or((part, "1"));
            let number = |text: &str| text.parse::<usize>().map_err(|_| format!("--size {part}: not a size"));
            parts.push((number(size)?, number(weight)?.min(1000)));
        }
        let total: usize = parts.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return Err(format!("--size {text}: no weights"));
        }
        let mut given = vec![0usize; parts.len()];
        let mut wheel = Vec::with_capacity(total);
        for step in 1..=total {
            // The part that is furthest behind its share comes next.
            let lag = |at: usize| (step * parts[at].1) as i64 - (given[at] * total) as i64;
            let next = (0..parts.len()).max_by_key(|&at| lag(at)).unwrap_or(0);
            given[next] += 1;
            wheel.push(parts[next].0);
        }
        Ok(Sizes { wheel })
    }

    pub fn of(&self, number: usize) -> usize {
        self.wheel[number % self.wheel.len()]
    }
}

/// A message of exactly `size` bytes, or a little more where that is less than its header.
pub fn message(id: &str, from: &str, to: &str, size: usize) -> Vec<u8> {
    let header = format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: load {id}\r\nMessage-ID: <{id}@mailload.invalid>\r\n\
         Date: Thu, 1 Jan 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
    );
    let mut message = Vec::with_capacity(size.max(header.len()));
    message.extend_from_slice(header.as_bytes());
    while message.len() + LINE.len() + 2 <= size {
        message.extend_from_slice(LINE);
    }
    let rest = size.saturating_sub(message.len());
    if rest >= 2 {
        message.resize(message.len() + rest - 2, b'x');
        message.extend_from_slice(b"\r\n");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_size() {
        for size in [300, 301, 377, 378, 379, 380, 381, 4096, 1 << 20] {
            let message = message("1-2", "a@b.example", "c@d.example", size);
            assert_eq!(message.len(), size);
            assert!(message.ends_with(b"\r\n"));
            assert!(!message.windows(3).any(|three| three == b"\n.\r"));
        }
    }

    #[test]
    fn sizes_are_spread_by_weight() {
        let sizes = Sizes::parse("10:3,20:1").unwrap();
        let drawn: Vec<usize> = (0..8).map(|number| sizes.of(number)).collect();
        assert_eq!(drawn.iter().filter(|&&size| size == 20).count(), 2);
        assert_eq!(drawn[..4].iter().filter(|&&size| size == 20).count(), 1);
        assert!(Sizes::parse("a").is_err() && Sizes::parse("5:0").is_err());
    }
}
