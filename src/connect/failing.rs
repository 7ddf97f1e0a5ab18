//! Which Connections have failed for so long that the main administrator is told (spec users-lists-admin §9.1).
//!
//! A collector or a sender fails from its first failure until it works. What counts is the time between the first and the
//! last failure, and telling happens at a failure: one that was not tried again, because nothing was to be collected or
//! sent, is nobody's trouble. A Connection is reported as a whole, again only after days, and once when all that was
//! reported works again. Pure: it is given the counts, and two clocks: the monotonic one for how long, the one on the wall
//! for days and for what people read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::store::{FailingPart, ReportedError};

/// A collector or the sender of a Connection, as it is now.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub connection: u32,
    pub kind: Kind,
    /// For people.
    pub name: String,
    pub words: String,
    pub ok: bool,
    /// Counted since the start.
    pub failures: u64,
    pub successes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Collector(u32),
    Sender,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Unix milliseconds.
    pub wall: i64,
    /// Since any beginning.
    pub monotonic: Duration,
}

/// As the settings have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub after: Duration,
    /// Milliseconds.
    pub again: i64,
}

/// To be told. Where nothing fails, the Connection works again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub connection: u32,
    /// Unix milliseconds.
    pub since: i64,
    pub failing: Vec<FailingPart>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Failing {
    parts: BTreeMap<(u32, Kind), Known>,
    reported: BTreeMap<u32, Reported>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    failures: u64,
    successes: u64,
    streak: Option<Streak>,
}

/// Failures with nothing between them.
#[derive(Clone, Debug)]
struct Streak {
    /// Unix milliseconds.
    since: i64,
    first: Duration,
    last: Duration,
    count: u64,
}

#[derive(Clone, Debug)]
struct Reported {
    error: ReportedError,
    /// Something of it has worked since.
    recovered: bool,
}

impl Failing {
    /// With what has been reported before the start.
    pub fn new(reported: Vec<ReportedError>) -> Failing {
        let reported = reported.into_iter().map(|error| (error.connection, Reported { error, recovered: false }));
        Failing { parts: BTreeMap::new(), reported: reported.collect() }
    }

    /// What is to be remembered over a restart.
    pub fn reported(&self) -> Vec<ReportedError> {
        self.reported.values().map(|reported| reported.error.clone()).collect()
    }

    /// `None` for `limits`: nobody wants to know.
    pub fn look(&mut self, parts: &[Part], now: Now, limits: Option<Limits>) -> Vec<Report> {
        self.parts.retain(|key, _| parts.iter().any(|part| (part.connection, part.kind) == *key));
        for part in parts {
            self.count(part, now);
        }
        let Some(limits) = limits else {
            self.reported.clear();
            return Vec::new();
        };
        self.forget_what_is_gone(parts);
        let mut connections: Vec<u32> = parts.iter().map(|part| part.connection).collect();
        connections.sort_unstable();
        connections.dedup();
        connections.into_iter().filter_map(|connection| self.report(connection, parts, now, limits)).collect()
    }

    fn count(&mut self, part: &Part, now: Now) {
        let known = self.parts.entry((part.connection, part.kind)).or_default();
        let failures = part.failures.saturating_sub(known.failures);
        let worked = part.successes != known.successes;
        (known.failures, known.successes) = (part.failures, part.successes);
        if worked {
            known.streak = None;
        }
        if !part.ok && failures > 0 {
            let begun = Streak { since: now.wall, first: now.monotonic, last: now.monotonic, count: 0 };
            let streak = known.streak.get_or_insert(begun);
            streak.last = now.monotonic;
            streak.count += failures;
        } else if part.ok
            && worked
            && let Some(reported) = self.reported.get_mut(&part.connection)
        {
            reported.worked(part.kind);
        }
    }

    /// Connections, collectors and senders that are not there any more, or switched off.
    fn forget_what_is_gone(&mut self, parts: &[Part]) {
        self.reported.retain(|connection, reported| {
            let is_there = |kind| parts.iter().any(|part| part.connection == *connection && part.kind == kind);
            reported.error.collectors.retain(|id| is_there(Kind::Collector(*id)));
            reported.error.sender &= is_there(Kind::Sender);
            reported.recovered || !reported.is_empty()
        });
    }

    fn report(&mut self, connection: u32, parts: &[Part], now: Now, limits: Limits) -> Option<Report> {
        let of_it = parts.iter().filter(|part| part.connection == connection);
        let failing: Vec<(&Part, &Streak)> =
            of_it.filter_map(|part| Some((part, self.parts.get(&(connection, part.kind))?.streak.as_ref()?))).collect();
        let reported = self.reported.get(&connection);
        if failing.is_empty() {
            reported.filter(|reported| reported.is_empty())?;
            let since = self.reported.remove(&connection)?.error.since;
            return Some(Report { connection, since, failing: Vec::new() });
        }
        let is_long = |streak: &Streak| streak.last - streak.first >= limits.after;
        let is_news = failing.iter().any(|(_, streak)| is_long(streak) && streak.last == now.monotonic);
        let long: Vec<_> = failing.into_iter().filter(|(_, streak)| is_long(streak)).collect();
        // A clock that was set back by much was wrong before.
        let lately = |at: i64| (-limits.again..limits.again).contains(&now.wall.saturating_sub(at));
        if !is_news || reported.is_some_and(|reported| lately(reported.error.at)) {
            return None;
        }
        let first = long.iter().map(|(_, streak)| streak.since).min()?;
        let since = reported.map_or(first, |reported| reported.error.since.min(first));
        let mut error = ReportedError { connection, at: now.wall, since, collectors: Vec::new(), sender: false };
        for (part, _) in &long {
            match part.kind {
                Kind::Collector(id) => error.collectors.push(id),
                Kind::Sender => error.sender = true,
            }
        }
        let tell = |(part, streak): (&Part, &Streak)| FailingPart {
            name: part.name.clone(),
            failures: streak.count,
            words: part.words.clone(),
        };
        let failing = long.into_iter().map(tell).collect();
        self.reported.insert(connection, Reported { error, recovered: false });
        Some(Report { connection, since, failing })
    }
}

impl Reported {
    fn worked(&mut self, kind: Kind) {
        match kind {
            Kind::Collector(id) => self.error.collectors.retain(|failed| *failed != id),
            Kind::Sender => self.error.sender = false,
        }
        self.recovered = true;
    }

    /// All that was reported works again.
    fn is_empty(&self) -> bool {
        self.error.collectors.is_empty() && !self.error.sender
    }
}

#[cfg(test)]
#[path = "failing_tests.rs"]
mod tests;
