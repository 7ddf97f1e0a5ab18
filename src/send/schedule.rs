//! When a mail that could not be sent is tried again, and when it is given up. Pure: times come in as numbers.
//!
//! Ages are by the wall clock, which a board without a battery has wrong until it has asked the network: it may jump
//! forwards by years, or back. So an age is believed only as far as the number of tries bears it out: a mail gets at
//! least half the tries it would get in that time before it is reported late or given up, whatever the clock says.

use crate::config::Sender;
use crate::net::is_plausible;
use crate::store::{QueueEntry, QueueRecipient};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Used when the settings name no step.
const DEFAULT_EVERY: i64 = 30 * MINUTE;

/// What follows a try that failed for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// `warn`: and the return path is to be told that it takes longer.
    Again {
        due: i64,
        warn: bool,
    },
    GiveUp,
}

/// By the settings of `sender`, for a recipient of an entry whose try failed at `now` (Unix milliseconds).
pub fn next(sender: &Sender, entry: &QueueEntry, recipient: &QueueRecipient, now: i64) -> Next {
    let age = age(sender, entry.accepted_at, recipient.tries, now);
    let limit = limit(sender);
    if age >= limit {
        return Next::GiveUp;
    }
    let every = every(sender, age);
    // The last try is at the time of giving up, not after it.
    let wait = (every + spread(entry.mail.0, every)).min((limit - age).max(MINUTE));
    let warn_after = i64::from(sender.warn_after) * HOUR;
    Next::Again { due: now + wait, warn: warn_after > 0 && !recipient.delay_notified && age >= warn_after }
}

/// Milliseconds from the first failure of a young mail to its next try.
pub fn first_step(sender: &Sender) -> i64 {
    every(sender, 0)
}

/// Whether a due time is so far off that no step leads there: it was set by a clock that has been put back since.
pub fn is_out_of_reach(sender: &Sender, due: i64, now: i64) -> bool {
    due.saturating_sub(now) > furthest(sender)
}

/// The longest time, milliseconds, for which something may be put off: beyond it no due time is believed.
pub fn furthest(sender: &Sender) -> i64 {
    let longest = sender.retry.iter().map(|step| i64::from(step.every.max(1)) * MINUTE).max();
    longest.unwrap_or(DEFAULT_EVERY).max(DEFAULT_EVERY) * 2
}

/// When an entry is given up, if the clock is right.
pub fn gives_up_at(sender: &Sender, entry: &QueueEntry) -> i64 {
    entry.accepted_at.saturating_add(limit(sender))
}

/// How long it is tried.
fn limit(sender: &Sender) -> i64 {
    i64::from(sender.give_up_after).max(1) * HOUR
}

fn age(sender: &Sender, accepted_at: i64, tries: u32, now: i64) -> i64 {
    let tried_for = tried_for(sender, tries, limit(sender));
    if is_plausible(accepted_at) && now >= accepted_at {
        return (now - accepted_at).min(2 * tried_for);
    }
    tried_for
}

/// The time that so many tries take when nothing else delays them, up to `limit`.
fn tried_for(sender: &Sender, tries: u32, limit: i64) -> i64 {
    let mut time = 0;
    for _ in 0..tries {
        if time >= limit {
            break;
        }
        time += every(sender, time);
    }
    time
}

/// The step for a mail of this age.
fn every(sender: &Sender, age: i64) -> i64 {
    let step = sender.retry.iter().find(|step| step.until == 0 || age < i64::from(step.until) * MINUTE);
    step.or(sender.retry.last()).map_or(DEFAULT_EVERY, |step| i64::from(step.every.max(1)) * MINUTE)
}

