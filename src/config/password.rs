//! Passwords as Argon2id hashes (RFC 9106; 19 MiB, t=2, p=1).

use super::Secret;

/// Takes about 50 ms on a desk machine, more on a board, and 19 MiB: run it on the blocking pool, two at a time at most.
pub fn hash(_password: &str) -> Secret {
    unimplemented!()
}

pub fn verify(_hash: &Secret, _password: &str) -> bool {
    unimplemented!()
}

/// Whether a stored password is a hash already.
pub fn is_hash(_text: &Secret) -> bool {
    unimplemented!()
}
