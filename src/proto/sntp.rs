//! SNTP, client side: the question for the time and what makes an answer believable (RFC 4330, RFC 5905 §7.3, §14).
//!
//! An answer counts only when it repeats the random number of the question, comes from a server that says it is
//! synchronised, and is whole. Times are microseconds since 1970; which era of NTP's 136 years a time is of is taken from
//! its highest bit, which holds from 1968 to 2104.

/// Bytes of a question, and of the part of an answer that is looked at.
pub const SIZE: usize = 48;

/// Seconds from 1900, where NTP begins, to 1970.
const UNIX_EPOCH: i64 = 2_208_988_800;
/// Seconds of an era.
const ERA: i64 = 1 << 32;
/// A server further than this from its own reference, there and back, is not worth asking. Units of 1/65536 s: 4 s.
const MAX_ROOT_DELAY: u32 = 4 << 16;

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the answer is too short")]
    Short,
    #[error("this is no answer of a server")]
    NotAnAnswer,
    #[error("the answer is to another question")]
    NotOurs,
    #[error("the server has no time to give")]
    Unsynchronised,
}

/// When the server got the question and when it answered, by its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    received: i64,
    sent: i64,
}

impl Answer {
    /// How far our clock is behind (negative: ahead), with our times of sending and receiving. Microseconds.
    pub fn offset(&self, asked: i64, answered: i64) -> i64 {
        let there = self.received.saturating_sub(asked) / 2;
        let back = self.sent.saturating_sub(answered) / 2;
        there.saturating_add(back)
    }
}

/// The question. `nonce` must be random: it stands where our time would, which is nobody's business.
pub fn question(nonce: u64) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    // No warning, version 4, client.
    bytes[0] = 0b00_100_011;
    bytes[40..].copy_from_slice(&nonce.to_be_bytes());
    bytes
}

pub fn answer(bytes: &[u8], nonce: u64) -> Result<Answer, Refusal> {
    let Some(bytes) = bytes.first_chunk::<SIZE>() else { return Err(Refusal::Short) };
    let [flags, stratum, ..] = *bytes;
    if flags & 0b111 != 4 {
        return Err(Refusal::NotAnAnswer);
    }
    if long(bytes, 24) != nonce {
        return Err(Refusal::NotOurs);
    }
    let root_delay = (long(bytes, 4) >> 32) as u32;
    // A leap indicator of 3 and a stratum of 0 ("kiss of death") or 16 say: do not take this.
    if flags >> 6 == 3 || !(1..=15).contains(&stratum) || root_delay > MAX_ROOT_DELAY || long(bytes, 40) == 0 {
        return Err(Refusal::Unsynchronised);
    }
    Ok(Answer { received: unix_micros(long(bytes, 32)), sent: unix_micros(long(bytes, 40)) })
}

fn long(bytes: &[u8; SIZE], at: usize) -> u64 {
    bytes.iter().skip(at).take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn unix_micros(ntp: u64) -> i64 {
    let seconds = (ntp >> 32) as i64;
    let era = if seconds >= ERA / 2 { 0 } else { ERA };
    let micros = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    (seconds + era - UNIX_EPOCH) * 1_000_000 + micros as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: u64 = 0x1234_5678_9abc_def0;
    /// 2026-11-24 12:00:00 UTC.
    const NOON: i64 = 1_795_521_600;

    fn reply(received: u64, sent: u64) -> [u8; SIZE] {
        let mut bytes = question(0);
        bytes[0] = 0b00_100_100;
        bytes[1] = 2;
        bytes[24..32].copy_from_slice(&NONCE.to_be_bytes());
        bytes[32..40].copy_from_slice(&received.to_be_bytes());
        bytes[40..48].copy_from_slice(&sent.to_be_bytes());
        bytes
    }

    fn ntp(seconds: i64) -> u64 {
        ((seconds + UNIX_EPOCH) as u64) << 32
    }

    #[test]
    fn the_offset_is_the_mean_of_both_ways() {
        let answer = answer(&reply(ntp(NOON), ntp(NOON + 2)), NONCE).unwrap();
        assert_eq!(answer.offset((NOON - 10) * 1_000_000, (NOON - 6) * 1_000_000), 9_000_000);
        assert_eq!(answer.offset(0, 2_000_000), NOON * 1_000_000);
        assert!(answer.offset(i64::MAX, i64::MIN).abs() < i64::MAX, "no overflow");
    }

    #[test]
    fn fractions_and_eras() {
        assert_eq!(unix_micros(ntp(NOON) | 0x8000_0000), NOON * 1_000_000 + 500_000);
        assert_eq!(unix_micros(u64::from(u32::MAX) << 32), 2_085_978_495 * 1_000_000, "February 2036");
        assert_eq!(unix_micros(1 << 32), 2_085_978_497 * 1_000_000, "and on");
    }

    #[test]
    fn what_does_not_count() {
        let good = reply(ntp(NOON), ntp(NOON));
        assert!(answer(&good, NONCE).is_ok());
        let with = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            answer(&bytes, NONCE)
        };
        assert_eq!(answer(&good[..47], NONCE), Err(Refusal::Short));
        assert_eq!(answer(&[], NONCE), Err(Refusal::Short));
        assert_eq!(answer(&good, NONCE + 1), Err(Refusal::NotOurs));
        assert_eq!(with(0, 0b00_100_011), Err(Refusal::NotAnAnswer), "a question");
        assert_eq!(with(0, 0b11_100_100), Err(Refusal::Unsynchronised), "alarm");
        assert_eq!(with(1, 0), Err(Refusal::Unsynchronised), "kiss of death");
        assert_eq!(with(1, 16), Err(Refusal::Unsynchronised));
        assert_eq!(with(5, 5), Err(Refusal::Unsynchronised), "far from its reference");
        assert_eq!(answer(&reply(ntp(NOON), 0), NONCE), Err(Refusal::Unsynchronised));
        assert!(answer(&[&good[..], b"extension"].concat(), NONCE).is_ok());
    }
}