/// Up to a twentieth of the step, the same for the same mail: what failed together is not tried all at one moment.
fn spread(mail: u64, every: i64) -> i64 {
    let scattered = mail.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
    every / 20 * i64::try_from(scattered).unwrap_or(0) / 65_536
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = crate::net::PLAUSIBLE + 1_000 * HOUR;

    fn entry(accepted_at: i64, tries: u32) -> QueueEntry {
        let mut entry = QueueEntry { accepted_at, ..crate::send::tests::entry(7, 1) };
        entry.recipients[0].tries = tries;
        entry
    }

    fn next(sender: &Sender, entry: &QueueEntry, now: i64) -> Next {
        super::next(sender, entry, &entry.recipients[0], now)
    }

    /// To the next try of a mail that has been tried often enough for its age.
    fn minutes(sender: &Sender, age: i64) -> i64 {
        match next(sender, &entry(START, 1_000), START + age) {
            Next::Again { due, .. } => (due - START - age) / MINUTE,
            Next::GiveUp => -1,
        }
    }

    #[test]
    fn the_default_steps() {
        let sender = Sender::default();
        let steps: Vec<i64> =
            [0, 59 * MINUTE, HOUR, 23 * HOUR, 24 * HOUR, 60 * HOUR].map(|age| minutes(&sender, age)).into();
        assert_eq!(steps[..2], [5, 5]);
        assert!(steps[2..4].iter().all(|step| (30..32).contains(step)), "{steps:?}");
        assert!(steps[4..].iter().all(|step| (120..127).contains(step)), "{steps:?}");
        assert_eq!(minutes(&sender, 72 * HOUR), -1);
    }

    #[test]
    fn the_last_try_is_when_it_is_given_up() {
        let sender = Sender::default();
        assert_eq!(minutes(&sender, 71 * HOUR), 60);
        assert_eq!(minutes(&sender, 72 * HOUR - 1), 1);
    }

    #[test]
    fn a_whole_life_of_failures_ends() {
        let sender = Sender::default();
        let (mut entry, mut now, mut warned) = (entry(START, 0), START, 0);
        while let Next::Again { due, warn } = next(&sender, &entry, now) {
            assert!(due > now);
            warned += u32::from(warn);
            entry.recipients[0].delay_notified |= warn;
            entry.recipients[0].tries += 1;
            now = due;
        }
        assert_eq!(warned, 1);
        assert!((START + 72 * HOUR..START + 73 * HOUR).contains(&now));
        assert!((50..120).contains(&entry.tries()), "{}", entry.tries());
    }

    #[test]
    fn warning_can_be_off() {
        let sender = Sender { warn_after: 0, ..Sender::default() };
        let tried = entry(START, 50);
        assert!(matches!(next(&sender, &tried, START + 50 * HOUR), Next::Again { warn: false, .. }));
    }

    #[test]
    fn a_clock_that_was_wrong_gives_nothing_up() {
        let sender = Sender::default();
        let accepted_in_1970 = entry(1_000_000, 0);
        assert!(matches!(next(&sender, &accepted_in_1970, START), Next::Again { warn: false, .. }));
        assert!(matches!(next(&sender, &entry(START, 0), 1_000_000), Next::Again { .. }));
        let tried_for_long = entry(1_000_000, 1_000);
        assert_eq!(next(&sender, &tried_for_long, START), Next::GiveUp);
    }

    /// The board starts with the time of its last shutdown, takes mail, and hears the right time from the network.
    #[test]
    fn a_clock_that_jumps_forwards_neither_warns_nor_gives_up() {
        let sender = Sender::default();
        let years = 3 * 365 * 24 * HOUR;
        for tries in [0, 1, 10] {
            let tried = entry(START, tries);
            let next = next(&sender, &tried, START + years);
            assert!(matches!(next, Next::Again { warn: false, .. }), "{tries} tries: {next:?}");
        }
        // It still ends.
        let (mut entry, mut now) = (entry(START, 0), START + years);
        while let Next::Again { due, .. } = next(&sender, &entry, now) {
            entry.recipients[0].tries += 1;
            now = due;
        }
        assert!((START + years + 24 * HOUR..START + years + 96 * HOUR).contains(&now));
    }

    #[test]
    fn a_clock_that_was_put_back_makes_nothing_wait_for_years() {
        let sender = Sender::default();
        let from_the_future = entry(START + 10_000 * HOUR, 1_000);
        assert_eq!(next(&sender, &from_the_future, START), Next::GiveUp);
        assert!(is_out_of_reach(&sender, START + 10_000 * HOUR, START));
        assert!(!is_out_of_reach(&sender, START + 2 * HOUR + HOUR / 4, START));
        assert!(!is_out_of_reach(&sender, START - 10_000 * HOUR, START));
    }

    #[test]
    fn odd_settings() {
        let none = Sender { retry: Vec::new(), ..Sender::default() };
        assert!((30..32).contains(&minutes(&none, 0)));
        let short = Sender { retry: vec![crate::config::senders::RetryStep { every: 0, until: 10 }], ..none };
        assert_eq!(minutes(&short, 10 * HOUR), 1);
    }
}
