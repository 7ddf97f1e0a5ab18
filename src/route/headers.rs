//! Recipients from the headers of a collected mail: for catch-all mailboxes, whose envelope is lost (spec §4.5).

use mail_parser::{HeaderName, HeaderValue, MessageParser};

use super::{Destination, Origin, Search, matches};
use crate::config::{Config, RoutingHeader};
use crate::mail::{Address, Recipient};

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

/// What stands in these of a mail's headers in the place of an address (spec §4.5), in the order of the header block. Of
/// Received, what it says after "for".
pub fn named_in(headers: &[RoutingHeader], header: &[u8]) -> Vec<String> {
    if headers.is_empty() {
        // A parser that is told of no header reads all it knows.
        return Vec::new();
    }
    let mut parser = MessageParser::new();
    for name in headers {
        parser = match name {
            RoutingHeader::To => parser.header_address(HeaderName::To),
            RoutingHeader::Cc => parser.header_address(HeaderName::Cc),
            RoutingHeader::Received => parser.header_received(HeaderName::Received),
            RoutingHeader::ApparentlyTo => parser.header_address("Apparently-To"),
            RoutingHeader::ResentTo => parser.header_address(HeaderName::ResentTo),
            RoutingHeader::ResentCc => parser.header_address(HeaderName::ResentCc),
        };
    }
    let Some(message) = parser.default_header_ignore().parse_headers(header) else { return Vec::new() };
    let mut all = Vec::new();
    for header in message.headers() {
        match &header.value {
            HeaderValue::Address(list) => all.extend(list.iter().filter_map(|entry| entry.address()).map(String::from)),
            HeaderValue::Received(received) => all.extend(received.for_().map(String::from)),
            _ => {}
        }
    }
    all
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
