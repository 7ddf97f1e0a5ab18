//! A mail that is coming in.

use std::sync::Arc;

use super::copies::sort_out;
use super::header::Header;
use super::journal::{self, Arrival};
use super::recipient::within_limit;
use super::{Accepted, Intake, MailParams, Refusal, Source, outmessage, question, scripts, stamp};
use crate::config::{Config, User};
use crate::hooks::Script;
use crate::mail::{Address, Envelope, Recipient};
use crate::net::now_ms;
use crate::route::{self, Destination};
use crate::store::body::INLINE_LIMIT;
use crate::store::{BodyWriter, Change, Delivery, Expected, Hold, MailId, MailboxId, NewMail, NewQueueEntry};

/// Dropped before [`Draft::finish`], it leaves nothing behind.
pub struct Draft {
    pub(super) intake: Intake,
    source: Source,
    id: MailId,
    /// Unix milliseconds.
    received_at: i64,
    trace: String,
    header: Header,
    max_hops: u32,
    body: BodyWriter,
    /// Others wait a moment for our commit, to share its flush; given up once the mail turns out to be long.
    expected: Option<Expected>,
}

impl Draft {
    pub(super) fn new(intake: Intake, source: Source, for_recipient: Option<&Address>) -> Draft {
        let config = intake.config.current();
        let received_at = now_ms();
        let id = intake.store.mail_id();
        Draft {
            id,
            received_at,
            trace: stamp::received(
                &source,
                &config.general.host_name,
                id,
                for_recipient,
                received_at,
                &config.time_zone(),
            ),
            header: Header::default(),
            max_hops: config.general.max_hops,
            body: intake.store.body_writer(),
            expected: Some(intake.store.expect_commit()),
            source,
            intake,
        }
    }

    /// The mail's name, for changes in `with` that speak of it.
    pub fn mail_id(&self) -> MailId {
        self.id
    }

    /// Adds a header line of our own, with CRLF, behind the Received line. Before the first bytes of the message.
    pub fn mark(&mut self, line: &str) {
        self.trace.push_str(line);
    }

