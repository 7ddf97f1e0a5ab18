//! The messages of a mailbox as one session sees them, from login to QUIT.
//!
//! Numbers are given at login and stay (RFC 1939 §5), whatever arrives or is marked meanwhile.

use super::number;

/// A long listing is written in pieces of about this size, so that it needs no memory to speak of.
const PIECE: usize = 32 * 1024;

/// One message. `name` and `note` are the shell's, the session only hands them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Never used again in this mailbox.
    pub uid: u32,
    pub note: u32,
    pub name: u64,
    /// Bytes, before dot-stuffing.
    pub size: u64,
}

/// The messages of a mailbox and which of them are marked deleted.
#[derive(Debug, Default)]
pub struct Maildrop {
    owner: u32,
    messages: Vec<Message>,
    /// A bit a message; empty as long as nothing was ever marked.
    marks: Vec<u64>,
    left: u64,
    left_size: u64,
}

/// A listing that is being written: from message number `next` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listing {
    kind: Kind,
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sizes,
    UniqueIds,
}

impl Listing {
    pub(super) fn new(kind: Kind) -> Listing {
        Listing { kind, next: 0 }
    }
}

impl Maildrop {
    /// `owner` makes unique ids unique over all mailboxes of the box.
    pub fn new(owner: u32, messages: Vec<Message>) -> Maildrop {
        let left = messages.len() as u64;
        let left_size = messages.iter().map(|message| message.size).sum();
        Maildrop { owner, messages, marks: Vec::new(), left, left_size }
    }

    /// Number and bytes of the messages that are not marked.
    pub(super) fn total(&self) -> (u64, u64) {
        (self.left, self.left_size)
    }

    /// The message with this number, from 1, if it is not marked.
    pub(super) fn message(&self, number: u32) -> Option<Message> {
        let place = place(number)?;
        let message = self.messages.get(place)?;
        (!self.is_marked(place)).then_some(*message)
    }

    /// `false` when there is no such message, or it is marked already.
    pub(super) fn mark(&mut self, number: u32) -> bool {
        let (Some(place), Some(message)) = (place(number), self.message(number)) else { return false };
        if self.marks.is_empty() {
            self.marks.resize(self.messages.len().div_ceil(64), 0);
        }
        let Some(word) = self.marks.get_mut(place / 64) else { return false };
        *word |= 1 << (place % 64);
        self.left -= 1;
        self.left_size -= message.size;
        true
    }

    pub(super) fn unmark_all(&mut self) {
        self.marks = Vec::new();
        self.left = self.messages.len() as u64;
        self.left_size = self.messages.iter().map(|message| message.size).sum();
    }

    pub(super) fn has_marks(&self) -> bool {
        self.left < self.messages.len() as u64
    }

    /// UIDs of the marked messages.
    pub(super) fn deleted(&self) -> Vec<u32> {
        let marked = self.messages.iter().enumerate().filter(|(place, _)| self.is_marked(*place));
        marked.map(|(_, message)| message.uid).collect()
    }

    /// One line of a listing, without the first word.
    pub(super) fn write_line(&self, kind: Kind, number: u64, message: &Message, out: &mut Vec<u8>) {
        number::decimal(number, out);
        out.push(b' ');
        match kind {
            Kind::Sizes => number::decimal(message.size, out),
            Kind::UniqueIds => {
                number::hex(self.owner, out);
                number::hex(message.uid, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Writes a piece of a listing; gives what is left of it, `None` at the end.
    pub(super) fn write_listing(&self, listing: Listing, out: &mut Vec<u8>) -> Option<Listing> {
        let full = out.len() + PIECE;
        for (place, message) in self.messages.iter().enumerate().skip(listing.next) {
            if self.is_marked(place) {
                continue;
            }
            if out.len() >= full {
                return Some(Listing { next: place, ..listing });
            }
            self.write_line(listing.kind, place as u64 + 1, message, out);
        }
        out.extend_from_slice(b".\r\n");
        None
    }

    fn is_marked(&self, place: usize) -> bool {
        self.marks.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

fn place(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}
