//! The client side of a POP3 session (RFC 1939), with CAPA and PIPELINING (RFC 2449), STLS (RFC 2595), APOP, `AUTH PLAIN`
//! and `AUTH CRAM-MD5` (RFC 5034, RFC 2195) and response codes (RFC 2449 §8, RFC 3206).
//!
//! [`Session`] takes the server's bytes and gives [`Event`]s and the bytes to write; it owns no socket and asks no clock.
//! Greeting, CAPA, STLS and login run by themselves; then the caller asks for what it wants, as much as it likes at once.
//! To a server that announced PIPELINING everything goes out together, to others one command at a time.
//!
//! It never trusts an announced size (only the dot ends a message), never keeps what came in clear before TLS, never sends
//! a command that a name or password could smuggle in. Message bytes are slices of the caller's buffer, with the stuffed
//! dots left out and every line ended by CR LF.

mod body;
mod capabilities;
mod failure;
mod reply;
mod session;
#[cfg(test)]
mod tests;

pub use capabilities::Capabilities;
pub use failure::{Failure, ResponseCode};
pub use reply::MAX_LINE;
pub use session::{Command, Encryption, Event, Login, Method, Session};

/// Longest unique-id a server may give, bytes (RFC 1939 §7 allows 70).
pub const MAX_UID: usize = 255;
