//! The languages: grammar and sessions. Bytes in, bytes and requests out; no socket, no clock, no random source.

pub mod dns;
pub mod pop3;
pub mod smtp;
pub mod sntp;
