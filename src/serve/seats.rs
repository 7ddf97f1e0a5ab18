//! Places for sessions: a service has so many in all, so many for clients that are not local, of which some are kept for
//! listed gateways, and so many for one address (spec connectors-and-smtp §8.4).
//!
//! Counted for a service as a whole, however many sockets it listens on.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// Whom a place is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// May use the service without a login.
    Local,
    /// A gateway for which places are reserved.
    Reserved,
    Other,
}

/// How many sessions are let in. 0 is no limit; `reserved` counts only with a `max_incoming`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_sessions: u32,
    /// Most sessions that are not local.
    pub max_incoming: u32,
    /// Of those, kept for [`Class::Reserved`].
    pub reserved: u32,
    pub max_per_address: u32,
}

/// Which limit a connection ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    Service,
    Address,
}

/// The places of one service. Cheap to clone; all clones count together.
#[derive(Clone, Default)]
pub struct Seats {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    local: u32,
    reserved: u32,
    others: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// A session's place; given back when dropped.
pub struct Seat {
    seats: Seats,
    pub peer: IpAddr,
    class: Class,
}

impl Seats {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn take(&self, peer: IpAddr, class: Class, limits: Limits) -> Result<Seat, Crowded> {
        let mut taken = self.taken();
        let (incoming, all) = (taken.reserved + taken.others, taken.local + taken.reserved + taken.others);
        let full = limits.max_sessions != 0 && all >= limits.max_sessions;
        let incoming_full = class != Class::Local && limits.max_incoming != 0 && incoming >= limits.max_incoming;
        let rest = limits.max_incoming.saturating_sub(limits.reserved);
        let rest_full = class == Class::Other && limits.max_incoming != 0 && taken.others >= rest;
        if full || incoming_full || rest_full {
            return Err(Crowded::Service);
        }
        let of_peer = taken.by_address.get(&peer).copied().unwrap_or(0);
        if limits.max_per_address != 0 && of_peer >= limits.max_per_address {
            return Err(Crowded::Address);
        }
        taken.by_address.insert(peer, of_peer + 1);
        *taken.of(class) += 1;
        Ok(Seat { seats: self.clone(), peer, class })
    }
}

impl Taken {
    fn of(&mut self, class: Class) -> &mut u32 {
        match class {
            Class::Local => &mut self.local,
            Class::Reserved => &mut self.reserved,
            Class::Other => &mut self.others,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        let of_class = taken.of(self.class);
        *of_class = of_class.saturating_sub(1);
        match taken.by_address.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.by_address.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn seats_are_counted_and_given_back() {
        let seats = Seats::default();
        let limits = Limits { max_sessions: 3, max_incoming: 0, reserved: 0, max_per_address: 2 };
        let take = |last| seats.take(ip(last), Class::Other, limits);
        let first = take(1).ok().unwrap();
        let _second = take(1).ok().unwrap();
        assert_eq!(take(1).err(), Some(Crowded::Address));
        let _third = take(2).ok().unwrap();
        assert_eq!(take(2).err(), Some(Crowded::Service));
        drop(first);
        assert!(take(1).is_ok());
    }

    /// The example of the manual in small: 5, of which 3 are reserved.
    #[test]
    fn gateways_have_places_that_others_cannot_take() {
        let seats = Seats::default();
        let limits = Limits { max_sessions: 100, max_incoming: 5, reserved: 3, max_per_address: 0 };
        let take = |last, class| seats.take(ip(last), class, limits);
        let _others: Vec<_> = (1..=2).map(|n| take(n, Class::Other).ok().unwrap()).collect();
        assert_eq!(take(3, Class::Other).err(), Some(Crowded::Service));
        let mut gateways: Vec<_> = (0..3).map(|_| take(9, Class::Reserved).ok().unwrap()).collect();
        assert_eq!(take(9, Class::Reserved).err(), Some(Crowded::Service));
        let _local = take(5, Class::Local).ok().unwrap();
        gateways.pop();
        assert_eq!(take(3, Class::Other).err(), Some(Crowded::Service), "a gateway's place stays a gateway's");
        assert!(take(9, Class::Reserved).is_ok());
    }
}
