//! The one door in: every mail, wherever it comes from, is stamped, routed and committed here.
//!
//! [`Intake::recipient`] tells where a recipient leads; [`Intake::begin`] opens a [`Draft`], which takes the message in
//! a stream; [`Draft::finish`] makes one commit of body, mailbox entries, queue entry, journal and whatever the caller
//! adds, and returns when that is on disk. A draft that is dropped leaves nothing behind.
//!
//! Does not know which protocol it serves, and never answers for a mail before the commit.

mod copies;
mod draft;
mod header;
mod journal;
mod question;
mod stamp;

use std::net::IpAddr;

pub use draft::Draft;
pub use question::{is_automatic, question_address, question_at};

use crate::config::Published;
use crate::live::{Board, Signals};
use crate::mail::{Address, BodyType, Recipient, Ret};
use crate::net::now_ms;
use crate::route::{self, Destination, Resolution};
use crate::store::{MailId, Store, StoreError};

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

impl Source {
    fn may_relay(&self) -> bool {
        match self {
            Source::Smtp { may_relay, .. } => *may_relay,
            Source::Collector { .. } => false,
            Source::Own => true,
        }
    }
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

impl Intake {
    /// Where a recipient leads, or why it is not taken (spec §8.2).
    pub fn recipient(&self, source: &Source, recipient: Recipient) -> Result<Vec<Destination>, Refusal> {
        self.recipient_of(source.may_relay(), recipient)
    }

    /// The same, for a client of whom only that is known yet.
    pub fn recipient_of(&self, may_relay: bool, recipient: Recipient) -> Result<Vec<Destination>, Refusal> {
        let config = self.config.current();
        let outgoing = config.general.unknown_local_is_outgoing && may_relay;
        let recipient = Recipient { address: recipient.address.or_domain(&config.general.default_domain), ..recipient };
        if let Some(question) = question_at(&config, &recipient.address)
            && self.store.asked(question).map_err(|error| self.failed(error))?.is_some()
        {
            return Ok(vec![Destination::Answer { question }]);
        }
        let unknown = outgoing.then(|| recipient.clone());
        match route::resolve(&config, recipient) {
            Resolution::Local(destinations) => Ok(destinations),
            Resolution::Outgoing(recipient) if may_relay => Ok(vec![Destination::Outgoing(recipient)]),
            Resolution::Outgoing(_) => Err(Refusal::RelayDenied),
            Resolution::Unknown => match unknown {
                Some(recipient) => Ok(vec![Destination::Outgoing(recipient)]),
                None => Err(Refusal::UnknownRecipient),
            },
        }
    }

    /// Whether a mail of `size` bytes would find room.
    pub fn room_for(&self, size: u64) -> Result<(), Refusal> {
        self.store.room_for(size).map_err(|error| self.failed(error))
    }

    /// What the peer may know of a failure of the store. Log and board get all of it; the log not at each mail, since
    /// peers try again and again while a full disk stays full.
    fn failed(&self, error: StoreError) -> Refusal {
        if self.board.problem(now_ms(), "store", format!("Mail is refused for now: {error}.")) {
            log::error!("mail is refused for now: {error}");
        }
        if error.is_full() { Refusal::NoRoom } else { Refusal::Temporary }
    }

    /// Opens a mail; its first lines will be the trace of `source`. `for_recipient` goes into the Received line when the
    /// mail has just one.
    pub fn begin(&self, source: Source, for_recipient: Option<&Address>) -> Result<Draft, Refusal> {
        self.room_for(0)?;
        Ok(Draft::new(self.clone(), source, for_recipient))
    }
}
