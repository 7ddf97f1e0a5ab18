//! Recipients from the headers of a collected mail: for catch-all mailboxes, whose envelope is lost (spec §4.5).

use mail_parser::{HeaderName, HeaderValue, MessageParser};

use super::{Destination, add, here, matches};
use crate::config::Config;
use crate::mail::Address;

/// Most addresses looked at in one mail; a header of thousands is spam, and each costs a lookup.
const MAX_ADDRESSES: usize = 10_000;

/// Recipients named in the headers of a collected mail (spec §4.5): addresses of To, Cc, Received (`for`), Apparently-To
/// and Resent-* that match `accepted_domains` and resolve to somebody here. `header` is the header block. In the order of
/// the header, one copy a user. An accepted domain counts as a local one; addresses elsewhere are not looked at.
pub fn by_headers(config: &Config, accepted_domains: &[String], header: &[u8]) -> Vec<Destination> {
    let parser = MessageParser::new()
        .header_address(HeaderName::To)
        .header_address(HeaderName::Cc)
        .header_address(HeaderName::ResentTo)
        .header_address(HeaderName::ResentCc)
        .header_address("Apparently-To")
        .header_received(HeaderName::Received)
        .default_header_ignore();
    let Some(message) = parser.parse_headers(header) else { return Vec::new() };
    let mut destinations = Vec::new();
    for address in message.headers().iter().flat_map(|header| addresses(&header.value)).take(MAX_ADDRESSES) {
        let Ok(address) = Address::parse(address.trim()) else { continue };
        if is_accepted(accepted_domains, &address) {
            for destination in here(config, &address) {
                add(&mut destinations, destination);
            }
        }
    }
    destinations
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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub destinations: Vec<Destination>,
    pub valid: u32,
    pub invalid: u32,
    pub remote: u32,
}

impl Found {
    pub fn is_lost(&self) -> bool {
        self.destinations.is_empty() && self.remote == 0
    }

    pub fn add(&mut self, config: &Config, accepted_domains: &[String], _implied: bool, address: &Address) {
        if !is_accepted(accepted_domains, address) {
            return;
        }
        let destinations = here(config, address);
        if destinations.is_empty() {
            self.invalid += 1
        } else {
            self.valid += 1
        }
        for destination in destinations {
            add(&mut self.destinations, destination);
        }
    }
}