    /// Message bytes without dot-stuffing, cut anywhere.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut rest = bytes;
        if !self.header.is_complete() {
            let used = self.header.take(bytes, self.max_hops)?;
            if !self.header.is_complete() {
                return Ok(());
            }
            self.write_header().await?;
            rest = bytes.get(used..).unwrap_or_default();
        }
        self.body.write(rest).await.map_err(|error| self.intake.failed(error))?;
        if self.body.size() > INLINE_LIMIT as u64 {
            self.expected = None;
        }
        Ok(())
    }

    /// The text has ended: what is there is the header, if no blank line came.
    pub async fn end_header(&mut self) -> Result<(), Refusal> {
        if !self.header.is_complete() {
            self.header.end();
            self.write_header().await?;
        }
        Ok(())
    }

    /// Bytes so far, with our trace.
    pub fn size(&self) -> u64 {
        self.body.size()
    }

    /// The header block as received, once it is complete (after the blank line, or at the end).
    pub fn header(&self) -> &[u8] {
        self.header.block()
    }

    async fn write_header(&mut self) -> Result<(), Refusal> {
        let header = self.header.mended(&self.missing());
        self.body.write(self.trace.as_bytes()).await.map_err(|error| self.intake.failed(error))?;
        self.body.write(&header).await.map_err(|error| self.intake.failed(error))
    }

    /// Lines that a mail of our own users lacks (RFC 6409 §8.2, §8.3). Mail of others is not touched.
    fn missing(&self) -> String {
        let mut lines = String::new();
        let ours = self.source.may_relay();
        if ours && !(self.header.has_date() && self.header.has_message_id()) {
            let config = self.intake.config.current();
            if !self.header.has_date() {
                lines.push_str(&stamp::date(self.received_at, &config.time_zone()));
            }
            if !self.header.has_message_id() {
                lines.push_str(&stamp::message_id(self.id, &config.general.host_name, self.received_at));
            }
        }
        lines
    }

    /// Commits the mail to `destinations` (none, when a task in `with` keeps it), together with `with`, and wakes the
    /// queue runner. On disk when this returns.
    pub async fn finish(
        mut self,
        params: MailParams,
        mut destinations: Vec<Destination>,
        with: Vec<Change>,
    ) -> Result<Accepted, Refusal> {
        if destinations.is_empty() && !with.iter().any(|change| matches!(change, Change::AddTask(_))) {
            return Err(Refusal::NoRecipients);
        }
        self.end_header().await?;
        let wanted = question::answers(&mut destinations, self.header.block(), params.return_path.as_ref());
        let config = self.intake.config.current();
        if scripts::wanted(&self.intake.hooks) {
            // Nobody waits for a commit that waits for a script.
            self.expected = None;
            destinations = Box::pin(scripts::apply(&self, &config, &params, destinations)).await;
        }
        let Draft { intake, source, id, received_at, header, body, mut expected, .. } = self;
        let thrown_away = nowhere(&destinations);
        let (copies, recipients) = sort_out(destinations);
        if let Source::Smtp { user: Some(user), .. } = &source
            && let Some(user) = config.user(*user)
            && recipients.iter().any(|recipient| recipient.lan.is_none())
        {
            within_limit(user, body.size())?;
        }
        let body = body.finish().await.map_err(|error| intake.failed(error))?;

        let return_path = params.return_path.as_ref();
        let arrival = Arrival { source: &source, mail: id, at: received_at, return_path, size: body.size() };
        let rows = journal::rows(&config, &arrival, &copies, &recipients, &thrown_away);
        let deliveries = copies.iter().map(|copy| Delivery {
            mailbox: MailboxId::inbox(copy.user),
            head: stamp::delivery_head(return_path, &copy.reasons, &copy.originals),
        });
        let deliveries = deliveries.collect();
        let mut queue = (!recipients.is_empty()).then(|| new_entry(&config, &source, received_at, params, recipients));
        if intake.hooks.has(Script::OutMessage)
            && let Some(entry) = queue.take()
        {
            // Nobody waits for a script to share our flush.
            expected = None;
            let consult = outmessage::consult(&intake, &config, entry, header.block(), &body, received_at);
            queue = Some(Box::pin(consult).await);
        }
        let mail = NewMail { id, body, received_at, deliveries, queue };
        let fresh = mail.queue_entry().map(Arc::new);
        let changes =
            [Change::AddMail(mail)].into_iter().chain(wanted).chain(with).chain(rows.map(Change::Journal)).collect();

        let committed = intake.store.commit(changes).await;
        drop(expected);
        committed.map_err(|error| intake.failed(error))?;
        if let Some(entry) = fresh {
            intake.signals.mail_waiting(entry);
        }
        intake.board.mail_accepted();
        Ok(Accepted { mail: id })
    }
}

/// Recipients whose copy is thrown away.
fn nowhere(destinations: &[Destination]) -> Vec<Address> {
    let thrown_away = destinations.iter().filter_map(|destination| match destination {
        Destination::Nowhere(original) => Some(original.clone()),
        _ => None,
    });
    thrown_away.collect()
}

fn new_entry(
    config: &Config,
    source: &Source,
    at: i64,
    params: MailParams,
    recipients: Vec<Recipient>,
) -> NewQueueEntry {
    let MailParams { return_path, body, smtputf8, ret, envid } = params;
    let return_path = return_path.map(|address| route::outward(config, address));
    let entry = NewQueueEntry::now(Envelope { return_path, recipients, body, smtputf8, ret, envid }, at);
    match source {
        Source::Smtp { client, auth_user, user, .. } => {
            let entry = NewQueueEntry { auth_user: auth_user.clone(), client: Some(*client), ..entry };
            match user.and_then(|id| config.user(id)) {
                Some(user) => as_the_user_has_it(entry, user, at),
                None => entry,
            }
        }
        _ => entry,
    }
}

/// The user's place in the queue, and the time his mail is held back for.
fn as_the_user_has_it(entry: NewQueueEntry, user: &User, at: i64) -> NewQueueEntry {
    let hold = match user.hold_sent_messages {
        0 => entry.hold,
        minutes => Hold::Until(at + i64::from(minutes) * 60_000),
    };
    NewQueueEntry { priority: user.outgoing_priority, hold, ..entry }
}
