//! A mail that is coming in.

use std::sync::Arc;

use super::header::Header;
use super::{Accepted, Intake, MailParams, Refusal, Source, stamp};
use crate::mail::{Address, Envelope, Recipient};
use crate::net::now_ms;
use crate::route::Destination;
use crate::store::body::INLINE_LIMIT;
use crate::store::{
    BodyWriter, Change, Delivery, Expected, Hold, JournalRow, MailId, MailboxId, NewMail, NewQueueEntry, QueueEntry,
    QueueRecipient, RecipientState,
};

/// Longest list of addresses in a journal row, bytes.
const MAX_JOURNAL_LIST: usize = 500;

/// Dropped before [`Draft::finish`], it leaves nothing behind.
pub struct Draft {
    intake: Intake,
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
            trace: stamp::received(&source, &config.general.host_name, id, for_recipient, received_at),
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
        self.body.write(rest).await.map_err(Refusal::of_store)?;
        if self.body.size() > INLINE_LIMIT as u64 {
            self.expected = None;
        }
        Ok(())
    }

    /// The header block as received, once it is complete (after the blank line, or at the end).
    pub fn header(&self) -> &[u8] {
        self.header.block()
    }

    async fn write_header(&mut self) -> Result<(), Refusal> {
        let header = self.header.mended(&self.missing());
        self.body.write(self.trace.as_bytes()).await.map_err(Refusal::of_store)?;
        self.body.write(&header).await.map_err(Refusal::of_store)
    }

    /// Lines that a mail of our own users lacks (RFC 6409 §8.2, §8.3). Mail of others is not touched.
    fn missing(&self) -> String {
        let mut lines = String::new();
        let ours = self.source.may_relay();
        if ours && !(self.header.has_date() && self.header.has_message_id()) {
            if !self.header.has_date() {
                lines.push_str(&stamp::date(self.received_at));
            }
            if !self.header.has_message_id() {
                let config = self.intake.config.current();
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
        destinations: Vec<Destination>,
        with: Vec<Change>,
    ) -> Result<Accepted, Refusal> {
        if destinations.is_empty() && !with.iter().any(|change| matches!(change, Change::AddTask(_))) {
            return Err(Refusal::NoRecipients);
        }
        if !self.header.is_complete() {
            self.header.end();
            self.write_header().await?;
        }
        let Draft { intake, source, id, received_at, body, expected, .. } = self;
        let body = body.finish().await.map_err(Refusal::of_store)?;
        let size = body.size();
        let (copies, recipients) = sort_out(destinations);

        let mut changes = Vec::with_capacity(3 + with.len());
        let mut rows = vec![accepted_row(&source, id, received_at, &params, &copies, &recipients, size)];
        if !copies.is_empty() {
            rows.push(delivered_row(&intake, id, received_at, &params, &copies));
        }
        let entry = (!recipients.is_empty()).then(|| new_entry(&source, received_at, params.clone(), recipients));
        let fresh = entry.as_ref().map(|entry| Arc::new(queue_entry(id, size, entry)));
        let return_path = params.return_path.as_ref();
        let deliveries = copies.iter().map(|copy| Delivery {
            mailbox: MailboxId::inbox(copy.user),
            head: stamp::delivery_head(return_path, &copy.reasons, &copy.originals),
        });
        let deliveries = deliveries.collect();
        changes.push(Change::AddMail(NewMail { id, body, received_at, deliveries, queue: entry }));
        changes.extend(with);
        changes.extend(rows.into_iter().map(Change::Journal));

        let committed = intake.store.commit(changes).await;
        drop(expected);
        committed.map_err(Refusal::of_store)?;
        if let Some(entry) = fresh {
            intake.signals.mail_waiting(entry);
        }
        intake.board.mail_accepted();
        Ok(Accepted { mail: id })
    }
}

/// All ways that led to one mailbox.
struct Copy {
    user: u32,
    /// Letters, each once, in order of appearance.
    reasons: String,
    originals: Vec<Address>,
}

/// One copy a mailbox, one entry an outgoing address.
fn sort_out(destinations: Vec<Destination>) -> (Vec<Copy>, Vec<Recipient>) {
    let mut copies: Vec<Copy> = Vec::new();
    let mut recipients: Vec<Recipient> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for destination in destinations {
        match destination {
            Destination::Mailbox { user, original, reason } => {
                let at = copies.iter().position(|copy| copy.user == user).unwrap_or_else(|| {
                    copies.push(Copy { user, reasons: String::new(), originals: Vec::new() });
                    copies.len() - 1
                });
                let Some(copy) = copies.get_mut(at) else { continue };
                if !copy.reasons.contains(reason) {
                    copy.reasons.push(reason);
                }
                if !copy.originals.contains(&original) {
                    copy.originals.push(original);
                }
            }
            Destination::Outgoing(recipient) => {
                if known.insert(recipient.address.clone()) {
                    recipients.push(recipient);
                }
            }
        }
    }
    (copies, recipients)
}

fn new_entry(source: &Source, at: i64, params: MailParams, recipients: Vec<Recipient>) -> NewQueueEntry {
    let MailParams { return_path, body, smtputf8, ret, envid } = params;
    let entry = NewQueueEntry::now(Envelope { return_path, recipients, body, smtputf8, ret, envid }, at);
    match source {
        Source::Smtp { client, auth_user, .. } => {
            NewQueueEntry { auth_user: auth_user.clone(), client: Some(*client), ..entry }
        }
        _ => entry,
    }
}

/// The entry as the queue runner would read it from the index.
fn queue_entry(mail: MailId, size: u64, entry: &NewQueueEntry) -> QueueEntry {
    let envelope = &entry.envelope;
    let recipients = envelope.recipients.iter().map(|recipient| QueueRecipient {
        address: recipient.address.clone(),
        notify: recipient.notify,
        orcpt: recipient.orcpt.clone(),
        state: RecipientState::Pending,
        reply: String::new(),
    });
    QueueEntry {
        mail,
        return_path: envelope.return_path.clone(),
        recipients: recipients.collect(),
        body: envelope.body,
        smtputf8: envelope.smtputf8,
        ret: envelope.ret,
        envid: envelope.envid.clone(),
        size,
        accepted_at: entry.due,
        due: entry.due,
        tries: 0,
        hold: Hold::No,
        delay_notified: false,
        auth_user: entry.auth_user.clone(),
        client: entry.client,
    }
}

fn accepted_row(
    source: &Source,
    id: MailId,
    at: i64,
    params: &MailParams,
    copies: &[Copy],
    recipients: &[Recipient],
    size: u64,
) -> JournalRow {
    let (event, detail) = match source {
        Source::Smtp { client, auth_user: Some(user), with, .. } => {
            ("accepted", format!("{size} bytes from {client}, user {user}, {with}"))
        }
        Source::Smtp { client, with, .. } => ("accepted", format!("{size} bytes from {client}, {with}")),
        Source::Collector { name, .. } => ("collected", format!("{size} bytes by {name}")),
        Source::Own => ("notified", format!("{size} bytes")),
    };
    let local = copies.iter().flat_map(|copy| &copy.originals);
    let to = list(local.chain(recipients.iter().map(|recipient| &recipient.address)).map(Address::as_str));
    JournalRow { at, mail: Some(id), event: event.into(), from: from(params), to, detail }
}

fn delivered_row(intake: &Intake, id: MailId, at: i64, params: &MailParams, copies: &[Copy]) -> JournalRow {
    let config = intake.config.current();
    let name = |copy: &Copy| config.user(copy.user).map_or("?", |user| &user.name);
    let to = list(copies.iter().map(name));
    JournalRow { at, mail: Some(id), event: "delivered".into(), from: from(params), to, detail: String::new() }
}

fn from(params: &MailParams) -> String {
    params.return_path.as_ref().map_or(String::new(), |address| address.as_str().to_string())
}

/// As many as fit, and the number of the others.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut left_out = 0;
    for name in names {
        if text.len() + name.len() > MAX_JOURNAL_LIST {
            left_out += 1;
            continue;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    if left_out > 0 {
        text.push_str(&format!(" and {left_out} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn one_copy_a_mailbox_and_one_entry_an_address() {
        let mailbox = |user, original: &str, reason| Destination::Mailbox { user, original: address(original), reason };
        let out = |to: &str| Destination::Outgoing(Recipient::new(address(to)));
        let (copies, recipients) = sort_out(vec![
            mailbox(1, "bob@a.example", 'D'),
            out("x@b.example"),
            mailbox(2, "eve@a.example", 'D'),
            mailbox(1, "sales@a.example", 'M'),
            mailbox(1, "bob@a.example", 'D'),
            out("x@b.example"),
        ]);
        assert_eq!(recipients.len(), 1);
        assert_eq!(copies.len(), 2);
        assert_eq!((copies[0].user, copies[0].reasons.as_str()), (1, "DM"));
        assert_eq!(copies[0].originals, [address("bob@a.example"), address("sales@a.example")]);
    }

    #[test]
    fn long_lists_are_cut() {
        let names = vec!["somebody@office.example"; 100];
        let text = list(names.iter().copied());
        assert!(text.len() < MAX_JOURNAL_LIST + 60, "{}", text.len());
        assert!(text.ends_with("and 81 more") || text.contains(" more"), "{text}");
        assert_eq!(list(["a", "b"].into_iter()), "a, b");
    }
}
