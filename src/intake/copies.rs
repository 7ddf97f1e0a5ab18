//! Destinations sorted out: one copy a mailbox, one queue recipient an address.

use crate::mail::{Address, Recipient};
use crate::route::Destination;

/// All ways that led to one mailbox.
pub(super) struct Copy {
    pub user: u32,
    /// Letters, each once, in order of appearance.
    pub reasons: String,
    pub originals: Vec<Address>,
}

/// Most original recipients written on one copy.
const MAX_ORIGINALS: usize = 100;

/// One copy a mailbox, one entry an outgoing address.
pub(super) fn sort_out(destinations: Vec<Destination>) -> (Vec<Copy>, Vec<Recipient>) {
    let mut copies: Vec<Copy> = Vec::new();
    let mut recipients: Vec<Recipient> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for destination in destinations {
        match destination {
            Destination::Mailbox { user, original, reason } => {
                let at = copies.iter().position(|copy| copy.user == user).unwrap_or_else(|| {
                    copies.push(Copy { user, reasons: String::new(), originals: Vec::new() });
                    copies.len() - 1
                });
                let Some(copy) = copies.get_mut(at) else { continue };
                if !copy.reasons.contains(reason) {
                    copy.reasons.push(reason);
                }
                if copy.originals.len() < MAX_ORIGINALS && !copy.originals.contains(&original) {
                    copy.originals.push(original);
                }
            }
            Destination::Outgoing(recipient) => {
                if known.insert((recipient.address.clone(), recipient.lan.clone())) {
                    recipients.push(recipient);
                }
            }
            Destination::Answer { .. } | Destination::Nowhere(_) => {}
        }
    }
    (copies, recipients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn one_copy_a_mailbox_and_one_entry_an_address() {
        let mailbox = |user, original: &str, reason| Destination::Mailbox { user, original: address(original), reason };
        let out = |to: &str| Destination::Outgoing(Recipient::new(address(to)));
        let (copies, recipients) = sort_out(vec![
            mailbox(1, "bob@a.example", 'D'),
            out("x@b.example"),
            mailbox(2, "eve@a.example", 'D'),
            mailbox(1, "sales@a.example", 'M'),
            mailbox(1, "bob@a.example", 'D'),
            out("x@b.example"),
        ]);
        assert_eq!(recipients.len(), 1);
        assert_eq!(copies.len(), 2);
        assert_eq!((copies[0].user, copies[0].reasons.as_str()), (1, "DM"));
        assert_eq!(copies[0].originals, [address("bob@a.example"), address("sales@a.example")]);
    }
}
