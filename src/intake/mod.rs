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
mod outmessage;
mod question;
mod recipient;
mod scripts;
mod stamp;

use std::net::IpAddr;

pub use draft::Draft;
pub use question::{is_automatic, question_address, question_at};
pub use recipient::Submitter;

use crate::config::Published;
use crate::hooks::Hooks;
use crate::live::{Board, Signals};
use crate::mail::{Address, BodyType, Ret};
use crate::net::now_ms;
use crate::store::{MailId, Store, StoreError};

/// Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    pub store: Store,
    pub config: Published,
    pub board: Board,
    pub signals: Signals,
    pub hooks: Hooks,
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
        /// The user who sends, where he is known ([`Intake::sender`]).
        user: Option<u32>,
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
    /// The user who sends may not send mail out.
    #[error("sending out of the office is not allowed")]
    SendingNotAllowed,
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
