//! The store as it should be, in the simplest words: maps in memory, one change after the other.

use std::collections::{BTreeMap, BTreeSet};

use pillarbox::store::{
    Body, BodyHandle, Change, Hold, MailId, MailboxId, QueueRecipient, RecipientState, Store, StoreError,
};

/// Recipients (still pending, due, tries), hold.
pub type Queued = (Vec<(bool, i64, u32)>, Hold);

/// Everything a reader can see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// User → UID → mail, size.
    pub mailboxes: BTreeMap<u32, BTreeMap<u32, (MailId, u64)>>,
    pub queue: BTreeMap<MailId, Queued>,
    /// When it wakes, mail; of those not held for good.
    pub due: BTreeSet<(i64, MailId)>,
    pub bodies: BTreeMap<MailId, String>,
    pub seen: BTreeMap<(u32, String), i64>,
    /// Since when, the question, whether wanted.
    pub held: BTreeMap<(u32, String), (i64, Option<u128>, bool)>,
    pub tasks: BTreeMap<u64, Option<MailId>>,
    pub config: Option<String>,
    /// In order.
    pub journal: Vec<String>,
}

/// The model, and what the store keeps to itself.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub visible: Model,
    next_uid: BTreeMap<u32, u32>,
}

impl Expected {
    pub fn commit(&mut self, changes: &[Change]) {
        for change in changes {
            self.add(change);
        }
        for change in changes {
            self.change(change);
        }
        self.sweep();
    }

    fn add(&mut self, change: &Change) {
        let Change::AddMail(mail) = change else { return };
        let BodyHandle::Inline(bytes) = &mail.body else { panic!("bodies of the model are inline") };
        self.visible.bodies.insert(mail.id, String::from_utf8(bytes.to_vec()).unwrap());
        for delivery in &mail.deliveries {
            let user = delivery.mailbox.user;
            let uid = self.next_uid.entry(user).or_insert(1);
            let size = (delivery.head.len() + bytes.len()) as u64;
            self.visible.mailboxes.entry(user).or_default().insert(*uid, (mail.id, size));
            *uid += 1;
        }
        if let Some(queue) = &mail.queue {
            let pending = vec![(true, queue.due, 0); queue.envelope.recipients.len()];
            self.visible.queue.insert(mail.id, (pending, queue.hold));
        }
    }

    fn change(&mut self, change: &Change) {
        let visible = &mut self.visible;
        match change {
            Change::AddMail(_) => {}
            Change::QueueTried { mail, recipients } => {
                let Some(entry) = visible.queue.get_mut(mail) else { return };
                for update in recipients {
                    if let Some(recipient) = entry.0.get_mut(update.index as usize).filter(|recipient| recipient.0) {
                        let pending = update.state == RecipientState::Pending;
                        *recipient = (pending, update.due, recipient.2 + u32::from(update.tried));
                    }
                }
                if !entry.0.iter().any(|recipient| recipient.0) {
                    visible.queue.remove(mail);
                }
            }
            Change::QueueRetry { mail, due } => {
                if let Some(entry) = visible.queue.get_mut(mail) {
                    entry.0.iter_mut().for_each(|recipient| recipient.1 = *due);
                    entry.1 = Hold::No;
                }
            }
            Change::QueueHold { mail, hold } => {
                if let Some(entry) = visible.queue.get_mut(mail) {
                    entry.1 = *hold;
                }
            }
            Change::QueuePriority { .. }
            | Change::QueueDeleteAfter { .. }
            | Change::Attempt(_)
            | Change::PutReportedErrors(_) => {}
            Change::PutBlock(_)
            | Change::RemoveBlock { .. }
            | Change::ScriptSaved(_)
            | Change::ScriptRemoved { .. } => {}
            Change::QueueRemove { mail } => {
                visible.queue.remove(mail);
            }
            Change::DeleteMessages { mailbox, uids } => {
                let messages = visible.mailboxes.entry(mailbox.user).or_default();
                messages.retain(|uid, _| !uids.contains(uid));
            }
            Change::SeenUid { collector, uid, at } => {
                visible.seen.entry((*collector, uid.clone())).or_insert(*at);
            }
            Change::ForgetUids { collector, uids } => {
                for uid in uids {
                    visible.seen.remove(&(*collector, uid.clone()));
                }
            }
            Change::HoldMessage { collector, uid, at, question } => {
                let row = visible.held.entry((*collector, uid.clone())).or_insert((*at, None, false));
                row.1 = row.1.or(*question);
            }
            Change::WantMessage { question } => {
                visible.held.values_mut().filter(|row| row.1 == Some(*question)).for_each(|row| row.2 = true);
            }
            Change::ReleaseMessages { collector, uids } => {
                visible.held.retain(|(of, uid), _| of != collector || !uids.contains(uid));
            }
            Change::PutConfig { json } => visible.config = Some(json.clone()),
            Change::AddTask(task) => {
                visible.tasks.insert(task.id, task.kind.mail());
            }
            Change::RemoveTask { id } => {
                visible.tasks.remove(id);
            }
            Change::Journal(row) => visible.journal.push(row.event.clone()),
        }
    }

