//! Recipient → destinations. Pure; works on a configuration snapshot and its lookup tables (spec connectors-and-smtp §7).
//!
//! In order: the default domain is added to a bare local part; aliases, which stand for all users who have them and may
//! lie outside the local domains; a user's name at a local domain; the names that always lead to somebody; unknown at a
//! local domain; outgoing. A full address and a bare alias both count, and an alias comes before a user of the same name
//! (spec §7.3: it replaces the implied address).

mod headers;

use crate::config::{Config, User};
use crate::mail::{Address, Recipient};

pub use crate::rules::pattern::matches;
pub use headers::{Found, by_headers};

/// Where one copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A user's inbox. `original` is the recipient that led here; `reason` its letter in X-VPOP3-RCPTTYPE.
    Mailbox { user: u32, original: Address, reason: char },
    /// Out, through a sender, or to the LAN server the recipient names.
    Outgoing(Recipient),
    /// Nowhere: it answers a question of ours, whether a message is to be downloaded.
    Answer { question: u128 },
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

/// The recipient's own name.
pub const DIRECT: char = 'D';
/// By an alias, or by a name that always leads to the main administrator.
pub const MAPPED: char = 'M';

/// Local parts that lead to the main administrator where no user or alias has them: RFC 5321 §4.5.1, RFC 2142 §4, and
/// the box's own sender name.
const ALWAYS_SOMEBODY: [&str; 4] = ["postmaster", "abuse", "mailer-daemon", "mailer_daemon"];

/// Spec connectors-and-smtp §7.2: default domain, aliases, users at local domains, unknown, outgoing.
/// `postmaster` always leads to somebody (RFC 5321 §4.5.1): a user or alias of that name, else the main administrator.
pub fn resolve(config: &Config, recipient: Recipient) -> Resolution {
    let address = recipient.address.or_domain(&config.general.default_domain);
    let local = config.is_local(&address) || is_for_this_host(config, &address);
    let destinations = if local { here(config, &address) } else { by_full_address(config, &address) };
    match (destinations.is_empty(), local) {
        (false, _) => Resolution::Local(destinations),
        (true, true) => Resolution::Unknown,
        (true, false) => Resolution::Outgoing(Recipient { address, ..recipient }),
    }
}

/// A user's name or an address, as a collector's target gives it. `None`: nobody's.
pub fn target(config: &Config, text: &str) -> Option<Vec<Destination>> {
    let text = text.trim();
    if let Some(user) = config.user_named(text) {
        let original = Address::parse(&user.name).ok()?.or_domain(&config.general.default_domain);
        return user.enabled.then(|| vec![mailbox(user, &original, DIRECT)]);
    }
    match resolve(config, Recipient::new(Address::parse(text).ok()?)) {
        Resolution::Local(destinations) => Some(destinations),
        Resolution::Outgoing(recipient) => Some(vec![Destination::Outgoing(recipient)]),
        Resolution::Unknown => None,
    }
}

/// Where an address leads whose domain counts as local. Empty: nobody's.
fn here(config: &Config, address: &Address) -> Vec<Destination> {
    let mut destinations = by_full_address(config, address);
    for user in config.users_with_alias(address.local()) {
        add(&mut destinations, mailbox(user, address, MAPPED));
    }
    if !destinations.is_empty() {
        return destinations;
    }
    if let Some(user) = config.user_named(address.local()).filter(|user| user.enabled) {
        return vec![mailbox(user, address, DIRECT)];
    }
    let administrator = config.main_administrator().filter(|_| is_always_somebody(address));
    administrator.map(|user| mailbox(user, address, MAPPED)).into_iter().collect()
}

fn by_full_address(config: &Config, address: &Address) -> Vec<Destination> {
    config.users_with_address(address).map(|user| mailbox(user, address, MAPPED)).collect()
}

fn mailbox(user: &User, original: &Address, reason: char) -> Destination {
    Destination::Mailbox { user: user.id, original: original.clone(), reason }
}

/// Adds a mailbox unless its user has a copy already.
fn add(destinations: &mut Vec<Destination>, new: Destination) {
    let user_of = |destination: &Destination| match destination {
        Destination::Mailbox { user, .. } => Some(*user),
        Destination::Outgoing(_) | Destination::Answer { .. } => None,
    };
    if !destinations.iter().any(|old| user_of(old).is_some() && user_of(old) == user_of(&new)) {
        destinations.push(new);
    }
}

fn is_always_somebody(address: &Address) -> bool {
    ALWAYS_SOMEBODY.iter().any(|name| name.eq_ignore_ascii_case(address.local()))
}

/// The names that always lead to somebody do so also at the box's own host name, and at an address literal: nobody can
/// mean another host's postmaster with one and hand the mail to us.
fn is_for_this_host(config: &Config, address: &Address) -> bool {
    is_always_somebody(address)
        && (address.domain().starts_with('[') || address.domain().eq_ignore_ascii_case(&config.general.host_name))
}

#[cfg(test)]
mod tests;
