//! What a change does to the index. The one place that writes to LMDB, deterministic: the same commits in the same
//! order give the same tables, so that a replay after a crash ends where the crash began.
//!
//! UIDs and reference counts are given here. A change that names something that is not there (any more) does nothing:
//! an administrator's command and the end of a mail may cross.

use std::collections::HashMap;

use heed::RwTxn;

use super::backlog::Commit;
use super::body::BodyHandle;
use super::change::{Change, Delivery, MailId, MailboxId, NewMail, RecipientUpdate};
use super::error::StoreError;
use super::rows::{Hold, JournalRow, QueueEntry, RecipientState, SendAttempt, Task};
use super::tables::{
    Applied, BodyPlace, HeldRow, MailRow, MailboxRow, SeenRow, StoredMessage, Table, Tables, delete, due_key, get,
    id_key, journal_key, mailbox_key, message_key, meta, put, question_key, script_key, seen_key,
};

/// Journal rows older than this, against the newest one, go.
const JOURNAL_AGE: i64 = 30 * 24 * 3600 * 1000;
const JOURNAL_ROWS: u64 = 200_000;
/// The same of attempts at sending.
const ATTEMPT_AGE: i64 = 4 * 24 * 3600 * 1000;
const ATTEMPT_ROWS: u64 = 20_000;
/// Rows pruned in one batch, at most: pruning must keep up, not stall.
const PRUNED: usize = 1024;
/// A reply in a queue row, bytes.
const REPLY: usize = 1000;

/// Applies commits inside one write transaction.
pub(super) struct Apply<'a, 'txn> {
    tables: &'a Tables,
    txn: &'a mut RwTxn<'txn>,
    applied: Applied,
    mailboxes: HashMap<MailboxId, MailboxRow>,
    /// Mails whose references the current commit changes.
    touched: Vec<(MailId, MailRow)>,
    unneeded: Vec<u128>,
    newest_row: Option<i64>,
    newest_attempt: Option<i64>,
}

impl<'a, 'txn> Apply<'a, 'txn> {
    pub(super) fn new(tables: &'a Tables, txn: &'a mut RwTxn<'txn>) -> Result<Apply<'a, 'txn>, StoreError> {
        let applied = tables.applied(txn)?;
        let (mailboxes, touched, unneeded) = Default::default();
        Ok(Apply { tables, txn, applied, mailboxes, touched, unneeded, newest_row: None, newest_attempt: None })
    }

