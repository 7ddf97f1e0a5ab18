//! What to do with each message at the provider (spec connectors-and-smtp §4.3, §4.4). Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use super::duplicates;
use super::leave::ANSWERABLE;
use super::listing::Listed;
use super::recipients::Recipients;
use crate::net::is_plausible;
use crate::route::Destination;
use crate::store::Held;

pub(super) const DAY: i64 = 86_400_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub leave_days: u32,
    /// Bytes; 0 is no limit.
    pub max_size: u64,
    /// Unique-ids that the provider no longer lists are remembered for so many days beyond those above.
    pub hold_obsolete_days: u32,
    /// All unseen messages are decided about by their header.
    pub headers_first: bool,
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
    /// `None` for a message that is treated as all are.
    pub orders: Option<Box<Orders>>,
}

/// What is different with one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// Downloaded whatever its size.
    pub any_size: bool,
    /// Held until now: the note of that goes away.
    pub held: bool,
    /// Deleted at the provider at once, whatever its days.
    pub delete: bool,
    /// Goes here in place of where it leads by itself.
    pub redirect: Option<Vec<Destination>>,
    /// Goes here too.
    pub copy: Vec<Destination>,
}

impl Orders {
    /// Where a message goes that has `recipients`; `None`: where they lead, with nothing added.
    pub fn destinations(self, recipients: &Recipients) -> Option<Vec<Destination>> {
        match self.redirect {
            Some(redirect) => Some(redirect),
            None if self.copy.is_empty() => None,
            None => Some(recipients.found.destinations.iter().cloned().chain(self.copy).collect()),
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub fetch: VecDeque<Fetch>,
    /// To be decided about by their header.
    pub examine: VecDeque<Fetch>,
    /// Seen, and not to be left any longer: also those whose `DELE` an earlier session could not complete.
    pub delete: VecDeque<u32>,
    pub too_large: u64,
    pub kept_by_rule: u64,
    pub deleted_by_rule: u64,
    /// Seen, and left.
    pub left: u64,
}

impl Rules {
    /// Whether a message first seen at `seen_at` is to be deleted at the provider.
    pub fn expired(&self, seen_at: i64) -> bool {
        if self.leave_days == 0 {
            return true;
        }
        is_plausible(self.now) && is_plausible(seen_at) && self.now - seen_at >= i64::from(self.leave_days) * DAY
    }

    pub fn too_large(&self, size: u64) -> bool {
        self.max_size > 0 && size > self.max_size
    }

    /// Whether a remembered message that the provider no longer lists may be forgotten. Held beyond the day it would have
    /// been deleted on, so that a provider's short list is not the end of what is known.
    fn obsolete(&self, seen_at: i64) -> bool {
        let days = i64::from(self.leave_days) + i64::from(self.hold_obsolete_days);
        is_plausible(self.now) && self.now - seen_at >= days * DAY
    }

    /// Whether somebody's answer has the message downloaded.
    fn wanted(&self, held: &Held) -> bool {
        held.wanted && self.now - held.since <= ANSWERABLE
    }
}

/// `last` names messages that come after all others, since sessions broke at them before.
pub(super) fn plan(
    messages: &[Listed<'_>],
    seen: &HashMap<String, i64>,
    held: &HashMap<String, Held>,
    rules: Rules,
    last: impl Fn(&str) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut troublesome = Vec::new();
    for message in messages {
        match message.key.and_then(|key| seen.get(key)) {
            Some(&at) if rules.expired(at) => {
                plan.delete.push_back(message.number);
                continue;
            }
            Some(_) => {
                plan.left += 1;
                continue;
            }
            None => {}
        }
        let held = message.key.and_then(|key| held.get(key));
        let wanted = held.is_some_and(|held| rules.wanted(held));
        let too_large = !wanted && message.size.is_some_and(|size| rules.too_large(size));
        let orders = held.map(|_| Box::new(Orders { any_size: wanted, held: true, ..Orders::default() }));
        let (number, size, key) = (message.number, message.size, message.key.map(str::to_string));
        let fetch = Fetch { number, size, key, orders };
        // Deleted at once, those without a name are rarely met twice, and a header each would cost more than it saves.
        let nameless = message.key.is_none() && rules.leave_days > 0;
        if !wanted && (rules.headers_first || nameless) {
            plan.examine.push_back(fetch);
        } else if too_large && (message.key.is_none() || held.is_some_and(|held| held.question.is_some())) {
            plan.too_large += 1;
        } else if too_large {
            plan.examine.push_back(fetch);
        } else if message.key.is_some_and(&last) {
            troublesome.push(fetch);
        } else {
            plan.fetch.push_back(fetch);
        }
    }
    plan.fetch.extend(troublesome);
    plan
}

/// Remembered unique-ids that need no more remembering, given the complete list of what the provider has.
pub(super) fn obsolete(messages: &[Listed<'_>], seen: &HashMap<String, i64>, rules: Rules) -> Vec<String> {
    let outdated = |uid: &str, at: i64| match duplicates::is_mark(uid) {
        true => is_plausible(rules.now) && rules.now - at >= duplicates::KEPT,
        false => rules.obsolete(at),
    };
    let mut old: HashSet<&str> =
        seen.iter().filter(|(uid, at)| outdated(uid, **at)).map(|(uid, _)| uid.as_str()).collect();
    for key in messages.iter().filter_map(|message| message.key) {
        old.remove(key);
    }
    old.into_iter().map(str::to_string).collect()
}

/// Held messages that the complete list has had no longer for long.
pub(super) fn released(messages: &[Listed<'_>], held: &HashMap<String, Held>, rules: Rules) -> Vec<String> {
    let old = |held: &Held| is_plausible(rules.now) && rules.now - held.since > ANSWERABLE;
    let mut gone: HashSet<&str> = held.iter().filter(|(_, held)| old(held)).map(|(uid, _)| uid.as_str()).collect();
    for key in messages.iter().filter_map(|message| message.key) {
        gone.remove(key);
    }
    gone.into_iter().map(str::to_string).collect()
}

/// Whether the provider seems to have given its messages new unique-ids: of several that should still lie there, none does.
pub(super) fn renamed(messages: &[Listed<'_>], seen: &HashMap<String, i64>, rules: Rules) -> bool {
    if rules.leave_days == 0 || messages.is_empty() {
        return false;
    }
    let left = |(uid, at): &(&String, &i64)| !rules.expired(**at) && !duplicates::is_mark(uid);
    let expected = seen.iter().filter(left).count();
    expected >= 3 && messages.len() >= expected && !messages.iter().any(|m| m.key.is_some_and(|k| seen.contains_key(k)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = crate::net::PLAUSIBLE + 400 * DAY;

    fn listed(number: u32, key: Option<&str>, size: u64) -> Listed<'_> {
        Listed { number, size: Some(size), key }
    }

    fn seen(entries: &[(&str, i64)]) -> HashMap<String, i64> {
        entries.iter().map(|(uid, days)| (uid.to_string(), NOW - days * DAY)).collect()
    }

    fn rules(leave_days: u32) -> Rules {
        Rules { leave_days, max_size: 1000, hold_obsolete_days: 14, headers_first: false, now: NOW }
    }

    fn numbers(plan: &Plan) -> Vec<u32> {
        plan.fetch.iter().map(|fetch| fetch.number).collect()
    }

    #[test]
    fn seen_messages_are_deleted_and_not_fetched_again() {
        let messages = [listed(1, Some("a"), 1), listed(2, Some("b"), 1)];
        let plan = plan(&messages, &seen(&[("a", 0)]), &HashMap::new(), rules(0), |_| false);
        assert_eq!((numbers(&plan), plan.delete), (vec![2], VecDeque::from([1])));
    }

    #[test]
    fn left_until_their_days_are_over() {
        let messages = [listed(1, Some("a"), 1), listed(2, Some("b"), 1), listed(3, Some("c"), 1)];
        let seen = seen(&[("a", 6), ("b", 7)]);
        let made = plan(&messages, &seen, &HashMap::new(), rules(7), |_| false);
        assert_eq!((numbers(&made), made.left, made.delete), (vec![3], 1, VecDeque::from([2])));
        // A clock that was never set ages nothing.
        let unset = Rules { now: 1000, ..rules(7) };
        assert_eq!(plan(&messages, &seen, &HashMap::new(), unset, |_| false).left, 2);
    }

    #[test]
    fn large_ones_are_asked_about_once_and_troublesome_ones_come_last() {
        let messages = [listed(1, Some("bad"), 1), listed(2, Some("b"), 1001), listed(3, Some("c"), 1000)];
        let made = plan(&messages, &HashMap::new(), &HashMap::new(), rules(0), |key| key == "bad");
        assert_eq!((numbers(&made), made.examine.len(), made.too_large), (vec![3, 1], 1, 0));

        let held = |days: i64, wanted| {
            let held = Held { since: NOW - days * DAY, question: Some(1), wanted };
            HashMap::from([("b".to_string(), held)])
        };
        let made = plan(&messages, &HashMap::new(), &held(1, false), rules(0), |_| false);
        assert_eq!((numbers(&made), made.examine.len(), made.too_large), (vec![1, 3], 0, 1));
        let made = plan(&messages, &HashMap::new(), &held(14, true), rules(0), |_| false);
        assert_eq!(numbers(&made), [1, 2, 3]);
        assert!(made.fetch[1].orders.as_ref().is_some_and(|orders| orders.any_size && orders.held));
        let made = plan(&messages, &HashMap::new(), &held(15, true), rules(0), |_| false);
        assert_eq!((numbers(&made), made.too_large), (vec![1, 3], 1), "the answer came too late");
        // The limit was raised meanwhile.
        let higher = Rules { max_size: 2000, ..rules(0) };
        assert_eq!(numbers(&plan(&messages, &HashMap::new(), &held(1, false), higher, |_| false)), [1, 2, 3]);
    }

    #[test]
    fn some_need_a_look_at_their_header() {
        let messages = [listed(1, None, 1), listed(2, Some("b"), 1)];
        let examined = |rules: Rules| {
            let made = plan(&messages, &HashMap::new(), &HashMap::new(), rules, |_| false);
            made.examine.iter().map(|fetch| fetch.number).collect::<Vec<_>>()
        };
        assert_eq!(examined(rules(0)), [0; 0]);
        assert_eq!(examined(rules(7)), [1]);
        assert_eq!(examined(Rules { headers_first: true, ..rules(0) }), [1, 2]);
    }

    #[test]
    fn forgets_what_is_gone_for_long() {
        let known = seen(&[("here", 90), ("gone", 14), ("gone-lately", 13)]);
        assert_eq!(obsolete(&[listed(1, Some("here"), 1)], &known, rules(0)), ["gone"]);
        assert!(obsolete(&[listed(1, Some("here"), 1)], &known, rules(7)).is_empty());
        let none = Rules { hold_obsolete_days: 0, ..rules(0) };
        assert_eq!(obsolete(&[listed(1, Some("here"), 1)], &known, none).len(), 2);
        // What duplicates are known by is on no list of the provider's.
        let marks = seen(&[(" copy:a", 13), (" copy:b", 14)]);
        assert_eq!(obsolete(&[], &marks, none), [" copy:b"]);
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