    /// Bodies nothing needs, and what follows from the queue.
    fn sweep(&mut self) {
        let visible = &mut self.visible;
        let delivered = visible.mailboxes.values().flat_map(|messages| messages.values().map(|(mail, _)| *mail));
        let mut needed: BTreeSet<MailId> = delivered.collect();
        needed.extend(visible.queue.keys());
        needed.extend(visible.tasks.values().flatten());
        visible.bodies.retain(|mail, _| needed.contains(mail));
        visible.mailboxes.retain(|_, messages| !messages.is_empty());
        let due = visible.queue.iter().filter_map(|(mail, (recipients, hold))| {
            let due = recipients.iter().filter(|recipient| recipient.0).map(|recipient| recipient.1).min()?;
            match hold {
                Hold::No => Some((due, *mail)),
                Hold::Until(time) => Some((due.max(*time), *mail)),
                Hold::ByAdministrator => None,
            }
        });
        visible.due = due.collect();
    }
}

/// What a settled store shows.
pub fn read(store: &Store, mails: &[MailId], collectors: u32) -> Result<Model, StoreError> {
    let mut model = Model::default();
    for summary in store.mailboxes()? {
        let messages = store.messages(summary.mailbox)?;
        assert_eq!(summary.messages as usize, messages.len());
        assert_eq!(summary.bytes, messages.iter().map(|message| message.size).sum::<u64>());
        let messages: BTreeMap<_, _> =
            messages.into_iter().map(|message| (message.uid, (message.mail, message.size))).collect();
        if !messages.is_empty() {
            model.mailboxes.insert(summary.mailbox.user, messages);
        }
    }
    for entry in store.queue_list(None, usize::MAX)? {
        let state =
            |recipient: &QueueRecipient| (recipient.state == RecipientState::Pending, recipient.due, recipient.tries);
        model.queue.insert(entry.mail, (entry.recipients.iter().map(state).collect(), entry.hold));
    }
    assert_eq!(store.queue_len()? as usize, model.queue.len());
    let due = store.queue_due(i64::MAX, usize::MAX)?;
    assert!(due.is_sorted_by_key(|entry| entry.wakes()));
    model.due = due.into_iter().filter_map(|entry| Some((entry.wakes()?, entry.mail))).collect();
    for mail in mails {
        match store.body(*mail)? {
            Some(Body::Inline(bytes)) => {
                model.bodies.insert(*mail, String::from_utf8(bytes.to_vec()).unwrap());
            }
            Some(Body::File { .. }) => panic!("bodies of the model are inline"),
            None => {}
        }
    }
    for collector in 0..collectors {
        model.seen.extend(store.seen_uids(collector)?.into_iter().map(|(uid, at)| ((collector, uid), at)));
    }
    for collector in 0..collectors {
        let held = store.held(collector)?.into_iter();
        model.held.extend(held.map(|(uid, row)| ((collector, uid), (row.since, row.question, row.wanted))));
    }
    for question in model.held.values().filter_map(|row| row.1) {
        assert!(store.asked(question)?.is_some_and(|row| row.question == Some(question)));
    }
    model.tasks = store.tasks(usize::MAX)?.into_iter().map(|task| (task.id, task.kind.mail())).collect();
    model.config = store.config()?;
    model.journal = store.journal(usize::MAX)?.into_iter().rev().map(|row| row.event).collect();
    Ok(model)
}

pub fn inbox(user: u32) -> MailboxId {
    MailboxId::inbox(user)
}
