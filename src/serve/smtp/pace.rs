//! How long a client may take. Silence alone is no measure: a byte now and then would hold a session for ever.
//!
//! A command has to be there within the time of silence, a message has to come at some least rate, and a session that
//! brings no mail ends after a while, however busy it seems.

use std::time::{Duration, Instant};

/// Bytes a second of a message, at least, beyond the first time of silence. A modem of 1990 sends more.
const LEAST_RATE: u64 = 200;
/// A session without a mail taken, not counting the time of a message on its way.
const WITHOUT_MAIL: Duration = Duration::from_secs(30 * 60);

pub(super) struct Pace {
    /// Longest silence.
    limit: Duration,
    /// Since when the command or the message at hand is awaited.
    since: Instant,
    /// Of the message.
    bytes: u64,
    in_message: bool,
    last_mail: Instant,
}

impl Pace {
    pub(super) fn new(limit: Duration, now: Instant) -> Pace {
        Pace { limit, since: now, bytes: 0, in_message: false, last_mail: now }
    }

    /// How long the next bytes may be waited for; zero when the time is up. `fresh`: nothing of the command is there.
    pub(super) fn wait(&mut self, in_message: bool, fresh: bool, now: Instant) -> Duration {
        if in_message != self.in_message || (fresh && !in_message) {
            (self.since, self.bytes, self.in_message) = (now, 0, in_message);
        }
        let earned = Duration::from_secs(self.bytes / LEAST_RATE);
        let mut left = (self.limit + earned).saturating_sub(now.saturating_duration_since(self.since));
        if !in_message {
            left = left.min(WITHOUT_MAIL.saturating_sub(now.saturating_duration_since(self.last_mail)));
        }
        left.min(self.limit)
    }

    /// So many bytes have come.
    pub(super) fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// A mail was taken.
    pub(super) fn mail(&mut self, now: Instant) {
        self.last_mail = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_command_that_comes_byte_by_byte_runs_out_of_time() {
        let start = Instant::now();
        let mut pace = Pace::new(LIMIT, start);
        assert_eq!(pace.wait(false, true, start), LIMIT);
        pace.came(1);
        assert_eq!(pace.wait(false, false, at(start, 299)), Duration::from_secs(1));
        pace.came(1);
        assert!(pace.wait(false, false, at(start, 300)).is_zero());
        // The next command has its own time.
        assert_eq!(pace.wait(false, true, at(start, 300)), LIMIT);
    }

    #[test]
    fn a_message_may_take_long_but_has_to_move() {
        let start = Instant::now();
        let mut pace = Pace::new(LIMIT, start);
        assert_eq!(pace.wait(true, true, start), LIMIT);
        // An hour and more on a slow line.
        for second in 1..5000 {
            pace.came(1000);
            assert!(pace.wait(true, true, at(start, second)) > Duration::from_secs(200));
        }
        let mut trickle = Pace::new(LIMIT, start);
        trickle.wait(true, true, start);
        let ended = (1..1000).find(|second| {
            trickle.came(1);
            trickle.wait(true, true, at(start, *second)).is_zero()
        });
        assert_eq!(ended, Some(301));
    }

    #[test]
    fn a_session_without_mail_ends() {
        let start = Instant::now();
        let mut pace = Pace::new(LIMIT, start);
        assert!(!pace.wait(false, true, at(start, 1799)).is_zero());
        assert!(pace.wait(false, true, at(start, 1800)).is_zero());
        pace.mail(at(start, 1800));
        assert_eq!(pace.wait(false, true, at(start, 1900)), LIMIT);
    }
}
