//! Addresses that were logged in on a POP3 service lately, for POP3 then SMTP authentication: from the log-on until some
//! minutes after the log-off (spec connectors-and-smtp §8.1). In bounded memory, by the monotonic clock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Addresses remembered; the one that left first makes room.
const ADDRESSES: usize = 4096;

/// Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Pop3Logins {
    known: Arc<Mutex<HashMap<IpAddr, Known>>>,
}

struct Known {
    /// Sessions that are logged in.
    open: u32,
    /// When the last one began or ended.
    at: Instant,
}

/// A session that is logged in; dropped when it ends.
pub struct LoggedOn {
    logins: Pop3Logins,
    client: IpAddr,
}

impl Pop3Logins {
    fn known(&self) -> MutexGuard<'_, HashMap<IpAddr, Known>> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn log_on(&self, client: IpAddr) -> LoggedOn {
        let mut known = self.known();
        if known.len() >= ADDRESSES && !known.contains_key(&client) {
            let oldest = known.iter().filter(|(_, known)| known.open == 0).min_by_key(|(_, known)| known.at);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                known.remove(&oldest);
            }
        }
        let entry = known.entry(client).or_insert_with(|| Known { open: 0, at: Instant::now() });
        entry.open += 1;
        drop(known);
        LoggedOn { logins: self.clone(), client }
    }

    /// Whether there is a session of that address, or was one within `timeout` before `now`.
    pub fn has(&self, client: IpAddr, timeout: Duration, now: Instant) -> bool {
        let known = self.known();
        let entry = known.get(&client.to_canonical());
        entry.is_some_and(|known| known.open > 0 || now.saturating_duration_since(known.at) < timeout)
    }
}

impl Drop for LoggedOn {
    fn drop(&mut self) {
        if let Some(known) = self.logins.known().get_mut(&self.client) {
            known.open = known.open.saturating_sub(1);
            known.at = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_log_on_until_minutes_after_the_log_off() {
        let (logins, client, five) = (Pop3Logins::default(), IpAddr::from([192, 0, 2, 1]), Duration::from_secs(300));
        assert!(!logins.has(client, five, Instant::now()));
        let (first, second) = (logins.log_on(client), logins.log_on(client));
        let later = Instant::now() + 10 * five;
        assert!(logins.has(client, five, later), "as long as the session lasts");
        drop(first);
        assert!(logins.has(client, five, later));
        drop(second);
        assert!(logins.has(client, five, Instant::now()));
        assert!(!logins.has(client, five, Instant::now() + five));
        assert!(!logins.has(IpAddr::from([192, 0, 2, 2]), five, Instant::now()));
    }

    #[test]
    fn memory_is_bounded() {
        let logins = Pop3Logins::default();
        for n in 0..ADDRESSES as u32 + 50 {
            drop(logins.log_on(IpAddr::from(n.to_be_bytes())));
        }
        assert_eq!(logins.known().len(), ADDRESSES);
    }
}
