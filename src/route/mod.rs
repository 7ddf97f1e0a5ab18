//! Recipient → destinations. Pure; works on a configuration snapshot.

use crate::config::Config;
use crate::mail::{Address, Recipient};

/// Where one copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A user's inbox. `original` is the recipient that led here; `reason` its letter in X-VPOP3-RCPTTYPE.
    Mailbox { user: u32, original: Address, reason: char },
    /// Out, through a sender.
    Outgoing(Recipient),
}

/// What a recipient address is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Local, with where it leads (never empty).
    Local(Vec<Destination>),
    /// At a local domain, but nobody's.
    Unknown,
    /// Not ours.
    Outgoing(Recipient),
}

/// Spec connectors-and-smtp §7.2: default domain, aliases, users at local domains, unknown, outgoing.
/// `postmaster` is always the main administrator (RFC 5321 §4.5.1).
pub fn resolve(_config: &Config, _recipient: Recipient) -> Resolution {
    unimplemented!()
}

/// A user's name or an address, as a collector's target gives it.
pub fn target(_config: &Config, _text: &str) -> Option<Vec<Destination>> {
    unimplemented!()
}

/// Recipients named in the headers of a collected mail (spec §4.5): addresses of To, Cc, Received (`for`), Apparently-To
/// and Resent-* that match `accepted_domains` and resolve to somebody here. `header` is the header block.
pub fn by_headers(_config: &Config, _accepted_domains: &[String], _header: &[u8]) -> Vec<Destination> {
    unimplemented!()
}

/// Whether `text` matches a pattern with `*` and `?`, without regard to case.
pub fn matches(_pattern: &str, _text: &str) -> bool {
    unimplemented!()
}
