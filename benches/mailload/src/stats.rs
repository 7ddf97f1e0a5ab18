//! Times, as percentiles.

use std::fmt;
use std::time::Duration;

#[derive(Default)]
pub struct Times {
    micros: Vec<u32>,
}

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.micros.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn append(&mut self, mut other: Times) {
        self.micros.append(&mut other.micros);
    }

    pub fn len(&self) -> usize {
        self.micros.len()
    }

    pub fn sort(&mut self) {
        self.micros.sort_unstable();
    }

    fn at(&self, share: f64) -> f64 {
        let at = ((self.micros.len() as f64 * share).ceil() as usize).clamp(1, self.micros.len().max(1)) - 1;
        self.micros.get(at).map_or(0.0, |&micros| f64::from(micros) / 1000.0)
    }
}

/// To be sorted before.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", self.at(0.5), self.at(0.99), self.at(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let mut times = Times::default();
        (1..=100).rev().for_each(|ms| times.add(Duration::from_millis(ms)));
        times.sort();
        assert_eq!(times.to_string(), "p50 50.00 ms, p99 99.00 ms, max 100.00 ms");
        assert_eq!(Times::default().to_string(), "p50 0.00 ms, p99 0.00 ms, max 0.00 ms");
    }
}
