//! Whom a collected message is for, by the collector's routing method (spec connectors-and-smtp §4.5, §4.6).

use std::collections::HashSet;

use mail_parser::{HeaderName, HeaderValue, MessageParser};

use super::job::{Job, Routing};
use crate::config::{RoutingHeader, RoutingOptions};
use crate::mail::Address;
use crate::route::{Destination, Found};

/// Most addresses looked at in one mail; a header of thousands is spam, and each costs a lookup.
const MAX_ADDRESSES: usize = 10_000;
/// Accepted addresses that are nobody's: as many are named in a bounce.
const MAX_UNKNOWN: usize = 20;

/// What a header says.
#[derive(Debug, Default)]
pub(super) struct Recipients {
    pub found: Found,
    /// Accepted addresses that are nobody's.
    pub unknown: Vec<Address>,
}

impl Recipients {
    /// Of the message with this header block.
    pub fn of(job: &Job, header: &[u8]) -> Recipients {
        match &job.routing {
            Routing::To(destinations) => {
                let found = Found { destinations: destinations.clone(), valid: 1, ..Found::default() };
                Recipients { found, unknown: Vec::new() }
            }
            Routing::ByHeaders(accepted) => by_headers(job, accepted, header),
        }
    }

    /// As names and addresses, for those who are written to about the message.
    pub fn names(&self, job: &Job) -> Vec<String> {
        let mut names = Vec::new();
        for destination in &self.found.destinations {
            let name = match destination {
                Destination::Mailbox { user, .. } => job.config.user(*user).map(|user| user.name.clone()),
                Destination::Outgoing(recipient) => Some(recipient.address.to_string()),
                Destination::Answer { .. } => None,
            };
            names.extend(name.filter(|name| !names.contains(name)));
        }
        names
    }
}

fn by_headers(job: &Job, accepted: &[String], header: &[u8]) -> Recipients {
    let options = &job.collector.routing_options;
    let mut recipients = Recipients::default();
    let mut seen = HashSet::new();
    let named = standard(options, header).into_iter();
    for address in named.take(MAX_ADDRESSES) {
        let Ok(address) = Address::parse(address.trim()) else { continue };
        if !seen.insert(address.as_str().to_lowercase()) {
            continue;
        }
        let invalid = recipients.found.invalid;
        recipients.found.add(&job.config, accepted, !options.disable_default_mappings, &address);
        if recipients.found.invalid > invalid && recipients.unknown.len() < MAX_UNKNOWN {
            recipients.unknown.push(address);
        }
    }
    recipients
}

/// Addresses in the standard headers that the options name, in the order of the header.
fn standard(options: &RoutingOptions, header: &[u8]) -> Vec<String> {
    let mut parser = MessageParser::new();
    for name in &options.headers {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_headers_that_are_set_are_looked_at() {
        let header = b"Received: from a by b for <r@a.example>; Sun, 22 Nov 2026 09:00:00 +0100\r\nTo: t@a.example\r\n\
            Cc: c@a.example\r\nApparently-To: p@a.example\r\nResent-To: s@a.example\r\nResent-Cc: d@a.example\r\n\
            Bcc: b@a.example\r\n\r\n";
        let all = ["r@a.example", "t@a.example", "c@a.example", "p@a.example", "s@a.example", "d@a.example"];
        assert_eq!(standard(&RoutingOptions::default(), header), all);
        let only = |name| standard(&RoutingOptions { headers: vec![name], ..RoutingOptions::default() }, header);
        assert_eq!(only(RoutingHeader::Received), ["r@a.example"]);
        assert_eq!(only(RoutingHeader::ApparentlyTo), ["p@a.example"]);
        assert_eq!(only(RoutingHeader::ResentCc), ["d@a.example"]);
    }
}
