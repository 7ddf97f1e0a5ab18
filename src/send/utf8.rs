//! What of a mail needs SMTPUTF8 (RFC 6531), and what can do without.

use std::sync::Arc;

use crate::mail::Address;
use crate::proto::smtp::client::Content;
use crate::store::QueueEntry;

/// The entry with the addresses of a transaction in ASCII, as far as they have such a form.
pub fn in_ascii(entry: Arc<QueueEntry>, places: &[u32]) -> Arc<QueueEntry> {
    if addresses(&entry, places).all(Address::is_ascii) {
        return entry;
    }
    let mut ascii = QueueEntry::clone(&entry);
    let recipients = ascii.recipients.iter_mut().map(|recipient| &mut recipient.address);
    for address in ascii.return_path.iter_mut().chain(recipients) {
        if let Some(form) = address.to_ascii() {
            *address = form;
        }
    }
    Arc::new(ascii)
}

fn addresses<'a>(entry: &'a QueueEntry, places: &'a [u32]) -> impl Iterator<Item = &'a Address> {
    let recipients = places.iter().filter_map(|&place| entry.recipients.get(usize::try_from(place).ok()?));
    entry.return_path.iter().chain(recipients.map(|recipient| &recipient.address))
}

/// A mail marked SMTPUTF8 may go to a server without it as long as nothing in it needs it.
pub fn needs_utf8(entry: &QueueEntry, places: &[u32], offered: bool, content: &Content) -> bool {
    if !addresses(entry, places).all(Address::is_ascii) {
        return true;
    }
    entry.smtputf8
        && (offered
            || match content {
                Content::Whole(body) => {
                    let end = memchr::memmem::find(body, b"\r\n\r\n").unwrap_or(body.len());
                    !body.get(..end).unwrap_or_default().is_ascii()
                }
                Content::Pieces => true,
            })
}
