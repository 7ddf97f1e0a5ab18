//! Changes are data: everything that can happen to stored state. Callers build changes, nobody else writes.

use serde::{Deserialize, Serialize};

use crate::mail::{Address, Envelope};

use super::body::BodyHandle;
use super::rows::{
    Block, DEFAULT_PRIORITY, Hold, JournalRow, QueueEntry, QueueRecipient, RecipientState, ReportedError, SavedScript,
    SendAttempt, Task,
};

/// Names a stored message body and the mail it belongs to; given by [`super::Store::mail_id`], never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailId(pub u64);

impl std::fmt::Display for MailId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

/// A folder of a user. Folder 0 is the inbox; others come with IMAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailboxId {
    pub user: u32,
    pub folder: u32,
}

impl MailboxId {
    pub fn inbox(user: u32) -> MailboxId {
        MailboxId { user, folder: 0 }
    }
}

/// One stored change. Several in one commit happen together or not at all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Change {
    /// A mail with all its destinations.
    AddMail(NewMail),
    /// The outcome of a try for some recipients of a queued mail. When none is left pending the entry goes away.
    QueueTried {
        mail: MailId,
        recipients: Vec<RecipientUpdate>,
    },
    /// All pending recipients are due at this time; also releases a hold.
    QueueRetry {
        mail: MailId,
        due: i64,
    },
    QueueHold {
        mail: MailId,
        hold: Hold,
    },
    QueuePriority {
        mail: MailId,
        priority: u8,
    },
    /// `time` as [`QueueEntry::delete_after`].
    QueueDeleteAfter {
        mail: MailId,
        time: Option<i64>,
    },
    /// Taken out of the queue by the administrator, without a notification.
    QueueRemove {
        mail: MailId,
    },
    /// Messages deleted from a mailbox (POP3 `QUIT`).
    DeleteMessages {
        mailbox: MailboxId,
        uids: Vec<u32>,
    },
    /// A collector has taken the message with this UID; `at` Unix milliseconds.
    SeenUid {
        collector: u32,
        uid: String,
        at: i64,
    },
    /// The provider no longer has these, they need no more remembering.
    ForgetUids {
        collector: u32,
        uids: Vec<String>,
    },
    /// A collector leaves this message at the provider for now, with the question whether to download it, if one is asked.
    /// The time counts from when it was first held.
    HoldMessage {
        collector: u32,
        uid: String,
        at: i64,
        question: Option<u128>,
    },
    /// Somebody has answered the question: the message is wanted.
    WantMessage {
        question: u128,
    },
    /// Held no longer: it is taken, or gone at the provider. Their questions can no longer be answered.
    ReleaseMessages {
        collector: u32,
        uids: Vec<String>,
    },
    /// The whole configuration, as the JSON document of `config`.
    PutConfig {
        json: String,
    },
    /// An address or network is kept out; takes the place of an earlier block of the same.
    PutBlock(Block),
    RemoveBlock {
        network: String,
    },
    /// A script is there, in place of one of the same name without regard to case.
    ScriptSaved(SavedScript),
    ScriptRemoved {
        name: String,
    },
    AddTask(Task),
    /// The task is done; stands in the commit that carries its result.
    RemoveTask {
        id: u64,
    },
    Journal(JournalRow),
    Attempt(SendAttempt),
    /// All Connections that are reported not to work.
    PutReportedErrors(Vec<ReportedError>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewMail {
    pub id: MailId,
    pub body: BodyHandle,
    /// Unix milliseconds.
    pub received_at: i64,
    pub deliveries: Vec<Delivery>,
    pub queue: Option<NewQueueEntry>,
}

/// A copy for a mailbox. The body is stored once; what differs from mailbox to mailbox stands in `head`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    pub mailbox: MailboxId,
    /// Header lines put before the body when it is read (`Return-Path`, delivery markers), with CRLF line ends.
    pub head: String,
}

/// A mail that has to go out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewQueueEntry {
    pub envelope: Envelope,
    /// First try, Unix milliseconds.
    pub due: i64,
    pub priority: u8,
    pub hold: Hold,
    /// As [`QueueEntry::delete_after`].
    pub delete_after: Option<i64>,
    /// Login name of the submitter, if there was a login.
    pub auth_user: Option<String>,
    /// The submitting host, if there was one.
    pub client: Option<std::net::IpAddr>,
}

/// What became of one recipient, named by its place in the entry's list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecipientUpdate {
    pub index: u32,
    pub state: RecipientState,
    /// The reply or reason, as it goes into a notification, at most 1,000 bytes.
    pub reply: String,
    /// When it is due again if it is still pending, Unix milliseconds.
    pub due: i64,
    /// It was tried, and did not just have to wait.
    pub tried: bool,
    /// A delay notification has been set off by this commit; no second one follows.
    pub delay_notified: bool,
}

impl Change {
    /// The id this gives to a mail or a task.
    pub(super) fn new_id(&self) -> Option<u64> {
        match self {
            Change::AddMail(mail) => Some(mail.id.0),
            Change::AddTask(task) => Some(task.id),
            _ => None,
        }
    }
}

impl NewMail {
    /// The queue entry as the index will hold it, `None` if nothing has to go out.
    pub fn queue_entry(&self) -> Option<QueueEntry> {
        let queue = self.queue.as_ref().filter(|queue| !queue.envelope.recipients.is_empty())?;
        let envelope = &queue.envelope;
        let recipients = envelope.recipients.iter().map(|recipient| QueueRecipient {
            address: recipient.address.clone(),
            notify: recipient.notify,
            orcpt: recipient.orcpt.clone(),
            lan: recipient.lan.clone(),
            state: RecipientState::Pending,
            reply: String::new(),
            due: queue.due,
            tries: 0,
            delay_notified: false,
        });
        Some(QueueEntry {
            mail: self.id,
            return_path: envelope.return_path.clone(),
            recipients: recipients.collect(),
            body: envelope.body,
            smtputf8: envelope.smtputf8,
            ret: envelope.ret,
            envid: envelope.envid.clone(),
            size: self.body.size(),
            accepted_at: self.received_at,
            priority: queue.priority,
            hold: queue.hold,
            delete_after: queue.delete_after,
            auth_user: queue.auth_user.clone(),
            client: queue.client,
        })
    }
}

impl NewQueueEntry {
    /// An entry due at once.
    pub fn now(envelope: Envelope, at: i64) -> NewQueueEntry {
        NewQueueEntry {
            envelope,
            due: at,
            priority: DEFAULT_PRIORITY,
            hold: Hold::No,
            delete_after: None,
            auth_user: None,
            client: None,
        }
    }

    pub fn return_path(&self) -> Option<&Address> {
        self.envelope.return_path.as_ref()
    }
}
