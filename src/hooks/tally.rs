//! How often each hook was called, how long that took, and what went wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::declare::Declaration;
use super::scripts::{ALL, Script};

/// Upper ends of the classes of the histogram, microseconds; the last class has none.
pub const CLASSES: [u64; 11] = [20, 50, 100, 200, 500, 1_000, 5_000, 20_000, 100_000, 1_000_000, 5_000_000];

#[derive(Default)]
struct Tally {
    failures: AtomicU64,
    total: AtomicU64,
    classes: [AtomicU64; CLASSES.len() + 1],
}

/// Of one function. For functions with names of their own, all together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HookCalls {
    pub script: &'static str,
    pub function: &'static str,
    pub calls: u64,
    pub failures: u64,
    /// Microseconds of all calls together, from the call to the answer.
    pub total: u64,
    /// Calls by how long they took: up to each of [`CLASSES`], and longer.
    pub histogram: Vec<u64>,
}

pub(super) struct Tallies {
    /// By script and place of the function; one more for those that are not declared.
    scripts: Vec<Vec<Tally>>,
}

impl Default for Tallies {
    fn default() -> Tallies {
        let of = |declaration: &&Declaration| (0..=declaration.functions.len()).map(|_| Tally::default()).collect();
        Tallies { scripts: ALL.iter().map(of).collect() }
    }
}

impl Tallies {
    pub fn note(&self, script: Script, function: &str, took: Duration, failed: bool) {
        let Some(functions) = self.scripts.get(script.index()) else { return };
        let place = script.place(function).unwrap_or(functions.len().saturating_sub(1));
        let Some(tally) = functions.get(place) else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = CLASSES.iter().position(|end| micros <= *end).unwrap_or(CLASSES.len());
        if let Some(count) = tally.classes.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        tally.total.fetch_add(micros, Ordering::Relaxed);
        tally.failures.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    /// Of functions that were called.
    pub fn all(&self) -> Vec<HookCalls> {
        let mut all = Vec::new();
        for (declaration, functions) in ALL.iter().zip(&self.scripts) {
            let names = declaration.functions.iter().map(|function| function.name).chain(["(others)"]);
            for (function, tally) in names.zip(functions) {
                let histogram: Vec<u64> = tally.classes.iter().map(|count| count.load(Ordering::Relaxed)).collect();
                let calls = histogram.iter().sum();
                if calls > 0 {
                    let (failures, total) = (&tally.failures, &tally.total);
                    all.push(HookCalls {
                        script: declaration.name,
                        function,
                        calls,
                        failures: failures.load(Ordering::Relaxed),
                        total: total.load(Ordering::Relaxed),
                        histogram,
                    });
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_sorted_by_how_long_they_took() {
        let tallies = Tallies::default();
        tallies.note(Script::MxOut, "CheckFile", Duration::from_micros(20), false);
        tallies.note(Script::MxOut, "CheckFile", Duration::from_secs(100), true);
        tallies.note(Script::SmtpRules(3), "Mine", Duration::from_micros(21), false);
        let all = tallies.all();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].function, all[0].calls, all[0].failures), ("CheckFile", 2, 1));
        assert_eq!((all[0].histogram[0], all[0].histogram[CLASSES.len()]), (1, 1));
        assert_eq!((all[1].script, all[1].function, all[1].histogram[1]), ("smtprules_<n>.lua", "(others)", 1));
    }
}
