//! Bandwidth limits: token buckets of a service and of a session, for both directions together (spec connectors-and-smtp
//! §8.1). By the monotonic clock.
//!
//! A bucket holds what a second brings. Who takes more than is there leaves a debt that the next one waits for, so that
//! nothing has to be given back when less moved than was allowed.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_io::Timer;

/// The least that is moved at a time, bytes: smaller pieces would cost more than they weigh.
const PIECE: usize = 1024;

/// Cheap to clone; all clones are one bucket.
#[derive(Clone)]
pub struct Bucket {
    level: Arc<Mutex<Level>>,
}

struct Level {
    /// Bytes; below zero it is a debt.
    tokens: f64,
    at: Instant,
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket { level: Arc::new(Mutex::new(Level { tokens: 0.0, at: Instant::now() })) }
    }
}

impl Bucket {
    fn level(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Bytes that may move at once by `rate`, bytes a second; or how long to wait for some.
    fn allowance(&self, rate: u64, now: Instant) -> Result<usize, Duration> {
        let rate = rate as f64;
        let mut level = self.level();
        let earned = now.saturating_duration_since(level.at).as_secs_f64() * rate;
        level.tokens = (level.tokens + earned).min(rate);
        level.at = now;
        let least = (PIECE as f64).min(rate);
        match level.tokens {
            tokens if tokens >= least => Ok(tokens as usize),
            tokens => Err(Duration::from_secs_f64((least - tokens) / rate)),
        }
    }

    fn spend(&self, bytes: usize) {
        self.level().tokens -= bytes as f64;
    }
}

/// What a session has to keep to.
pub struct Throttle {
    /// With their rates, bytes a second.
    buckets: Vec<(Bucket, u64)>,
    timer: Option<Timer>,
}

impl Throttle {
    /// `None` where nothing is limited. Rates in KiB a second, 0 for none.
    pub fn new(service: &Bucket, of_service: u32, of_session: u32) -> Option<Box<Throttle>> {
        let mut buckets = Vec::new();
        for (bucket, rate) in [(service.clone(), of_service), (Bucket::default(), of_session)] {
            if rate != 0 {
                buckets.push((bucket, u64::from(rate) * 1024));
            }
        }
        (!buckets.is_empty()).then(|| Box::new(Throttle { buckets, timer: None }))
    }

    /// How many bytes may move now; at least one.
    pub fn poll_allowance(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        loop {
            let now = Instant::now();
            let mut allowed = usize::MAX;
            let mut wait = None;
            for (bucket, rate) in &self.buckets {
                match bucket.allowance(*rate, now) {
                    Ok(bytes) => allowed = allowed.min(bytes),
                    Err(longer) => wait = wait.max(Some(longer)),
                }
            }
            let Some(wait) = wait else {
                self.timer = None;
                return Poll::Ready(allowed.max(1));
            };
            let timer = self.timer.insert(Timer::after(wait));
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    pub fn spend(&self, bytes: usize) {
        self.buckets.iter().for_each(|(bucket, _)| bucket.spend(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_its_rate_brings() {
        let (bucket, rate, start) = (Bucket::default(), 100 * 1024, Instant::now());
        assert!(bucket.allowance(rate, start).is_err());
        let mut moved = 0;
        for tenth in 1..=100 {
            let now = start + Duration::from_millis(100) * tenth;
            // Reads are larger than what is left now and then.
            if bucket.allowance(rate, now).is_ok() {
                bucket.spend(30_000);
                moved += 30_000;
            }
        }
        assert!((1_000_000..=1_060_000).contains(&moved), "{moved} bytes in 10 s of 100 KiB/s");
    }

    #[test]
    fn rest_brings_no_more_than_a_second() {
        let (bucket, rate, start) = (Bucket::default(), 10_240, Instant::now());
        assert_eq!(bucket.allowance(rate, start + Duration::from_secs(3600)), Ok(10_240));
    }

    #[test]
    fn without_limits_there_is_no_throttle() {
        assert!(Throttle::new(&Bucket::default(), 0, 0).is_none());
        assert_eq!(Throttle::new(&Bucket::default(), 5, 6).unwrap().buckets.len(), 2);
    }
}
