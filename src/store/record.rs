//! The framing of the log: one record is one commit.
//!
//! ```text
//!  0        4        8                16               24       28       32
//!  ├ check ─┼ length ┼──── sequence ──┼──── flushed ───┼ before ┼ crc ───┼ version, changes … ┤ padding to 8
//! ```
//!
//! * `check` covers the header, `crc` the payload (both CRC32C), `length` is the payload's.
//! * `sequence` goes up by one with each record, for the whole life of the data.
//! * `flushed` is the last sequence known to be on disk when this record was written: a log that ends before it is
//!   damaged, a log that ends after it was torn by a crash and loses nothing that was acknowledged.
//! * `before` is the `check` of the record before: what an earlier lap or an unfinished write left behind never
//!   continues the chain.
//!
//! All numbers are little-endian.

use crate::mail::Address;
use crate::mail::address::MAX_ADDRESS;

use super::change::Change;
use super::error::StoreError;
use super::rows::{Task, TaskKind};

pub(super) const HEADER: usize = 32;
/// A block that was flushed is never written again: the first record after a flush starts a new one.
pub(super) const BLOCK: u64 = 4096;
const ALIGN: usize = 8;
/// Version of the payload.
const FORMAT: u8 = 1;

/// A commit encoded by its caller's thread; the writer seals it with the header.
pub(super) struct Frame {
    payload: Vec<u8>,
    crc: u32,
}

/// What the writer knows about the place of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub sequence: u64,
    pub flushed: u64,
    pub before: u32,
}

/// A record read back, both checksums right.
pub(super) struct Record<'a> {
    pub place: Place,
    pub check: u32,
    payload: &'a [u8],
}

impl Frame {
    /// Refuses what could not be read back: a record that does not decode would be damage at the next start.
    pub(super) fn encode(changes: &[Change]) -> Result<Frame, StoreError> {
        if let Some(address) = changes.iter().find_map(overlong) {
            return Err(StoreError::Damaged(format!("the address {address} is too long to be stored")));
        }
        let mut payload = Vec::with_capacity(estimate(changes));
        payload.push(FORMAT);
        let payload = postcard::to_extend(changes, payload)
            .map_err(|error| StoreError::Damaged(format!("a change that cannot be written: {error}")))?;
        let crc = crc32c::crc32c(&payload);
        Ok(Frame { payload, crc })
    }

    /// Bytes in the log.
    pub(super) fn len(&self) -> usize {
        padded(self.payload.len())
    }

    /// Appends the whole record to `out`; returns its `check`.
    pub(super) fn seal(&self, place: Place, out: &mut Vec<u8>) -> u32 {
        let mut header = [0; HEADER];
        header[4..8].copy_from_slice(&(self.payload.len() as u32).to_le_bytes());
        header[8..16].copy_from_slice(&place.sequence.to_le_bytes());
        header[16..24].copy_from_slice(&place.flushed.to_le_bytes());
        header[24..28].copy_from_slice(&place.before.to_le_bytes());
        header[28..32].copy_from_slice(&self.crc.to_le_bytes());
        let check = crc32c::crc32c(&header[4..]);
        header[..4].copy_from_slice(&check.to_le_bytes());
        let end = out.len() + self.len();
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.payload);
        out.resize(end, 0);
        check
    }
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`, `None` if there is no whole one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Record<'a>> {
        let (place, _) = Record::peek(bytes)?;
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let payload = rest.get(..word(header, 4) as usize)?;
        if word(header, 28) != crc32c::crc32c(payload) {
            return None;
        }
        Some(Record { place, check: word(header, 0), payload })
    }

    /// Place and length of the record whose header `bytes` begins with; the payload is not looked at.
    pub(super) fn peek(bytes: &[u8]) -> Option<(Place, usize)> {
        let (header, _) = bytes.split_first_chunk::<HEADER>()?;
        if word(header, 0) != crc32c::crc32c(&header[4..]) {
            return None;
        }
        let place = Place { sequence: long(header, 8), flushed: long(header, 16), before: word(header, 24) };
        Some((place, padded(word(header, 4) as usize)))
    }

    /// Bytes in the log.
    pub(super) fn len(&self) -> usize {
        padded(self.payload.len())
    }

    pub(super) fn changes(&self) -> Result<Vec<Change>, StoreError> {
        let damaged = |why: String| StoreError::Damaged(format!("record {} of the log: {why}", self.place.sequence));
        match self.payload.split_first() {
            Some((&FORMAT, changes)) => postcard::from_bytes(changes).map_err(|error| damaged(error.to_string())),
            Some((version, _)) => Err(damaged(format!("unknown version {version}"))),
            None => Err(damaged("empty".into())),
        }
    }
}

fn padded(payload: usize) -> usize {
    (HEADER + payload).next_multiple_of(ALIGN)
}

fn word(header: &[u8; HEADER], at: usize) -> u32 {
    header[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn long(header: &[u8; HEADER], at: usize) -> u64 {
    header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// An address that grew too long after it was read (by a default domain, say).
fn overlong(change: &Change) -> Option<&Address> {
    let too_long = |address: &&Address| address.as_str().len() > MAX_ADDRESS;
    match change {
        Change::AddMail(mail) => {
            let envelope = &mail.queue.as_ref()?.envelope;
            let recipients = envelope.recipients.iter().map(|recipient| &recipient.address);
            envelope.return_path.iter().chain(recipients).find(too_long)
        }
        Change::AddTask(Task { kind: TaskKind::DeliveryStatus { entry, .. }, .. }) => {
            let recipients = entry.recipients.iter().map(|recipient| &recipient.address);
            entry.return_path.iter().chain(recipients).find(too_long)
        }
        _ => None,
    }
}

/// Enough room for the usual commit, so that it is encoded without growing.
fn estimate(changes: &[Change]) -> usize {
    let body = |change: &Change| match change {
        Change::AddMail(mail) => mail.body.inline_len() + 512,
        Change::DeleteMessages { uids, .. } => 5 * uids.len(),
        Change::ScriptSaved(script) => script.text.len() + 256,
        _ => 256,
    };
    64 + changes.iter().map(body).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame::encode(&[Change::PutConfig { json: text.into() }]).unwrap()
    }

    #[test]
    fn what_was_sealed_is_read_back() {
        let place = Place { sequence: 7, flushed: 5, before: 0xdead_beef };
        let mut out = Vec::new();
        let check = frame("one").seal(place, &mut out);
        let record = Record::read(&out).unwrap();
        assert_eq!((record.place, record.check, record.len()), (place, check, out.len()));
        assert!(matches!(&record.changes().unwrap()[..], [Change::PutConfig { json }] if json == "one"));
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let mut out = Vec::new();
        let used = HEADER + frame("text").payload.len();
        frame("text").seal(Place { sequence: 1, flushed: 0, before: 0 }, &mut out);
        for at in 0..used {
            let mut garbled = out.clone();
            garbled[at] ^= 1;
            assert!(Record::read(&garbled).is_none(), "byte {at}");
        }
        assert!(Record::read(&out[..used - 1]).is_none());
    }

    #[test]
    fn zeros_are_no_record() {
        assert!(Record::read(&[0; 4096]).is_none());
    }
}
