//! The status page and the JSON API.
//!
//! ```text
//! browser ── TLS ──► front (our limits) ──► control.sock ──► tiny_http ──► access ──► pages, api
//! command line ───────────────────────────► control.sock ──► tiny_http ─────────────► api
//! ```
//!
//! One server for both: who reaches the socket in the data directory (mode 0600) is trusted as the owner of the data;
//! what comes through the front carries its peer's address and gets what its session may (`access`, `sessions`).
//! The command line calls [`Api`] directly where no program runs.
//!
//! Never: touches tables of the store, or trusts tiny_http with a byte from the network that the front has not measured.

mod access;
mod api;
mod control;
mod exchange;
mod front;
mod head;
mod pages;
mod provider;
mod redirect;
mod sessions;
pub mod settings;

pub use api::{Api, Caller, OWNER, Request, Response, encoded};
pub use control::{Control, control_path};
pub use front::{Front, Limits, run as front};
pub use sessions::Sessions;
