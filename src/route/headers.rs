//! Recipients from the headers of a collected mail: for catch-all mailboxes, whose envelope is lost (spec §4.5).

use std::collections::HashSet;

use mail_parser::{HeaderName, HeaderValue, MessageParser};

use super::{Destination, Origin, Search, matches};
use crate::config::Config;
use crate::mail::{Address, Recipient};

/// Most addresses looked at in one mail; a header of thousands is spam, and each costs a lookup.
const MAX_ADDRESSES: usize = 10_000;

/// What became of the addresses in a collected mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of the addresses; the same user several times where several addresses lead to him. Empty: the mail has
    /// gone astray.
    pub destinations: Vec<Destination>,
    /// Accepted addresses that lead somewhere.
    pub valid: u32,
    /// Accepted addresses that are nobody's.
    pub invalid: u32,
    /// Accepted addresses that are mapped to `*REMOTE`: nothing to do here, and no mistake.
    pub remote: u32,
}

impl Found {
    /// Whether the mail has gone astray: it leads nowhere, and none of its addresses is known to be elsewhere.
    pub fn is_lost(&self) -> bool {
        self.destinations.is_empty()
    }

    /// Adds what an address leads to, if it is an accepted one. `implied`: a user's own name counts without a mapping.
    pub fn add(&mut self, config: &Config, accepted_domains: &[String], implied: bool, address: &Address) {
        if !is_accepted(accepted_domains, address) {
            return;
        }
        let (destinations, remote) = collected(config, implied, address);
        match (destinations.is_empty(), remote) {
            (false, _) => self.valid += 1,
            (true, true) => {
                self.remote += 1;
                self.destinations.push(Destination::Nowhere(address.clone()));
            }
            (true, false) => self.invalid += 1,
        }
        self.destinations.extend(destinations);
    }
}

/// Where an accepted address of a collected mail leads, and whether a mapping to `*REMOTE` was found for it. An accepted
/// domain counts as a local one. `implied`: a user's own name counts without a mapping.
pub fn collected(config: &Config, implied: bool, address: &Address) -> (Vec<Destination>, bool) {
    let recipient = Recipient::new(address.clone());
    let mut search = Search::new(config, Origin::Collected, &recipient, implied);
    search.run(true);
    (search.found, search.remote)
}

/// Recipients named in the headers of a collected mail (spec §4.5): addresses of To, Cc, Received (`for`), Apparently-To
/// and Resent-* that match `accepted_domains`. `header` is the header block. Each address counts once.
pub fn by_headers(config: &Config, accepted_domains: &[String], implied: bool, header: &[u8]) -> Found {
    let parser = MessageParser::new()
        .header_address(HeaderName::To)
        .header_address(HeaderName::Cc)
        .header_address(HeaderName::ResentTo)
        .header_address(HeaderName::ResentCc)
        .header_address("Apparently-To")
        .header_received(HeaderName::Received)
        .default_header_ignore();
    let mut found = Found::default();
    let Some(message) = parser.parse_headers(header) else { return found };
    let mut seen = HashSet::new();
    for address in message.headers().iter().flat_map(|header| addresses(&header.value)).take(MAX_ADDRESSES) {
        let Ok(address) = Address::parse(address.trim()) else { continue };
        if seen.insert(address.as_str().to_lowercase()) {
            found.add(config, accepted_domains, implied, &address);
        }
    }
    found
}

fn addresses<'a>(value: &'a HeaderValue<'_>) -> Vec<&'a str> {
    match value {
        HeaderValue::Address(list) => list.iter().filter_map(|entry| entry.address()).collect(),
        HeaderValue::Received(received) => received.for_().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Entries are a domain, a full address, or either with wildcards. A leading @ is let through.
fn is_accepted(accepted_domains: &[String], address: &Address) -> bool {
    !address.domain().is_empty()
        && accepted_domains.iter().any(|entry| {
            let entry = entry.trim();
            let entry = entry.strip_prefix('@').unwrap_or(entry);
            let text = if entry.contains('@') { address.as_str() } else { address.domain() };
            matches(entry, text)
        })
}
