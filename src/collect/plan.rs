//! What to do with each message at the provider (spec connectors-and-smtp §4.3, §4.4). Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use super::listing::Listed;

const DAY: i64 = 86_400_000;
/// Unique-ids that the provider no longer lists are remembered so long (spec §4.4, "Hold Obsolete UIDLs").
const HOLD_OBSOLETE: i64 = 14 * DAY;
/// A clock before this (1 January 2026) has not been set: nothing is aged by it.
const PLAUSIBLE: i64 = 1_767_225_600_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub leave_days: u32,
    /// Bytes; 0 is no limit.
    pub max_size: u64,
    /// Unix milliseconds.
    pub now: i64,
}

/// A message to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetch {
    pub number: u32,
    /// As announced.
    pub size: Option<u64>,
    /// What it is remembered by; `None` until its header is here.
    pub key: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub fetch: VecDeque<Fetch>,
    /// Seen, and not to be left any longer: also those whose `DELE` an earlier session could not complete.
    pub delete: VecDeque<u32>,
    pub too_large: u64,
    /// Seen, and left.
    pub left: u64,
}

impl Rules {
    /// Whether a message first seen at `seen_at` is to be deleted at the provider.
    pub fn expired(&self, seen_at: i64) -> bool {
        if self.leave_days == 0 {
            return true;
        }
        self.now >= PLAUSIBLE && seen_at >= PLAUSIBLE && self.now - seen_at >= i64::from(self.leave_days) * DAY
    }

    pub fn too_large(&self, size: u64) -> bool {
        self.max_size > 0 && size > self.max_size
    }

    /// Whether a remembered message that the provider no longer lists may be forgotten. Held beyond the day it would have
    /// been deleted on, so that a provider's short list is not the end of what is known.
    fn obsolete(&self, seen_at: i64) -> bool {
        self.now >= PLAUSIBLE && self.now - seen_at >= i64::from(self.leave_days) * DAY + HOLD_OBSOLETE
    }
}

/// `last` names messages that come after all others, since sessions broke at them before.
pub(super) fn plan(
    messages: &[Listed<'_>],
    seen: &HashMap<String, i64>,
    rules: Rules,
    last: impl Fn(&str) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut troublesome = Vec::new();
    for message in messages {
        match message.key.and_then(|key| seen.get(key)) {
            Some(&at) if rules.expired(at) => plan.delete.push_back(message.number),
            Some(_) => plan.left += 1,
            None if message.size.is_some_and(|size| rules.too_large(size)) => plan.too_large += 1,
            None => {
                let fetch = Fetch { number: message.number, size: message.size, key: message.key.map(str::to_string) };
                match message.key {
                    Some(key) if last(key) => troublesome.push(fetch),
                    _ => plan.fetch.push_back(fetch),
                }
            }
        }
    }
    plan.fetch.extend(troublesome);
    plan
}

/// Remembered unique-ids that need no more remembering, given the complete list of what the provider has.
pub(super) fn obsolete(messages: &[Listed<'_>], seen: &HashMap<String, i64>, rules: Rules) -> Vec<String> {
    let mut old: HashSet<&str> =
        seen.iter().filter(|(_, at)| rules.obsolete(**at)).map(|(uid, _)| uid.as_str()).collect();
    for key in messages.iter().filter_map(|message| message.key) {
        old.remove(key);
    }
    old.into_iter().map(str::to_string).collect()
}

/// Whether the provider seems to have given its messages new unique-ids: of several that should still lie there, none does.
pub(super) fn renamed(messages: &[Listed<'_>], seen: &HashMap<String, i64>, rules: Rules) -> bool {
    if rules.leave_days == 0 || messages.is_empty() {
        return false;
    }
    let expected = seen.values().filter(|at| !rules.expired(**at)).count();
    expected >= 3 && messages.len() >= expected && !messages.iter().any(|m| m.key.is_some_and(|k| seen.contains_key(k)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = PLAUSIBLE + 400 * DAY;

    fn listed(number: u32, key: Option<&str>, size: u64) -> Listed<'_> {
        Listed { number, size: Some(size), key }
    }

    fn seen(entries: &[(&str, i64)]) -> HashMap<String, i64> {
        entries.iter().map(|(uid, days)| (uid.to_string(), NOW - days * DAY)).collect()
    }

    fn rules(leave_days: u32) -> Rules {
        Rules { leave_days, max_size: 1000, now: NOW }
    }

    fn numbers(plan: &Plan) -> Vec<u32> {
        plan.fetch.iter().map(|fetch| fetch.number).collect()
    }

    #[test]
    fn seen_messages_are_deleted_and_not_fetched_again() {
        let messages = [listed(1, Some("a"), 1), listed(2, Some("b"), 1)];
        let plan = plan(&messages, &seen(&[("a", 0)]), rules(0), |_| false);
        assert_eq!((numbers(&plan), plan.delete), (vec![2], VecDeque::from([1])));
    }

    #[test]
    fn left_until_their_days_are_over() {
        let messages = [listed(1, Some("a"), 1), listed(2, Some("b"), 1), listed(3, None, 1)];
        let seen = seen(&[("a", 6), ("b", 7)]);
        let made = plan(&messages, &seen, rules(7), |_| false);
        assert_eq!((numbers(&made), made.left, made.delete), (vec![3], 1, VecDeque::from([2])));
        // A clock that was never set ages nothing.
        let unset = Rules { now: 1000, ..rules(7) };
        assert_eq!(plan(&messages, &seen, unset, |_| false).left, 2);
    }

    #[test]
    fn large_ones_stay_and_troublesome_ones_come_last() {
        let messages = [listed(1, Some("bad"), 1), listed(2, Some("b"), 1001), listed(3, Some("c"), 1000)];
        let plan = plan(&messages, &HashMap::new(), rules(0), |key| key == "bad");
        assert_eq!((numbers(&plan), plan.too_large), (vec![3, 1], 1));
    }

    #[test]
    fn forgets_what_is_gone_for_long() {
        let known = seen(&[("here", 90), ("gone", 14), ("gone-lately", 13)]);
        assert_eq!(obsolete(&[listed(1, Some("here"), 1)], &known, rules(0)), ["gone"]);
        assert!(obsolete(&[listed(1, Some("here"), 1)], &known, rules(7)).is_empty());
    }

    #[test]
    fn notices_new_names_for_old_messages() {
        let known = seen(&[("a", 1), ("b", 1), ("c", 2)]);
        let new = [listed(1, Some("x"), 1), listed(2, Some("y"), 1), listed(3, Some("z"), 1)];
        assert!(renamed(&new, &known, rules(7)));
        assert!(!renamed(&new, &known, rules(0)));
        let mut some = new.to_vec();
        some.push(listed(4, Some("c"), 1));
        assert!(!renamed(&some, &known, rules(7)));
    }
}
