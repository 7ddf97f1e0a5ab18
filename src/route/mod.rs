//! Recipient → destinations. Pure; works on a configuration snapshot and its lookup tables (spec connectors-and-smtp §7).
//!
//! The order is that of docs/design/routing.md: default domain, mappings and aliases (exact ones, else those with `*` and
//! `?`), the user of that name, LAN forwarding rules, mappings and rules for `~@domain`, the names that always lead to
//! somebody; what is left is unknown at a local domain and outgoing elsewhere.

mod explain;
mod headers;
mod search;

use crate::config::{Config, MappingType, User};
use crate::mail::{Address, Recipient};
use crate::rules::LanTarget;
use search::Search;

pub use crate::rules::pattern::matches;
pub use explain::{Explanation, explain};
pub use headers::{Found, collected, named_in};

/// Where one copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A user's inbox. `original` is the recipient that led here; `reason` its letter in X-VPOP3-RCPTTYPE.
    Mailbox { user: u32, original: Address, reason: char },
    /// Out, through a sender, or to the LAN server the recipient names.
    Outgoing(Recipient),
    /// Nowhere: it answers a question of ours, whether a message is to be downloaded.
    Answer { question: u128 },
    /// Taken and thrown away (`No-one`). Holds the recipient that led here.
    Nowhere(Address),
}

/// What a recipient address is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Where it leads (never empty); whoever sends to it needs no right to send out.
    Local(Vec<Destination>),
    /// At a local domain, but nobody's.
    Unknown,
    /// Mapped to `*REMOTE`, and the mail comes from outside: neither delivered nor a mistake.
    Remote(Address),
    /// Not ours.
    Outgoing(Recipient),
}

/// Where a mail comes from, as far as routing cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Of the office's own people, or of the box itself.
    Office,
    /// By SMTP, of anybody else.
    Outside,
    /// Collected by POP3.
    Collected,
}

impl Origin {
    fn is_meant_by(self, mail: MappingType) -> bool {
        match mail {
            MappingType::All => true,
            MappingType::Local => self == Origin::Office,
            MappingType::Smtp => self == Origin::Outside,
            MappingType::Pop3 => self == Origin::Collected,
        }
    }
}

/// The recipient's own name.
pub const DIRECT: char = 'D';
/// By an alias, a mapping, or a name that always leads to the main administrator.
pub const MAPPED: char = 'M';
/// An error message, or a mail that went astray.
pub const ERROR: char = 'E';

/// Spec connectors-and-smtp §7.2. `postmaster` always leads to somebody (RFC 5321 §4.5.1): what is mapped to it, a user of
/// that name, else the main administrator.
pub fn resolve(config: &Config, origin: Origin, recipient: Recipient) -> Resolution {
    let address = recipient.address.or_domain(&config.general.default_domain);
    let recipient = Recipient { address, ..recipient };
    let ours = is_ours(config, &recipient.address);
    let implied = !config.general.disable_default_mappings;
    let mut search = Search::new(config, origin, &recipient, implied);
    let step = search.run(ours);
    match step {
        None if ours => Resolution::Unknown,
        None => Resolution::Outgoing(recipient),
        Some(_) if !search.found.is_empty() => Resolution::Local(search.found),
        Some(_) if search.remote => Resolution::Remote(recipient.address),
        Some(_) => Resolution::Unknown,
    }
}

/// A user's name, an address, or `SMTP:address@server`, as a collector's target gives it. `None`: nobody's.
pub fn target(config: &Config, text: &str) -> Option<Vec<Destination>> {
    let text = text.trim();
    if let Some(user) = config.user_named(text) {
        let original = Address::parse(&user.name).ok()?.or_domain(&config.general.default_domain);
        return user.enabled.then(|| vec![mailbox(user, &original, DIRECT)]);
    }
    if let Ok(LanTarget { address, server, .. }) = LanTarget::parse(text) {
        return Some(vec![Destination::Outgoing(Recipient { lan: Some(Box::new(server)), ..Recipient::new(address) })]);
    }
    match resolve(config, Origin::Office, Recipient::new(Address::parse(text).ok()?)) {
        Resolution::Local(destinations) => Some(destinations),
        Resolution::Outgoing(recipient) => Some(vec![Destination::Outgoing(recipient)]),
        Resolution::Unknown | Resolution::Remote(_) => None,
    }
}

/// The same destinations, marked as those of an error message (letter E).
pub fn as_error(mut destinations: Vec<Destination>) -> Vec<Destination> {
    for destination in &mut destinations {
        if let Destination::Mailbox { reason, .. } = destination {
            *reason = ERROR;
        }
    }
    destinations
}

/// The enabled user whose address this is: his own at a local domain, or an alias. A guess at who sends, where nobody has
/// logged in.
pub fn user_of<'a>(config: &'a Config, address: &Address) -> Option<&'a User> {
    let recipient = Recipient::new(address.clone().or_domain(&config.general.default_domain));
    let ours = is_ours(config, &recipient.address);
    let named = config.user_named(recipient.address.local()).filter(|user| ours && user.enabled);
    if named.is_some() {
        return named;
    }
    let mut search = Search::new(config, Origin::Office, &recipient, true);
    search.run(ours);
    match search.found.as_slice() {
        [Destination::Mailbox { user, .. }] => config.user(*user),
        _ => None,
    }
}

/// The address as the world writes it: with the external domain where the office's own is mapped to one.
pub fn outward(config: &Config, address: Address) -> Address {
    match config.external_domain(address.domain()) {
        Some(domain) => Address::parse(&format!("{}@{domain}", address.local())).unwrap_or(address),
        None => address,
    }
}

/// Whether bare names count at the address's domain, which may be the external one of the domain mappings.
fn is_ours(config: &Config, address: &Address) -> bool {
    let inside = || {
        let domain = config.internal_domain(address.domain())?;
        Address::parse(&format!("{}@{domain}", address.local())).ok()
    };
    config.is_local(address) || inside().is_some_and(|inside| config.is_local(&inside))
}

fn mailbox(user: &User, original: &Address, reason: char) -> Destination {
    Destination::Mailbox { user: user.id, original: original.clone(), reason }
}

#[cfg(test)]
mod mapping_tests;
#[cfg(test)]
mod tests;
