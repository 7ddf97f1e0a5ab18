//! What mail programs and servers connect to: accept loops, TLS, limits; a thin shell around the sessions of `proto`.

pub mod pop3;
pub mod smtp;
