//! What clients did wrong lately: the events inside the monitor period, by address, in bounded memory.
//!
//! An IPv6 client is its /64, since whoever has one address there has them all. Equal events of one minute are one entry
//! with a count. When there are too many clients, the one that has been quiet for longest is forgotten.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::event::Event;

/// Clients remembered.
const CLIENTS: usize = 2048;
/// Entries remembered of one client.
const ENTRIES: usize = 128;
/// Equal events within this time are counted together.
const TOGETHER: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Conduct {
    clients: HashMap<IpAddr, Client>,
}

struct Client {
    entries: VecDeque<Entry>,
    last: Instant,
}

struct Entry {
    at: Instant,
    event: Event,
    count: u32,
}

/// The address a client is known by.
pub(super) fn identity(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

impl Conduct {
    pub(super) fn note(&mut self, client: IpAddr, event: Event, now: Instant) {
        let client = identity(client);
        if self.clients.len() >= CLIENTS && !self.clients.contains_key(&client) {
            self.forget_the_quietest();
        }
        let known = self.clients.entry(client).or_insert_with(|| Client { entries: VecDeque::new(), last: now });
        known.last = now;
        let same = known.entries.iter_mut().rev().find(|entry| entry.event == event);
        match same.filter(|entry| now.saturating_duration_since(entry.at) < TOGETHER) {
            Some(entry) => entry.count = entry.count.saturating_add(1),
            None => {
                if known.entries.len() >= ENTRIES {
                    known.entries.pop_front();
                }
                known.entries.push_back(Entry { at: now, event, count: 1 });
            }
        }
    }

    /// The sum over a client's events since `period` before `now`.
    pub(super) fn sum(&self, client: IpAddr, period: Duration, now: Instant, weight: impl Fn(Event) -> u32) -> u64 {
        let entries = self.clients.get(&identity(client)).map(|client| &client.entries);
        let counted = entries.into_iter().flatten().filter(|entry| now.saturating_duration_since(entry.at) < period);
        counted.map(|entry| u64::from(entry.count) * u64::from(weight(entry.event))).sum()
    }

    pub(super) fn knows(&self, client: IpAddr) -> bool {
        self.clients.contains_key(&identity(client))
    }

    pub(super) fn forget(&mut self, client: IpAddr) {
        self.clients.remove(&identity(client));
    }

    fn forget_the_quietest(&mut self) {
        let quietest = self.clients.iter().min_by_key(|(_, client)| client.last).map(|(address, _)| *address);
        if let Some(address) = quietest {
            self.clients.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn score(conduct: &Conduct, client: &str, now: Instant) -> u64 {
        conduct.sum(client.parse().unwrap(), HOUR, now, |event| event.score(&Default::default()))
    }

    /// The example of the manual.
    #[test]
    fn events_of_the_period_are_weighed() {
        let (mut conduct, now, client) = (Conduct::default(), Instant::now(), "192.0.2.1");
        for (event, times) in [(Event::RelayDenied, 2), (Event::BadLogin, 5), (Event::BadRecipient, 12)] {
            (0..times).for_each(|_| conduct.note(client.parse().unwrap(), event, now));
        }
        assert_eq!(score(&conduct, client, now), 1050);
        assert_eq!(score(&conduct, "192.0.2.2", now), 0);
        conduct.note(client.parse().unwrap(), Event::BadLogin, now + HOUR / 2);
        assert_eq!(score(&conduct, client, now + HOUR), 50);
        conduct.forget(client.parse().unwrap());
        assert_eq!(score(&conduct, client, now), 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let (mut conduct, now) = (Conduct::default(), Instant::now());
        conduct.note("2001:db8::1".parse().unwrap(), Event::BadLogin, now);
        assert_eq!(score(&conduct, "2001:db8::ffff:2", now), 50);
        assert_eq!(score(&conduct, "2001:db8:0:1::1", now), 0);
    }

    #[test]
    fn memory_is_bounded_and_the_quietest_go() {
        let (mut conduct, now) = (Conduct::default(), Instant::now());
        for n in 0..CLIENTS as u32 + 100 {
            conduct.note(IpAddr::from(n.to_be_bytes()), Event::BadLogin, now + Duration::from_millis(n.into()));
        }
        assert_eq!(conduct.clients.len(), CLIENTS);
        assert_eq!(score(&conduct, "0.0.0.0", now), 0);
        assert_eq!(score(&conduct, "0.0.8.0", now), 50);
        let one = "192.0.2.1".parse().unwrap();
        for minute in 0..200 {
            conduct.note(one, Event::SyntaxError, now + minute * TOGETHER);
        }
        assert_eq!(conduct.clients[&one].entries.len(), ENTRIES);
    }
}
