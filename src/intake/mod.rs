//! The one door in: every mail, wherever it comes from, is stamped, routed and committed here.

use std::net::IpAddr;

use crate::config::Published;
use crate::live::{Board, Signals};
use crate::mail::{Address, BodyType, Recipient, Ret};
use crate::route::Destination;
use crate::store::{Change, MailId, Store};

/// Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    pub store: Store,
    pub config: Published,
    pub board: Board,
    pub signals: Signals,
}

/// Where a mail comes from; goes into its Received line and the journal.
#[derive(Clone, Debug)]
pub enum Source {
    Smtp {
        client: IpAddr,
        helo: String,
        /// `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPA`, `ESMTPSA`, or `UTF8SMTP…` (RFC 3848, RFC 6531).
        with: &'static str,
        /// Protocol and cipher.
        tls: Option<String>,
        auth_user: Option<String>,
        /// Logged in, or from an address that may send out without.
        may_relay: bool,
    },
    Collector {
        id: u32,
        name: String,
        host: String,
        user: String,
    },
    /// Written by the box itself.
    Own,
}

/// Why a mail or a recipient is not taken. The serving side makes its reply of it, the journal its row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no such user here")]
    UnknownRecipient,
    #[error("relaying not allowed")]
    RelayDenied,
    #[error("more than {0} Received lines")]
    TooManyHops(u32),
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    #[error("the header is larger than {0} bytes")]
    HeaderTooLarge(usize),
    #[error("no recipient")]
    NoRecipients,
    /// Disk, map or log full.
    #[error("no room")]
    NoRoom,
    /// An internal failure; the reason is in the log.
    #[error("temporary failure")]
    Temporary,
}

impl Refusal {
    pub fn is_temporary(&self) -> bool {
        matches!(self, Refusal::NoRoom | Refusal::Temporary)
    }
}

/// What holds for the mail as a whole.
#[derive(Clone, Debug, Default)]
pub struct MailParams {
    pub return_path: Option<Address>,
    pub body: BodyType,
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
}

#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    pub mail: MailId,
}

/// A mail that is coming in.
pub struct Draft {}

impl Intake {
    /// Where a recipient leads, or why it is not taken (spec §8.2).
    pub fn recipient(&self, _source: &Source, _recipient: Recipient) -> Result<Vec<Destination>, Refusal> {
        unimplemented!()
    }

    /// Opens a mail; its first lines will be the trace of `source`. `for_recipient` goes into the Received line when the
    /// mail has just one.
    pub fn begin(&self, _source: Source, _for_recipient: Option<&Address>) -> Result<Draft, Refusal> {
        unimplemented!()
    }
}

impl Draft {
    /// The mail's name, for changes in `with` that speak of it.
    pub fn mail_id(&self) -> MailId {
        unimplemented!()
    }

    /// Message bytes without dot-stuffing, cut anywhere.
    pub async fn write(&mut self, _bytes: &[u8]) -> Result<(), Refusal> {
        unimplemented!()
    }

    /// The header block as received, once it is complete (after the blank line, or at the end).
    pub fn header(&self) -> &[u8] {
        unimplemented!()
    }

    /// Commits the mail to `destinations` (none, when a task in `with` keeps it), together with `with`, and wakes the queue runner. On disk when this returns.
    pub async fn finish(
        self,
        _params: MailParams,
        _destinations: Vec<Destination>,
        _with: Vec<Change>,
    ) -> Result<Accepted, Refusal> {
        unimplemented!()
    }
}
