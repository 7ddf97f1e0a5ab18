//! What is known of a mail when a rule is asked.

use std::net::IpAddr;

use jiff::civil::DateTime;

use crate::mail::Header;

/// When the facts of a condition are known to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// At `MAIL FROM`.
    Sender,
    /// At each `RCPT TO`.
    Recipient,
    /// After the message.
    Message,
}

/// `None`: not known, or not known yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Local time; not known while the clock of the box is not set.
    pub now: Option<DateTime>,
    /// The return path without angle brackets; empty for the null one.
    pub mail_from: Option<&'a str>,
    /// Recipients of the envelope; a condition holds when it holds for one of them.
    pub recipients: Option<&'a [&'a str]>,
    pub recipient_count: Option<u64>,
    /// Names of the users who would get the mail.
    pub users: Option<&'a [&'a str]>,
    /// Who has logged in; empty for nobody.
    pub auth_user: Option<&'a str>,
    pub client: Option<IpAddr>,
    /// Bytes.
    pub size: Option<u64>,
    /// The collector's place in the list, from 0.
    pub collector: Option<u64>,
    /// How many recipients in the header are somebody here, and how many of ours are nobody.
    pub valid_recipients: Option<u64>,
    pub invalid_recipients: Option<u64>,
    /// The header block.
    pub header: Option<Header<'a>>,
}
