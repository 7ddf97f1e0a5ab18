//! Copies of one mail, as a catch-all mailbox holds them, one for each recipient (spec connectors-and-smtp §4.2).
//!
//! Each delivery leaves a mark: a hash of sender, named recipients, subject, date, Message-ID and of where the mail went. A
//! message whose deliveries are all marked already is a duplicate; of one that is for somebody else too, only that is
//! delivered. A mail without Message-ID or Date is never taken for a duplicate.
//!
//! Marks are kept among the seen unique-ids of the collector, in the commit of the mail, for [`KEPT`].

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::mail::Header;
use crate::route::Destination;

/// Begins a mark. No unique-id of a server begins with a space.
const PREFIX: &str = " copy:";
/// How long a mark counts, milliseconds.
pub(super) const KEPT: i64 = 14 * 86_400_000;

pub(super) fn is_mark(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// What its copies have in common; `None` where that would say too little.
pub(super) fn fingerprint(header: &[u8]) -> Option<Sha256> {
    let header = Header::of(header);
    let mut hash = Sha256::new();
    for (name, needed) in [("Message-ID", true), ("Date", true), ("From", false), ("To", false), ("Subject", false)] {
        let value = header.first(name).map(|field| field.unfolded()).unwrap_or_default();
        if needed && value.is_empty() {
            return None;
        }
        hash.update(&value);
        hash.update([0]);
    }
    Some(hash)
}

/// The mark of a delivery.
pub(super) fn mark(fingerprint: &Sha256, destination: &Destination) -> String {
    let hash = match destination {
        Destination::Mailbox { user, .. } => fingerprint.clone().chain_update(user.to_be_bytes()),
        Destination::Outgoing(recipient) => fingerprint.clone().chain_update(recipient.address.as_str()),
        Destination::Answer { question } => fingerprint.clone().chain_update(question.to_be_bytes()),
        Destination::Nowhere(original) => fingerprint.clone().chain_update("no one").chain_update(original.as_str()),
    };
    let mut mark = String::from(PREFIX);
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(mark, "{byte:02x}");
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Address, Recipient};

    fn to(address: &str) -> Destination {
        Destination::Outgoing(Recipient::new(Address::parse(address).unwrap()))
    }

    #[test]
    fn copies_have_one_mark_for_one_destination() {
        let copy = |trace: &str, subject: &str| {
            let header = format!(
                "Received: {trace}\r\nMessage-ID: <1@x>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0100\r\nSubject: {subject}\r\n\r\n"
            );
            fingerprint(header.as_bytes()).unwrap()
        };
        let first = mark(&copy("a", "s"), &to("a@x.example"));
        assert!(is_mark(&first));
        assert_eq!(first, mark(&copy("b", "s"), &to("a@x.example")));
        assert_ne!(first, mark(&copy("a", "s"), &to("b@x.example")));
        assert_ne!(first, mark(&copy("a", "t"), &to("a@x.example")));
    }

    #[test]
    fn what_says_too_little_is_no_duplicate() {
        assert!(fingerprint(b"Subject: s\r\nDate: today\r\n\r\n").is_none());
        assert!(fingerprint(b"Message-ID: <1@x>\r\n\r\n").is_none());
    }
}
