//! Passwords as Argon2id hashes (RFC 9106; 19 MiB, t=2, p=1), in the PHC string form `$argon2id$v=19$m=…`.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};

use super::Secret;

/// Most a stored hash may ask for: an imported one must not be able to take the board's memory at each login.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
const MAX_PASSES: u32 = 16;

/// Takes about 50 ms on a desk machine, more on a board, and 19 MiB: run it on the blocking pool, two at a time at most.
pub fn hash(password: &str) -> Secret {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    // Fails only where the system has no random numbers, or for a password of 4 GiB.
    Secret::new(hashed.expect("the system gives random numbers").to_string())
}

/// False also where `hash` is none. The time taken is that of [`hash`].
pub fn verify(hash: &Secret, password: &str) -> bool {
    parse(hash).is_some_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Whether a stored password is a hash already.
pub fn is_hash(text: &Secret) -> bool {
    parse(text).is_some()
}

fn parse(text: &Secret) -> Option<PasswordHash> {
    if !text.reveal().starts_with("$argon2") {
        return None;
    }
    let hash = PasswordHash::new(text.reveal()).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let whole = hash.salt.is_some() && hash.hash.is_some();
    (whole && params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() == 1)
        .then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_only() {
        let hashed = hash("Grüße 12");
        assert!(hashed.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hashed.reveal());
        assert!(is_hash(&hashed));
        assert!(verify(&hashed, "Grüße 12"));
        assert!(!verify(&hashed, "Grüße 13"));
        assert!(!verify(&hashed, ""));
        assert_ne!(hashed, hash("Grüße 12"), "the salt is new each time");
    }

    #[test]
    fn what_is_no_hash_fits_nothing() {
        for text in ["", "secret", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ", "$2b$10$abc"] {
            let text = Secret::new(text);
            assert!(!is_hash(&text) && !verify(&text, text.reveal()), "{}", text.reveal());
        }
    }

    #[test]
    fn a_hash_that_would_take_the_board_is_not_one() {
        let hashed = hash("x").reveal().replace("m=19456", "m=4000000");
        assert!(!is_hash(&Secret::new(hashed)));
    }
}
