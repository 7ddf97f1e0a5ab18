//! DNS messages as a stub resolver sees them (RFC 1035, RFC 2308, RFC 6891): a query as bytes, a response judged against
//! the question it should answer. Random ids come from the caller.
//!
//! Promises: a response counts only if id, opcode and question fit; only records reached from the question's name
//! through aliases are taken; names, texts and counts are bounded, so that no answer costs more than some KiB.

mod question;
mod response;

use std::net::IpAddr;

pub use question::{BadName, Question, reverse_name};
pub use response::{Failure, Judged};

/// Records of the wanted type taken from one answer; real ones have a dozen at most.
pub const MAX_RECORDS: usize = 64;
/// Longest text of one TXT record that is taken, bytes.
pub const MAX_TEXT: usize = 8192;
/// Aliases followed before a chain counts as a loop.
pub const MAX_ALIASES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    A,
    Aaaa,
    Mx,
    Txt,
    Ptr,
}

/// What a record says. Names are in lower case without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    Address(IpAddr),
    /// The host is empty for the null MX of RFC 7505, "this domain takes no mail".
    Mx {
        preference: u16,
        host: String,
    },
    /// The strings of one TXT record, joined.
    Text(String),
    /// Of a PTR record.
    Name(String),
}
