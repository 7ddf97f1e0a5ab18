//! SMTP: RFC 5321 with the extensions named in `server` and `client`.

pub mod client;
pub mod server;
