//! Wall clock and time limits. Ages and timeouts use the monotonic clock; the wall clock is for what is written down.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
