//! Which minutes the schedule is to be asked about, from a clock that may be late, not set yet, or jump.
//!
//! Each minute is asked about once. One that passed unseen (the box was busy) is made good; where more than some passed,
//! the clock has been set, and what would have been in between is not. A clock that was set back a little comes to the
//! same minutes again, at which nothing that happens once a day happens again.

use crate::net::is_plausible;

use super::MINUTE;

/// Minutes that are made good.
const MISSED: i64 = 10;
/// Set back by more than this, the clock was wrong before.
const SET_BACK: i64 = 12 * 60;

/// A span no display of the next start goes beyond. Minutes.
pub const A_WEEK: i64 = 8 * 24 * 60;

#[derive(Debug, Default)]
pub struct Clock {
    last: Option<i64>,
    /// The latest minute there has been.
    highest: i64,
}

impl Clock {
    /// The minutes that have begun since the last call, in order, each with whether it has been before. None while the
    /// clock is not set.
    pub fn minutes(&mut self, now_ms: i64) -> Vec<(i64, bool)> {
        let now = now_ms / MINUTE;
        if !is_plausible(now_ms) || self.last == Some(now) {
            return Vec::new();
        }
        let first = match self.last {
            Some(last) if last < now && now - last <= MISSED => last + 1,
            _ => now,
        };
        self.last = Some(now);
        if now < self.highest - SET_BACK {
            self.highest = now - 1;
        }
        let seen = self.highest;
        self.highest = seen.max(now);
        (first..=now).map(|minute| (minute, minute <= seen)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute in 2027.
    const M: i64 = 30_000_000;

    fn asked(clock: &mut Clock, minute: i64) -> Vec<(i64, bool)> {
        let asked = clock.minutes((M + minute) * MINUTE + 1234);
        asked.into_iter().map(|(minute, again)| (minute - M, again)).collect()
    }

    #[test]
    fn each_minute_once() {
        let mut clock = Clock::default();
        assert_eq!(asked(&mut clock, 0), [(0, false)]);
        assert_eq!(asked(&mut clock, 0), []);
        assert_eq!(asked(&mut clock, 1), [(1, false)]);
        assert_eq!(asked(&mut clock, 4), [(2, false), (3, false), (4, false)], "the box was busy");
    }

    #[test]
    fn a_clock_that_jumps() {
        let mut clock = Clock::default();
        asked(&mut clock, 0);
        assert_eq!(asked(&mut clock, 90), [(90, false)], "set forward");
        assert_eq!(asked(&mut clock, 88), [(88, true)], "set back a little");
        assert_eq!(asked(&mut clock, 91), [(89, true), (90, true), (91, false)]);
        assert_eq!(asked(&mut clock, 91 - SET_BACK - 5), [(91 - SET_BACK - 5, false)], "it was wrong before");
        assert_eq!(asked(&mut clock, 92 - SET_BACK - 5), [(92 - SET_BACK - 5, false)]);
    }

    #[test]
    fn a_clock_that_is_not_set() {
        let mut clock = Clock::default();
        assert_eq!(clock.minutes(0), []);
        assert_eq!(clock.minutes(86_400_000), []);
        assert_eq!(asked(&mut clock, 7), [(7, false)]);
    }
}
