//! What readers get: the rows of the index as values.

use serde::{Deserialize, Serialize};

use crate::mail::{Address, BodyType, LanServer, Notify, Ret};

use super::change::{MailId, MailboxId};

/// A message in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    pub uid: u32,
    pub mail: MailId,
    /// Bytes as the reader gets them: head and body, before dot-stuffing.
    pub size: u64,
    /// Unix milliseconds.
    pub received_at: i64,
    pub head: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecipientState {
    Pending,
    /// Handed over to the next host.
    Relayed,
    /// Given up, or refused for good.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRecipient {
    pub address: Address,
    pub notify: Notify,
    pub orcpt: Option<String>,
    /// The one server this copy goes to; `None` leaves the way to a sender.
    pub lan: Option<Box<LanServer>>,
    pub state: RecipientState,
    /// The last reply or reason; empty before the first try.
    pub reply: String,
    /// When it is to be tried, Unix milliseconds.
    pub due: i64,
    pub tries: u32,
    /// The return path has been told that it takes longer.
    pub delay_notified: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    No,
    /// Until somebody releases it.
    ByAdministrator,
    /// Until this time, Unix milliseconds.
    Until(i64),
}

/// Smaller numbers go first.
pub const DEFAULT_PRIORITY: u8 = 50;

/// A mail in the outgoing queue. Each recipient is tried and finished by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEntry {
    pub mail: MailId,
    pub return_path: Option<Address>,
    pub recipients: Vec<QueueRecipient>,
    pub body: BodyType,
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
    pub size: u64,
    /// Unix milliseconds.
    pub accepted_at: i64,
    /// Smaller goes first, [`DEFAULT_PRIORITY`] is usual.
    pub priority: u8,
    pub hold: Hold,
    /// Taken out of the queue then, sent or not, without a notification. Unix milliseconds.
    pub delete_after: Option<i64>,
    pub auth_user: Option<String>,
    pub client: Option<std::net::IpAddr>,
}

impl QueueEntry {
    /// When the first of the pending recipients is to be tried, holds aside.
    pub fn due(&self) -> Option<i64> {
        self.recipients.iter().filter(|r| r.state == RecipientState::Pending).map(|r| r.due).min()
    }

    /// Tries of the recipient tried most often.
    pub fn tries(&self) -> u32 {
        self.recipients.iter().map(|recipient| recipient.tries).max().unwrap_or(0)
    }

    /// When something is to be done with it; `None` while it is held for good.
    pub fn wakes(&self) -> Option<i64> {
        let due = match self.hold {
            Hold::No => self.due(),
            Hold::Until(time) => self.due().map(|due| due.max(time)),
            Hold::ByAdministrator => None,
        };
        due.into_iter().chain(self.delete_after).min()
    }

    /// Not to be sent at this time.
    pub fn is_held(&self, now: i64) -> bool {
        match self.hold {
            Hold::No => false,
            Hold::Until(time) => now < time,
            Hold::ByAdministrator => true,
        }
    }
}

/// One try of some recipients of a mail at one server. Kept for a while, also when the mail has left the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendAttempt {
    /// Unix milliseconds.
    pub at: i64,
    pub mail: MailId,
    /// Whose sender it was; the highest number for servers of the office.
    pub connection: u32,
    /// The server's name; empty where none was reached.
    pub server: String,
    pub recipients: u32,
    /// Begins with the code of the server's last reply, where there was one.
    pub result: String,
}

/// Something a mail has set off that is still to be done; `notify` works these off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// From [`super::Store::task_id`].
    pub id: u64,
    /// Unix milliseconds.
    pub created_at: i64,
    pub kind: TaskKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskKind {
    /// Write a delivery status notification about `entry` (RFC 3464). The body named by `entry.mail` is kept until the
    /// task is done. Only the recipients in `about` are reported.
    DeliveryStatus { entry: Box<QueueEntry>, about: Vec<u32>, action: DsnAction },
    /// A collected mail found no recipient: tell `to`, or the main administrator where that is empty or nobody; original
    /// attached.
    RoutingError { mail: MailId, collector: u32, reason: String, to: String },
    /// Tell `to` (names or addresses; nobody: the main administrator) of a message that a collector has not downloaded.
    NotDownloaded { collector: u32, to: Vec<String>, about: AtProvider, what: NotDownloaded },
    /// Tell the main administrator that a Connection has not worked since `since`, Unix milliseconds, and what of it has
    /// failed; where that is nothing, that it works again.
    ConnectionError { connection: String, since: i64, failing: Vec<FailingPart> },
}

/// A collector, or the sender, of a Connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingPart {
    /// `Mail Collector Office mailbox`, `Mail Sender`.
    pub name: String,
    /// How often it was tried in vain.
    pub failures: u64,
    /// What is wrong, in plain words.
    pub words: String,
}

/// The main administrator has been told that a Connection does not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedError {
    /// The number of the Connection.
    pub connection: u32,
    /// When, and since when it did not work; Unix milliseconds.
    pub at: i64,
    pub since: i64,
    /// Numbers of the collectors that failed.
    pub collectors: Vec<u32>,
    /// The sender failed.
    pub sender: bool,
}

impl TaskKind {
    /// The mail whose body the task keeps.
    pub fn mail(&self) -> Option<MailId> {
        match self {
            TaskKind::DeliveryStatus { entry, .. } => Some(entry.mail),
            TaskKind::RoutingError { mail, .. } => Some(*mail),
            TaskKind::NotDownloaded { .. } | TaskKind::ConnectionError { .. } => None,
        }
    }
}

/// A message at a provider, as its header tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtProvider {
    pub from: String,
    pub to: String,
    pub subject: String,
    pub date: String,
    /// Bytes, as announced.
    pub size: Option<u64>,
}

/// Why a message was not downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotDownloaded {
    /// Above the collector's size limit, or by a download rule of this name; it waits for an answer to `question`.
    Asked { question: u128, rule: Option<String> },
    /// Deleted at the provider by a download rule of this name.
    Deleted { rule: String },
}

/// A message that a collector leaves at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// First seen, Unix milliseconds.
    pub since: i64,
    /// What was asked about it.
    pub question: Option<u128>,
    /// Somebody has answered that it is wanted.
    pub wanted: bool,
}

/// `Action` field of RFC 3464 §2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DsnAction {
    Failed,
    Delayed {
        /// When it is given up, Unix milliseconds.
        until: i64,
    },
    Relayed,
    Delivered,
}

/// One line of what happened to mails. Kept for the administrator's search, pruned by age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRow {
    /// Unix milliseconds.
    pub at: i64,
    pub mail: Option<MailId>,
    /// What happened, a word of a closed list: `accepted`, `collected`, `delivered`, `discarded`, `relayed`, `deferred`, `failed`,
    /// `refused`, `removed`, `notified` …
    pub event: String,
    pub from: String,
    pub to: String,
    /// Reason, reply, peer: plain words.
    pub detail: String,
}

/// A mailbox and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxSummary {
    pub mailbox: MailboxId,
    pub messages: u64,
    pub bytes: u64,
}

/// An address or network that is kept out for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/64`; at most 64 bytes.
    pub network: String,
    /// Unix milliseconds.
    pub since: i64,
    pub until: i64,
    /// In plain words.
    pub reason: String,
}

/// A Lua script of the administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedScript {
    /// `mxout.lua`, `bob/delivery.lua`, as it was given; at most 200 bytes.
    pub name: String,
    pub text: String,
    /// Unix milliseconds.
    pub saved_at: i64,
}
