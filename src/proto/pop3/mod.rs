//! POP3: RFC 1939 with the extensions named in `server` and `client`.

pub mod client;
pub mod server;
