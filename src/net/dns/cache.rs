//! Answers by their time to live, bounded; the one used longest ago goes first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::proto::dns::{Data, Question};

/// Of the box's own resolver.
pub(super) const MAX_ENTRIES: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Found(Arc<[Data]>),
    NoData,
    NoName,
}

pub(super) struct Cache {
    entries: HashMap<Question, Entry>,
    most: usize,
    /// Counts uses; an entry's `used` is its value then.
    clock: u64,
}

struct Entry {
    outcome: Outcome,
    expires: Instant,
    used: u64,
}

impl Cache {
    pub(super) fn new(most: usize) -> Cache {
        Cache { entries: HashMap::new(), most, clock: 0 }
    }

    /// As large as this one, and empty.
    pub(super) fn emptied(&self) -> Cache {
        Cache::new(self.most)
    }

    pub(super) fn get(&mut self, question: &Question, now: Instant) -> Option<Outcome> {
        let entry = self.entries.get_mut(question).filter(|entry| now < entry.expires)?;
        self.clock += 1;
        entry.used = self.clock;
        Some(entry.outcome.clone())
    }

    pub(super) fn forget(&mut self, question: &Question) {
        self.entries.remove(question);
    }

    /// Keeps nothing that has no time to live.
    pub(super) fn put(&mut self, question: Question, outcome: Outcome, now: Instant, life: Duration) {
        if life.is_zero() || self.most == 0 {
            self.entries.remove(&question);
            return;
        }
        if self.entries.len() >= self.most && !self.entries.contains_key(&question) {
            self.make_room(now);
        }
        self.clock += 1;
        self.entries.insert(question, Entry { outcome, expires: now + life, used: self.clock });
    }

    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, entry| now < entry.expires);
        if self.entries.len() >= self.most
            && let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dns::RecordType;

    fn question(number: usize) -> Question {
        Question::new(&format!("h{number}.example"), RecordType::A).unwrap()
    }

    #[test]
    fn answers_live_as_long_as_they_may() {
        let mut cache = Cache::new(MAX_ENTRIES);
        let now = Instant::now();
        let second = Duration::from_secs(1);
        cache.put(question(1), Outcome::NoName, now, second * 5);
        cache.put(question(2), Outcome::NoName, now, Duration::ZERO);
        assert_eq!(cache.get(&question(1), now + second * 4), Some(Outcome::NoName));
        assert_eq!(cache.get(&question(1), now + second * 5), None);
        assert_eq!(cache.get(&question(2), now), None);
    }

    #[test]
    fn the_one_used_longest_ago_makes_room() {
        let mut cache = Cache::new(MAX_ENTRIES);
        let now = Instant::now();
        let hour = Duration::from_secs(3600);
        for number in 0..MAX_ENTRIES {
            cache.put(question(number), Outcome::NoData, now, hour);
        }
        assert!(cache.get(&question(0), now).is_some());
        cache.put(question(MAX_ENTRIES), Outcome::NoData, now, hour);
        assert_eq!(cache.entries.len(), MAX_ENTRIES);
        assert!(cache.get(&question(0), now).is_some());
        assert!(cache.get(&question(1), now).is_none());
        cache.put(question(1), Outcome::NoData, now + hour, hour);
        assert_eq!(cache.entries.len(), 1);
    }
}
