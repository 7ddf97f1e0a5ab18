//! Pillarbox: an office mail box in one program.
//!
//! A mail's way through the rooms, left to right (docs/flow.md has it on one page):
//!
//! ```text
//! serve, collect, notify ─► intake ─► route ─► store ─► mailboxes (serve::pop3) or queue (send)
//! ```
//!
//! Rooms stand on floors; a room imports only from lower floors. `tests/architecture.rs` holds the sources to it.

#![deny(unsafe_code)]

// Floor 1: languages and values, no I/O.
pub mod mail;
pub mod proto;
pub mod rules;

// Floor 2: what the rest stands on.
pub mod config;
pub mod net;
pub mod store;

// Floor 3: decisions, and what is going on now.
pub mod hooks;
pub mod live;
pub mod policy;
pub mod route;

// Floor 4: the one door in.
pub mod intake;

// Floor 5: services.
pub mod appliance;
pub mod collect;
pub mod connect;
pub mod notify;
pub mod send;
pub mod serve;
pub mod web;

// Floor 6: the program.
pub mod cli;
pub mod gateway;
