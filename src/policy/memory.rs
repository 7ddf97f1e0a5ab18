//! Good logins of the last minutes, so that a mail program that polls each minute does not cost an Argon2 hash each time.
//!
//! What is kept is an HMAC under a key that lives only in this process; from a memory image or core file a password
//! would still have to be guessed, but at the speed of SHA-256: hence minutes, not hours. The stored hash is part of it,
//! so a changed password is forgotten at once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::{Secret, User};

const KEPT: Duration = Duration::from_secs(600);
/// About 100 KiB. More logins than that within ten minutes are checked by their hash.
const MOST: usize = 1024;

type Tag = [u8; 32];

pub struct Memory {
    key: Tag,
    good: Mutex<HashMap<Tag, Instant>>,
}

impl Memory {
    pub fn new() -> Memory {
        let mut key = Tag::default();
        // Fails only where the system has no random numbers at all, and then nothing here would be safe.
        getrandom::fill(&mut key).expect("the system gives random numbers");
        Memory { key, good: Mutex::default() }
    }

    fn tag(&self, user: &User, password: &Secret) -> Tag {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        // The lengths keep the parts apart.
        for part in [&user.id.to_be_bytes(), user.password.reveal().as_bytes(), password.reveal().as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn good(&self) -> std::sync::MutexGuard<'_, HashMap<Tag, Instant>> {
        self.good.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether this password was good for this user within the last minutes. Looking up a tag in a table tells nothing
    /// by its time: tags cannot be chosen without the key.
    pub fn knows(&self, user: &User, password: &Secret, now: Instant) -> bool {
        let tag = self.tag(user, password);
        self.good().get(&tag).is_some_and(|since| now.saturating_duration_since(*since) < KEPT)
    }

    pub fn remember(&self, user: &User, password: &Secret, now: Instant) {
        let tag = self.tag(user, password);
        let mut good = self.good();
        if good.len() >= MOST {
            good.retain(|_, since| now.saturating_duration_since(*since) < KEPT);
        }
        if good.len() < MOST {
            good.insert(tag, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> User {
        User { id: 2, name: "bob".into(), password: Secret::new("$argon2id$1"), ..User::default() }
    }

    #[test]
    fn remembers_for_minutes_this_user_hash_and_password() {
        let (memory, now, secret) = (Memory::new(), Instant::now(), Secret::new("secret"));
        assert!(!memory.knows(&bob(), &secret, now));
        memory.remember(&bob(), &secret, now);
        assert!(memory.knows(&bob(), &secret, now + KEPT - Duration::from_secs(1)));
        assert!(!memory.knows(&bob(), &secret, now + KEPT));
        assert!(!memory.knows(&bob(), &Secret::new("other"), now));
        assert!(!memory.knows(&User { id: 3, ..bob() }, &secret, now));
        assert!(!memory.knows(&User { password: Secret::new("$argon2id$2"), ..bob() }, &secret, now));
        assert!(!Memory::new().knows(&bob(), &secret, now));
    }

    #[test]
    fn stays_within_its_bound_and_makes_room_with_time() {
        let (memory, now) = (Memory::new(), Instant::now());
        for n in 0..MOST + 10 {
            memory.remember(&bob(), &Secret::new(n.to_string()), now);
        }
        assert_eq!(memory.good().len(), MOST);
        memory.remember(&bob(), &Secret::new("later"), now + KEPT);
        assert!(memory.knows(&bob(), &Secret::new("later"), now + KEPT));
        assert_eq!(memory.good().len(), 1);
    }
}
