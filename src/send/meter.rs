//! A rolling limit: at most so many recipients in so many minutes (spec connectors-and-smtp §5.2). Kept in memory; after a
//! start of the program it is given what was tried before.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Entries of one window; recipients closer together than a part of it count as of one moment.
const PARTS: u32 = 256;

pub struct Meter {
    /// 0: no limit.
    most: u32,
    window: Duration,
    taken: Mutex<VecDeque<(Instant, u32)>>,
}

impl Meter {
    pub fn new(most: u32, window: Duration) -> Meter {
        Meter { most, window, taken: Mutex::default() }
    }

    /// Goes on where another one stopped.
    pub fn take_over(&self, before: &Meter) {
        let before = before.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = before;
    }

    /// Recipients that went before the start, with how long ago that was, the oldest first.
    pub fn count_past(&self, past: impl Iterator<Item = (Duration, u32)>, now: Instant) {
        if self.most > 0 {
            let past = past.filter_map(|(age, count)| Some((now.checked_sub(age)?, count)));
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(past);
        }
    }

    /// How far back it looks; `None` without a limit.
    pub fn window(&self) -> Option<Duration> {
        (self.most > 0).then_some(self.window)
    }

    fn taken(&self, now: Instant) -> MutexGuard<'_, VecDeque<(Instant, u32)>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= self.window) {
            taken.pop_front();
        }
        taken
    }

    /// Up to `wanted` recipients may go now; they count from now on.
    pub fn take(&self, wanted: usize, now: Instant) -> usize {
        if self.most == 0 {
            return wanted;
        }
        let mut taken = self.taken(now);
        let used: u32 = taken.iter().map(|(_, count)| count).sum();
        let granted = self.most.saturating_sub(used).min(u32::try_from(wanted).unwrap_or(u32::MAX));
        match taken.back_mut().filter(|(at, _)| now.saturating_duration_since(*at) < self.window / PARTS) {
            Some((_, count)) => *count += granted,
            None if granted > 0 => taken.push_back((now, granted)),
            None => {}
        }
        usize::try_from(granted).unwrap_or(usize::MAX)
    }

    /// When the next recipient may go; `None`: now.
    pub fn opens(&self, now: Instant) -> Option<Instant> {
        if self.most == 0 {
            return None;
        }
        let taken = self.taken(now);
        let used: u32 = taken.iter().map(|(_, count)| count).sum();
        taken.front().filter(|_| used >= self.most).map(|(at, _)| *at + self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_rolls() {
        let minute = Duration::from_secs(60);
        let meter = Meter::new(50, 60 * minute);
        let start = Instant::now();
        assert_eq!((meter.take(30, start), meter.opens(start)), (30, None));
        assert_eq!(meter.take(30, start + 10 * minute), 20);
        let later = start + 59 * minute;
        assert_eq!((meter.take(1, later), meter.opens(later)), (0, Some(start + 60 * minute)));
        assert_eq!(meter.take(100, start + 60 * minute), 30);
        assert_eq!(meter.opens(start + 61 * minute), Some(start + 70 * minute));
    }

    #[test]
    fn a_window_outlives_its_meter() {
        let minute = Duration::from_secs(60);
        let start = Instant::now() + 60 * minute;
        let meter = Meter::new(50, 60 * minute);
        meter.count_past([(90 * minute, 40), (30 * minute, 20), (10 * minute, 20)].into_iter(), start);
        assert_eq!(meter.take(30, start), 10);
        let next = Meter::new(60, 60 * minute);
        next.take_over(&meter);
        assert_eq!((next.take(30, start), next.opens(start)), (10, Some(start + 30 * minute)));
    }

    #[test]
    fn no_limit() {
        let meter = Meter::new(0, Duration::ZERO);
        assert_eq!(meter.take(1_000_000, Instant::now()), 1_000_000);
        assert_eq!(meter.opens(Instant::now()), None);
    }
}
