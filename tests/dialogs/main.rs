//! Protocol conversations as text, run against the bare sessions.

mod pop3;
