//! Whom a collected message is for, by the collector's routing method (spec connectors-and-smtp §4.5, §4.6).

use std::collections::HashSet;

use mail_parser::{HeaderName, MessageParser};

use super::job::{Job, Routing};
use crate::config::Config;
use crate::intake::question_at;
use crate::mail::{Address, Header};
use crate::route::{self, Destination, Found};
use crate::rules::SpecialHeader;

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
            Routing::ByHeaders { accepted_domains, special } => by_headers(job, accepted_domains, special, header),
            Routing::SingleAddress { address, otherwise } => {
                Recipients::named(by_names(&job.config, address, header), otherwise)
            }
            Routing::SubjectMarker { before, after, otherwise } => {
                Recipients::named(by_subject(&job.config, before, after, header), otherwise)
            }
        }
    }

    fn named(users: Vec<Destination>, otherwise: &[Destination]) -> Recipients {
        let destinations = if users.is_empty() { otherwise.to_vec() } else { users };
        Recipients { found: Found { destinations, valid: 1, ..Found::default() }, unknown: Vec::new() }
    }

    /// As names and addresses, for those who are written to about the message.
    pub fn names(&self, job: &Job) -> Vec<String> {
        let mut names = Vec::new();
        for destination in &self.found.destinations {
            let name = match destination {
                Destination::Mailbox { user, .. } => job.config.user(*user).map(|user| user.name.clone()),
                Destination::Outgoing(recipient) => Some(recipient.address.to_string()),
                Destination::Answer { .. } | Destination::Nowhere(_) => None,
            };
            names.extend(name.filter(|name| !names.contains(name)));
        }
        names
    }
}

/// Users whose names stand in front of the address that all share (spec §4.5).
fn by_names(config: &Config, address: &str, header: &[u8]) -> Vec<Destination> {
    let parser =
        MessageParser::new().header_address(HeaderName::To).header_address(HeaderName::Cc).default_header_ignore();
    let Some(message) = parser.parse_headers(header) else { return Vec::new() };
    let lists = message.headers().iter().filter_map(|header| header.value.as_address());
    let named = lists
        .flat_map(|list| list.iter())
        .take(MAX_ADDRESSES)
        .filter(|entry| entry.address().is_some_and(|found| found.trim().eq_ignore_ascii_case(address.trim())));
    let plain = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
    };
    let mut destinations = Vec::new();
    for name in named.filter_map(|entry| entry.name()).map(plain).filter(|name| !name.is_empty()) {
        // "Smith, Anna" is Anna Smith.
        let turned = name.split_once(' ').map(|(last, first)| format!("{first} {last}"));
        let fits = |text: &str| {
            let text = plain(text);
            text == name || Some(&text) == turned.as_ref()
        };
        let users = config.users.iter().filter(|user| user.enabled && (fits(&user.name) || fits(&user.full_name)));
        for user in users {
            destinations.extend(mailbox(config, &user.name));
        }
    }
    destinations
}

/// The user or alias that stands between two texts in the Subject. Never an address elsewhere: everybody can write a
/// Subject.
fn by_subject(config: &Config, before: &str, after: &str, header: &[u8]) -> Vec<Destination> {
    let parser = MessageParser::new().header_text(HeaderName::Subject).default_header_ignore();
    let message = parser.parse_headers(header);
    let subject = message.as_ref().and_then(|message| message.subject()).unwrap_or_default();
    let mut rest = subject;
    while let Some((_, behind)) = rest.split_once(before) {
        if let Some((name, _)) = behind.split_once(after) {
            let found = mailbox(config, name.trim());
            if !found.is_empty() {
                return found;
            }
        }
        rest = behind;
    }
    Vec::new()
}

/// The mailboxes that a bare name leads to.
fn mailbox(config: &Config, name: &str) -> Vec<Destination> {
    let bare = !name.contains(['@', ':', '*']);
    let found = bare.then(|| route::target(config, name)).flatten().unwrap_or_default();
    found.into_iter().filter(|destination| matches!(destination, Destination::Mailbox { .. })).collect()
}

fn by_headers(job: &Job, accepted: &[String], special: &[SpecialHeader], header: &[u8]) -> Recipients {
    let options = &job.collector.routing_options;
    let mut recipients = Recipients::default();
    let mut seen = HashSet::new();
    let fields = Header::of(header);
    let special = special
        .iter()
        .flat_map(|special| fields.all(special.name()).filter_map(|field| special.find(&field.unfolded())));
    for address in special.chain(route::named_in(&options.headers, header)).take(MAX_ADDRESSES) {
        let Ok(address) = Address::parse(address.trim()) else { continue };
        if !seen.insert(address.as_str().to_lowercase()) {
            continue;
        }
        if let Some(question) = question_at(&job.config, &address)
            && matches!(job.services.intake.store.asked(question), Ok(Some(_)))
        {
            // The answer of somebody whose mail comes back this way.
            recipients.found.valid += 1;
            recipients.found.destinations.push(Destination::Answer { question });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn office() -> Config {
        use crate::config::User;
        let user = |id, name: &str, full: &str| User {
            id,
            name: name.into(),
            full_name: full.into(),
            aliases: vec![format!("team{id}")],
            ..User::default()
        };
        let mut config = Config { users: vec![user(1, "anna", "Anna Smith"), user(2, "bob", "")], ..Config::default() };
        config.general.default_domain = "office.example".into();
        config
    }

    fn users(destinations: Vec<Destination>) -> Vec<u32> {
        let user = |destination| match destination {
            Destination::Mailbox { user, .. } => user,
            other => panic!("{other:?}"),
        };
        destinations.into_iter().map(user).collect()
    }

    #[test]
    fn names_in_front_of_one_address() {
        for (header, expected) in [
            ("To: Anna Smith <us@isp.example>, Other <x@far.example>", vec![1]),
            ("To: \"Smith, Anna\" <US@isp.example>\r\nCc: Bob <us@isp.example>", vec![1, 2]),
            ("To: us@isp.example", vec![]),
            ("To: Bob <x@far.example>", vec![]),
            ("To: Carl <us@isp.example>", vec![]),
            ("To: =?utf-8?q?anna?= <us@isp.example>", vec![1]),
        ] {
            let found = by_names(&office(), "us@isp.example", format!("{header}\r\n\r\n").as_bytes());
            assert_eq!(users(found), expected, "{header}");
        }
    }

    #[test]
    fn a_marker_in_the_subject() {
        for (subject, expected) in [
            ("[bob] hello", vec![2]),
            ("Re: [list] [ Anna ] x", vec![1]),
            ("[team2]", vec![2]),
            ("[bob", vec![]),
            ("[evil@far.example] x", vec![]),
            ("no marker", vec![]),
            ("=?utf-8?q?=5Bbob=5D?=", vec![2]),
        ] {
            let found = by_subject(&office(), "[", "]", format!("Subject: {subject}\r\n\r\n").as_bytes());
            assert_eq!(users(found), expected, "{subject}");
        }
    }
}
