//! Wall clock and time limits. Ages and timeouts use the monotonic clock; the wall clock is for what is written down.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use smol::future::FutureExt;

/// Unix milliseconds.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// A clock before this (1 January 2026) has not been set: boards have none that runs while they are off.
pub const PLAUSIBLE: i64 = 1_767_225_600_000;

/// Whether a time in Unix milliseconds can be one of a clock that has been set.
pub fn is_plausible(ms: i64) -> bool {
    ms >= PLAUSIBLE
}

/// What the clock on the wall shows there; `None` while the clock has not been set.
pub fn local_now(zone: &TimeZone) -> Option<DateTime> {
    local_at(now_ms(), zone)
}

fn local_at(ms: i64, zone: &TimeZone) -> Option<DateTime> {
    let at = Timestamp::from_millisecond(ms).ok().filter(|_| is_plausible(ms))?;
    Some(zone.to_datetime(at))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct TimedOut;

/// The future's result, or `TimedOut` after `limit`.
pub async fn timeout<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, TimedOut> {
    async { Ok(work.await) }
        .or(async {
            async_io::Timer::after(limit).await;
            Err(TimedOut)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_not_set_shows_nothing() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(local_at(0, &berlin), None);
        assert_eq!(local_at(PLAUSIBLE, &berlin), Some(jiff::civil::date(2026, 1, 1).at(1, 0, 0, 0)));
        assert_eq!(local_at(i64::MAX, &berlin), None);
    }
}