    /// One commit. Its mails are added first, so that the order of changes in it does not matter to references.
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let Commit { end, changes, last_id, .. } = commit;
        if end.sequence <= self.applied.end.sequence {
            return Ok(());
        }
        for change in changes {
            if let Change::AddMail(mail) = change {
                self.add_mail(mail)?;
            }
        }
        for (place, change) in changes.iter().enumerate() {
            self.change(end.sequence, place as u32, change)?;
        }
        self.drop_unneeded()?;
        self.applied.end = *end;
        self.applied.last_id = self.applied.last_id.max(*last_id);
        Ok(())
    }

    /// Writes what is gathered. Returns the body files that nothing names once the transaction is on disk.
    pub(super) fn finish(mut self) -> Result<Vec<u128>, StoreError> {
        for (mailbox, row) in &self.mailboxes {
            put(self.tables.mailboxes, self.txn, &mailbox_key(*mailbox), row)?;
        }
        self.prune()?;
        put(self.tables.meta, self.txn, meta::APPLIED, &self.applied)?;
        Ok(self.unneeded)
    }

    fn change(&mut self, sequence: u64, place: u32, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::AddMail(_) => Ok(()),
            Change::QueueTried { mail, recipients } => self.tried(*mail, recipients),
            Change::QueueRetry { mail, due } => self.requeue(*mail, |entry| {
                entry.recipients.iter_mut().for_each(|recipient| recipient.due = *due);
                entry.hold = Hold::No;
            }),
            Change::QueueHold { mail, hold } => self.requeue(*mail, |entry| entry.hold = *hold),
            Change::QueuePriority { mail, priority } => self.requeue(*mail, |entry| entry.priority = *priority),
            Change::QueueDeleteAfter { mail, time } => self.requeue(*mail, |entry| entry.delete_after = *time),
            Change::QueueRemove { mail } => match self.queue_entry(*mail)? {
                Some(entry) => self.leave_queue(&entry),
                None => Ok(()),
            },
            Change::DeleteMessages { mailbox, uids } => self.delete_messages(*mailbox, uids),
            Change::SeenUid { collector, uid, at } => self.seen(*collector, uid, *at),
            Change::ForgetUids { collector, uids } => {
                for uid in uids {
                    delete(self.tables.seen, self.txn, &seen_key(*collector, uid).0)?;
                }
                Ok(())
            }
            Change::HoldMessage { collector, uid, at, question } => self.hold(*collector, uid, *at, *question),
            Change::WantMessage { question } => self.want(*question),
            Change::ReleaseMessages { collector, uids } => {
                uids.iter().try_for_each(|uid| self.release(&seen_key(*collector, uid).0))
            }
            Change::PutConfig { json } => put(self.tables.meta, self.txn, meta::CONFIG, json),
            Change::PutBlock(block) => put(self.tables.blocks, self.txn, block.network.as_bytes(), block),
            Change::RemoveBlock { network } => {
                delete(self.tables.blocks, self.txn, network.as_bytes()).map(|_was_there| ())
            }
            Change::ScriptSaved(script) => {
                put(self.tables.scripts, self.txn, script_key(&script.name).as_bytes(), script)
            }
            Change::ScriptRemoved { name } => {
                delete(self.tables.scripts, self.txn, script_key(name).as_bytes()).map(|_was_there| ())
            }
            Change::AddTask(task) => self.add_task(task),
            Change::RemoveTask { id } => self.remove_task(*id),
            Change::Journal(row) => self.journal(sequence, place, row),
            Change::Attempt(attempt) => self.attempt(sequence, place, attempt),
            Change::PutReportedErrors(all) => put(self.tables.meta, self.txn, meta::REPORTED_ERRORS, all),
        }
    }

    // -- mails and their bodies ---------------------------------------------------------------------------------

    fn add_mail(&mut self, mail: &NewMail) -> Result<(), StoreError> {
        let body = match &mail.body {
            BodyHandle::Inline(bytes) => {
                self.tables.bodies.put(self.txn, &id_key(mail.id.0), bytes).map_err(StoreError::index)?;
                BodyPlace::Inline { size: bytes.len() as u32 }
            }
            BodyHandle::File { id, size } => BodyPlace::File { id: *id, size: *size },
        };
        self.touched.push((mail.id, MailRow { refs: 0, body }));
        for delivery in &mail.deliveries {
            self.deliver(mail, delivery)?;
        }
        if let Some(entry) = mail.queue_entry() {
            put(self.tables.queue, self.txn, &id_key(mail.id.0), &entry)?;
            self.set_due(&entry)?;
            self.refer(mail.id, 1)?;
        }
        Ok(())
    }

    fn deliver(&mut self, mail: &NewMail, delivery: &Delivery) -> Result<(), StoreError> {
        let size = delivery.head.len() as u64 + mail.body.size();
        let mut row = self.mailbox(delivery.mailbox)?;
        let uid = row.next_uid;
        row.next_uid = uid.saturating_add(1);
        row.messages += 1;
        row.bytes += size;
        self.mailboxes.insert(delivery.mailbox, row);
        let message = StoredMessage { mail: mail.id, size, received_at: mail.received_at, head: delivery.head.clone() };
        put(self.tables.messages, self.txn, &message_key(delivery.mailbox, uid), &message)?;
        self.refer(mail.id, 1)
    }

    fn delete_messages(&mut self, mailbox: MailboxId, uids: &[u32]) -> Result<(), StoreError> {
        let mut row = self.mailbox(mailbox)?;
        for uid in uids {
            let key = message_key(mailbox, *uid);
            let Some(message) = get::<StoredMessage>(self.tables.messages, self.txn, &key)? else { continue };
            delete(self.tables.messages, self.txn, &key)?;
            row.messages = row.messages.saturating_sub(1);
            row.bytes = row.bytes.saturating_sub(message.size);
            self.refer(message.mail, -1)?;
        }
        self.mailboxes.insert(mailbox, row);
        Ok(())
    }

    fn mailbox(&mut self, mailbox: MailboxId) -> Result<MailboxRow, StoreError> {
        match self.mailboxes.get(&mailbox) {
            Some(row) => Ok(*row),
            None => Ok(get(self.tables.mailboxes, self.txn, &mailbox_key(mailbox))?.unwrap_or_default()),
        }
    }

    /// Adds to the references of a mail, if there is such a mail.
    fn refer(&mut self, mail: MailId, change: i32) -> Result<(), StoreError> {
        if !self.touched.iter().any(|(id, _)| *id == mail) {
            let Some(row) = get(self.tables.mails, self.txn, &id_key(mail.0))? else { return Ok(()) };
            self.touched.push((mail, row));
        }
        for (_, row) in self.touched.iter_mut().filter(|(id, _)| *id == mail) {
            row.refs = row.refs.saturating_add_signed(change);
        }
        Ok(())
    }

    /// At the end of a commit: bodies that nothing refers to go, the others' counts are written.
    fn drop_unneeded(&mut self) -> Result<(), StoreError> {
        for (mail, row) in std::mem::take(&mut self.touched) {
            let key = id_key(mail.0);
            if row.refs > 0 {
                put(self.tables.mails, self.txn, &key, &row)?;
                continue;
            }
            delete(self.tables.mails, self.txn, &key)?;
            match row.body {
                BodyPlace::Inline { .. } => {
                    delete(self.tables.bodies, self.txn, &key)?;
                }
                BodyPlace::File { id, .. } => self.unneeded.push(id),
            }
        }
        Ok(())
    }

    // -- the queue ----------------------------------------------------------------------------------------------

    fn queue_entry(&self, mail: MailId) -> Result<Option<QueueEntry>, StoreError> {
        get(self.tables.queue, self.txn, &id_key(mail.0))
    }

    fn tried(&mut self, mail: MailId, updates: &[RecipientUpdate]) -> Result<(), StoreError> {
        let Some(before) = self.queue_entry(mail)? else { return Ok(()) };
        let mut entry = before.clone();
        for update in updates {
            let Some(recipient) = entry.recipients.get_mut(update.index as usize) else { continue };
            if recipient.state == RecipientState::Pending {
                recipient.state = update.state;
                recipient.reply = shortened(&update.reply).to_string();
                recipient.due = update.due;
                recipient.tries += u32::from(update.tried);
                recipient.delay_notified |= update.delay_notified;
            }
        }
        match entry.due() {
            Some(_) => self.replace(&before, &entry),
            None => self.leave_queue(&before),
        }
    }

    fn requeue(&mut self, mail: MailId, change: impl FnOnce(&mut QueueEntry)) -> Result<(), StoreError> {
        let Some(before) = self.queue_entry(mail)? else { return Ok(()) };
        let mut entry = before.clone();
        change(&mut entry);
        self.replace(&before, &entry)
    }

    fn replace(&mut self, before: &QueueEntry, entry: &QueueEntry) -> Result<(), StoreError> {
        self.forget_due(before)?;
        put(self.tables.queue, self.txn, &id_key(entry.mail.0), entry)?;
        self.set_due(entry)
    }

    fn set_due(&mut self, entry: &QueueEntry) -> Result<(), StoreError> {
        let Some(time) = entry.wakes() else { return Ok(()) };
        self.tables.due.put(self.txn, &due_key(time, entry.mail), &[]).map_err(StoreError::index)
    }

    fn forget_due(&mut self, entry: &QueueEntry) -> Result<(), StoreError> {
        if let Some(time) = entry.wakes() {
            delete(self.tables.due, self.txn, &due_key(time, entry.mail))?;
        }
        Ok(())
    }

    fn leave_queue(&mut self, entry: &QueueEntry) -> Result<(), StoreError> {
        delete(self.tables.queue, self.txn, &id_key(entry.mail.0))?;
        self.forget_due(entry)?;
        self.refer(entry.mail, -1)
    }

    // -- the rest -----------------------------------------------------------------------------------------------

    fn seen(&mut self, collector: u32, uid: &str, at: i64) -> Result<(), StoreError> {
        let (key, long) = seen_key(collector, uid);
        if get::<SeenRow>(self.tables.seen, self.txn, &key)?.is_some() {
            return Ok(());
        }
        put(self.tables.seen, self.txn, &key, &SeenRow { at, long: long.then(|| uid.to_string()) })
    }

    fn hold(&mut self, collector: u32, uid: &str, at: i64, question: Option<u128>) -> Result<(), StoreError> {
        let (key, long) = seen_key(collector, uid);
        let known = get::<HeldRow>(self.tables.held, self.txn, &key)?;
        let long = long.then(|| uid.to_string());
        let mut row = known.unwrap_or(HeldRow { since: at, question: None, wanted: false, long });
        if let (None, Some(question)) = (row.question, question) {
            row.question = Some(question);
            self.tables.questions.put(self.txn, &question_key(question), &key).map_err(StoreError::index)?;
        }
        put(self.tables.held, self.txn, &key, &row)
    }

    fn want(&mut self, question: u128) -> Result<(), StoreError> {
        let key = self.tables.questions.get(self.txn, &question_key(question)).map_err(StoreError::index)?;
        let Some(key) = key.map(<[u8]>::to_vec) else { return Ok(()) };
        let Some(row) = get::<HeldRow>(self.tables.held, self.txn, &key)? else { return Ok(()) };
        put(self.tables.held, self.txn, &key, &HeldRow { wanted: true, ..row })
    }

    fn release(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let Some(row) = get::<HeldRow>(self.tables.held, self.txn, key)? else { return Ok(()) };
        if let Some(question) = row.question {
            delete(self.tables.questions, self.txn, &question_key(question))?;
        }
        delete(self.tables.held, self.txn, key).map(|_| ())
    }

    fn add_task(&mut self, task: &Task) -> Result<(), StoreError> {
        put(self.tables.tasks, self.txn, &id_key(task.id), task)?;
        task.kind.mail().map_or(Ok(()), |mail| self.refer(mail, 1))
    }

    fn remove_task(&mut self, id: u64) -> Result<(), StoreError> {
        let Some(task) = get::<Task>(self.tables.tasks, self.txn, &id_key(id))? else { return Ok(()) };
        delete(self.tables.tasks, self.txn, &id_key(id))?;
        task.kind.mail().map_or(Ok(()), |mail| self.refer(mail, -1))
    }

    fn journal(&mut self, sequence: u64, place: u32, row: &JournalRow) -> Result<(), StoreError> {
        self.newest_row = self.newest_row.max(Some(row.at));
        put(self.tables.journal, self.txn, &journal_key(sequence, place), row)
    }

    fn attempt(&mut self, sequence: u64, place: u32, attempt: &SendAttempt) -> Result<(), StoreError> {
        self.newest_attempt = self.newest_attempt.max(Some(attempt.at));
        put(self.tables.attempts, self.txn, &journal_key(sequence, place), attempt)
    }

    fn prune(&mut self) -> Result<(), StoreError> {
        if let Some(newest) = self.newest_row {
            let too_old =
                |value: &[u8]| Ok(super::tables::decode::<JournalRow>(value)?.at < newest.saturating_sub(JOURNAL_AGE));
            self.prune_table(self.tables.journal, JOURNAL_ROWS, too_old)?;
        }
        if let Some(newest) = self.newest_attempt {
            let too_old =
                |value: &[u8]| Ok(super::tables::decode::<SendAttempt>(value)?.at < newest.saturating_sub(ATTEMPT_AGE));
            self.prune_table(self.tables.attempts, ATTEMPT_ROWS, too_old)?;
        }
        Ok(())
    }

    /// The oldest rows go, as far as there are too many or they are too old.
    fn prune_table(
        &mut self,
        table: Table,
        most: u64,
        too_old: impl Fn(&[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut surplus = table.len(self.txn).map_err(StoreError::index)?.saturating_sub(most);
        for _ in 0..PRUNED {
            let Some((key, value)) = table.first(self.txn).map_err(StoreError::index)? else { break };
            if surplus == 0 && !too_old(value)? {
                break;
            }
            let key = key.to_vec();
            delete(table, self.txn, &key)?;
            surplus = surplus.saturating_sub(1);
        }
        Ok(())
    }
}

fn shortened(reply: &str) -> &str {
    reply.get(..reply.floor_char_boundary(REPLY)).unwrap_or_default()
}
