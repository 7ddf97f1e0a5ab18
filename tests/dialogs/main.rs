//! Protocol conversations as text, run against the bare sessions; those of SMTP also over real sockets.

mod pop3;
mod smtp;
