//! What the provider says it has: message numbers with sizes and unique-ids, as UIDL and LIST gave them.
//!
//! Lists may lie. A number out of range or beyond the bounds is left out, and the listing is then not complete; a number that
//! is given two unique-ids has none; a size is an estimate, good for limits and windows, never for framing.

use std::collections::HashMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::proto::pop3::client::MAX_UID;

/// Highest message number that is looked at; the rest of a larger mailbox comes in later runs.
pub(super) const MAX_MESSAGES: u32 = 1_000_000;
/// Unique-ids are kept up to this many bytes together.
const MAX_UID_BYTES: usize = 32 * 1024 * 1024;

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    listed: bool,
    /// Named with two different unique-ids.
    torn: bool,
    size: Option<u64>,
    /// Place in `uids`; no unique-id where the length is 0.
    uid_at: u32,
    uid_len: u16,
}

#[derive(Debug, Default)]
pub(super) struct Listing {
    /// By number less one.
    rows: Vec<Row>,
    uids: Vec<u8>,
    cut: bool,
    /// The server answered UIDL, and to the end.
    pub has_uids: bool,
}

/// A message at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed<'a> {
    pub number: u32,
    pub size: Option<u64>,
    /// The unique-id, where there is one that names this message alone.
    pub key: Option<&'a str>,
}

impl Listing {
    pub fn size(&mut self, number: u32, size: u64) {
        if let Some(row) = self.row(number) {
            row.size.get_or_insert(size);
        }
    }

    pub fn uid(&mut self, number: u32, uid: &[u8]) {
        let long;
        let uid = match std::str::from_utf8(uid) {
            Ok(text) if uid.len() <= MAX_UID => text.as_bytes(),
            _ => {
                long = hashed("uid", uid);
                long.as_bytes()
            }
        };
        let (at, length) = (self.uids.len(), uid.len());
        if at + length > MAX_UID_BYTES {
            self.cut = true;
            return;
        }
        let Some(row) = self.row(number) else { return };
        match (row.uid_at as usize, usize::from(row.uid_len)) {
            (_, 0) => (row.uid_at, row.uid_len) = (at as u32, length as u16),
            (old, old_length) => {
                let same = self.uids.get(old..old + old_length) == Some(uid);
                if !same && let Some(row) = self.row(number) {
                    row.torn = true;
                }
                return;
            }
        }
        self.uids.extend_from_slice(uid);
    }

    fn row(&mut self, number: u32) -> Option<&mut Row> {
        if number == 0 || number > MAX_MESSAGES {
            self.cut = true;
            return None;
        }
        let at = number as usize - 1;
        if at >= self.rows.len() {
            self.rows.resize(at + 1, Row::default());
        }
        let row = self.rows.get_mut(at)?;
        row.listed = true;
        Some(row)
    }

    /// Every message the provider has is in here with its unique-id, so that what is missing is gone.
    pub fn is_complete(&self) -> bool {
        self.has_uids && !self.cut && self.rows.iter().all(|row| !row.listed || (row.uid_len > 0 && !row.torn))
    }

    /// By number. A unique-id that stands at several messages names none of them: RFC 1939 allows it for copies of one
    /// message, broken servers give it to different ones.
    pub fn messages(&self) -> Vec<Listed<'_>> {
        let mut bearers: HashMap<&str, u32> = HashMap::new();
        for row in &self.rows {
            if let Some(uid) = self.uid_of(row) {
                *bearers.entry(uid).or_default() += 1;
            }
        }
        let listed = self.rows.iter().zip(1..).filter(|(row, _)| row.listed);
        listed
            .map(|(row, number)| {
                let key = self.uid_of(row).filter(|uid| bearers.get(uid) == Some(&1));
                Listed { number, size: row.size, key }
            })
            .collect()
    }

    fn uid_of(&self, row: &Row) -> Option<&str> {
        let at = row.uid_at as usize;
        let uid = self.uids.get(at..at + usize::from(row.uid_len))?;
        std::str::from_utf8(uid).ok().filter(|uid| !uid.is_empty() && !row.torn)
    }
}

/// Header lines that servers change while a message lies there.
const CHANGING: [&[u8]; 4] = [b"status:", b"x-status:", b"x-uidl:", b"x-keywords:"];
/// So much of a header goes into its hash.
pub(super) const HASHED_HEADER: usize = 64 * 1024;

/// Names a message that has no unique-id of its own by its header.
pub(super) fn header_key(header: &[u8]) -> String {
    let header = header.get(..HASHED_HEADER).unwrap_or(header);
    let mut kept = Vec::with_capacity(header.len());
    for line in header.split_inclusive(|&b| b == b'\n') {
        if line.trim_ascii_end().is_empty() {
            break;
        }
        let changes = CHANGING.iter().any(|name| line.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name)));
        if !changes {
            kept.extend_from_slice(line);
        }
    }
    hashed("header", &kept)
}

/// Begins with a space, so that no server's unique-id can be the same.
fn hashed(kind: &str, bytes: &[u8]) -> String {
    let mut key = format!(" {kind}:");
    for byte in Sha256::digest(bytes).iter().take(20) {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(listing: &Listing) -> Vec<(u32, Option<&str>)> {
        listing.messages().iter().map(|m| (m.number, m.key)).collect()
    }

    #[test]
    fn an_honest_list() {
        let mut listing = Listing { has_uids: true, ..Listing::default() };
        listing.uid(1, b"a");
        listing.uid(3, b"c");
        listing.size(3, 10);
        listing.size(1, 5);
        assert_eq!(keys(&listing), [(1, Some("a")), (3, Some("c"))]);
        assert!(listing.is_complete());
        assert_eq!(listing.messages()[1].size, Some(10));
    }

    #[test]
    fn lies_cost_the_name_not_the_message() {
        let mut listing = Listing { has_uids: true, ..Listing::default() };
        for (number, uid) in [(1, "same"), (2, "same"), (3, "x"), (3, "y"), (4, "z"), (4, "z"), (0, "n"), (9, "ok")] {
            listing.uid(number, uid.as_bytes());
        }
        listing.size(5, 1);
        listing.uid(u32::MAX, b"far");
        assert_eq!(keys(&listing), [(1, None), (2, None), (3, None), (4, Some("z")), (5, None), (9, Some("ok"))]);
        assert!(!listing.is_complete());
    }

    #[test]
    fn long_and_binary_unique_ids_are_hashed() {
        let mut listing = Listing::default();
        listing.uid(1, &[b'a'; 300]);
        listing.uid(2, &[0xff, 0xfe]);
        let messages = listing.messages();
        assert!(messages.iter().all(|m| m.key.is_some_and(|key| key.starts_with(" uid:") && key.len() < MAX_UID)));
        assert_ne!(messages[0].key, messages[1].key);
    }

    #[test]
    fn a_header_keeps_its_name_when_its_status_changes() {
        let before = header_key(b"From: a\r\nStatus: N\r\n\r\nbody");
        assert_eq!(before, header_key(b"From: a\r\nstatus: RO\r\nX-UIDL: 7\r\n"));
        assert_ne!(before, header_key(b"From: b\r\n\r\n"));
    }
}
