//! Turns outcomes into changes of the store, many in one write.
//!
//! What a server has taken may be written lazily (`post`): lost in a power cut, it is sent once more. What sets off a
//! notification is committed with its task. An outcome is tried until the store takes it, or the program ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use smol::channel::Receiver;
use smol::future::FutureExt;

use crate::config::Sender;
use crate::mail::{Notify, dsn};
use crate::net::now_ms;
use crate::store::{
    Change, DsnAction, JournalRow, MailId, QueueEntry, QueueRecipient, RecipientState, RecipientUpdate, SendAttempt,
    StoreError, Task, TaskKind,
};

use super::Shared;
use super::attempt::Tried;
use super::line::Line;
use super::schedule::{Next, gives_up_at, next};

/// Outcomes in one write.
const BATCH: usize = 256;
/// And recipients in them: a record of the log has a bound, and each may bring a long reply, twice.
const RECIPIENTS: usize = 500;
/// Between tries to record.
const AGAIN: Duration = Duration::from_secs(1);

/// Records until the channel is closed and empty.
pub async fn run(shared: Arc<Shared>, outcomes: Receiver<Tried>) {
    let mut batch = Vec::new();
    while let Ok(first) = outcomes.recv().await {
        batch.push(first);
        while let Some(more) = (batch.len() < BATCH).then(|| outcomes.try_recv().ok()).flatten() {
            batch.push(more);
        }
        let mut relayed: Vec<(Arc<Line>, u64)> = Vec::new();
        let mut dues = HashMap::new();
        let mut at = 0;
        for record in records(&batch) {
            let Some(written) = write(&shared, &record).await else { return };
            for (mail, line, due) in written.outcomes {
                if due.is_some() {
                    let known: &mut Option<i64> = dues.entry((mail, line.id)).or_default();
                    *known = (*known).into_iter().chain(due).min();
                }
            }
            for (line, count) in written.relayed {
                add(&mut relayed, &line, count);
            }
            at = written.at;
        }
        for (line, count) in relayed {
            shared.board.sender(line.id, |state| {
                state.relayed_total += count;
                state.last_relayed = Some(at);
            });
        }
        for tried in batch.drain(..) {
            let due = dues.get(&(tried.entry.mail, tried.line.id)).copied().flatten();
            shared.pool.recorded(&tried.line, tried.entry.mail, due);
        }
    }
}

fn add(counts: &mut Vec<(Arc<Line>, u64)>, line: &Arc<Line>, count: u64) {
    match counts.iter_mut().find(|(known, _)| Arc::ptr_eq(known, line)) {
        Some((_, known)) => *known += count,
        None => counts.push((line.clone(), count)),
    }
}

/// An outcome, or the part of one that fits.
type Part<'a> = (&'a Tried, &'a [RecipientUpdate]);

/// The outcomes, parted so that no write speaks of more than so many recipients.
fn records(batch: &[Tried]) -> Vec<Vec<Part<'_>>> {
    let (mut records, mut count) = (vec![Vec::new()], 0);
    for tried in batch {
        for updates in tried.updates.chunks(RECIPIENTS) {
            count += updates.len();
            if count > RECIPIENTS {
                count = updates.len();
                records.push(Vec::new());
            }
            records.last_mut().into_iter().for_each(|record| record.push((tried, updates)));
        }
    }
    records
}

/// `None` when the store is closed.
async fn write(shared: &Shared, batch: &[Part<'_>]) -> Option<Written> {
    let mut said = false;
    loop {
        let mut written = Written { at: now_ms(), ..Written::default() };
        for (tried, updates) in batch {
            written.add(tried, updates, || shared.store.task_id());
        }
        let changes = std::mem::take(&mut written.changes);
        let result = match written.tasks {
            false => shared.store.post(changes).await,
            true => shared.store.commit(changes).await,
        };
        match result {
            Ok(()) => {
                if written.tasks {
                    shared.signals.task_added();
                }
                return Some(written);
            }
            Err(StoreError::Closed) => return None,
            Err(error) => {
                if !said {
                    let text = format!("what became of outgoing mail cannot be recorded: {error}");
                    log::error!("send: {text}");
                    shared.board.problem(now_ms(), "queue", text);
                    said = true;
                }
                async_io::Timer::after(AGAIN).or(never_after_stop(shared)).await;
            }
        }
    }
}

/// While stopping, the tries follow each other without a pause to speak of; `run` of the room limits them.
async fn never_after_stop(shared: &Shared) -> std::time::Instant {
    shared.stop.stopping().await;
    async_io::Timer::after(AGAIN / 10).await
}

#[derive(Default)]
struct Written {
    at: i64,
    changes: Vec<Change>,
    /// Some of the changes are tasks.
    tasks: bool,
    /// Mails with a recipient that a server has taken, by line.
    relayed: Vec<(Arc<Line>, u64)>,
    /// When what was put off is due again.
    outcomes: Vec<(MailId, Arc<Line>, Option<i64>)>,
}

impl Written {
    fn add(&mut self, tried: &Tried, updates: &[RecipientUpdate], task_id: impl Fn() -> u64) {
        let (entry, sender) = (&tried.entry, &tried.line.sender);
        let mut updates = updates.to_vec();
        for update in &mut updates {
            let waits = update.state == RecipientState::Pending && update.tried;
            let Some(recipient) = recipient(entry, update).filter(|_| waits) else { continue };
            match next(sender, entry, recipient, self.at) {
                _ if tried.is_last => {
                    update.state = RecipientState::Failed;
                    update.reply = dsn::bounded(format!("{} (the last try, by a script)", update.reply));
                }
                Next::Again { due, warn } => (update.due, update.delay_notified) = (due, warn),
                Next::GiveUp => give_up(update, sender),
            }
        }
        let pending = updates.iter().filter(|update| update.state == RecipientState::Pending);
        let due = pending.map(|update| update.due).chain(tried.at_once.then_some(self.at)).min();
        if due.is_some() {
            self.outcomes.push((entry.mail, tried.line.clone(), due));
        }
        self.tasks(tried, &updates, task_id);
        for (state, event) in [
            (RecipientState::Relayed, "relayed"),
            (RecipientState::Pending, "deferred"),
            (RecipientState::Failed, "failed"),
        ] {
            self.journal(tried, &updates, state, event);
        }
        if updates.iter().any(|update| update.state == RecipientState::Relayed) {
            add(&mut self.relayed, &tried.line, 1);
        }
        self.attempt(tried, &updates);
        for update in updates.iter_mut().filter(|update| update.state == RecipientState::Relayed) {
            // It stands in the journal; nobody reads it in the queue.
            update.reply = String::new();
        }
        self.changes.push(Change::QueueTried { mail: entry.mail, recipients: updates });
    }

    /// What hooks and the administrator look at later: the worst reply stands for all.
    fn attempt(&mut self, tried: &Tried, updates: &[RecipientUpdate]) {
        let Some(at) = tried.began_at else { return };
        let worst = updates.iter().max_by_key(|update| match update.state {
            RecipientState::Relayed => 0,
            RecipientState::Pending => 1,
            RecipientState::Failed => 2,
        });
        let Some(worst) = worst else { return };
        self.changes.push(Change::Attempt(SendAttempt {
            at,
            mail: tried.entry.mail,
            connection: tried.line.id,
            server: tried.host.to_string(),
            recipients: u32::try_from(updates.len()).unwrap_or(u32::MAX),
            result: dsn::split_said(&worst.reply).1.to_string(),
        }));
    }

    /// Who wants to hear of what (RFC 3461 §4.1 and §5.2). Mail without a return path is never reported on.
    fn tasks(&mut self, tried: &Tried, updates: &[RecipientUpdate], task_id: impl Fn() -> u64) {
        if tried.entry.return_path.is_none() {
            return;
        }
        let until = gives_up_at(&tried.line.sender, &tried.entry);
        for (action, state, reported) in [
            (DsnAction::Failed, RecipientState::Failed, true),
            (DsnAction::Delayed { until }, RecipientState::Pending, true),
            (DsnAction::Relayed, RecipientState::Relayed, !tried.wishes_passed),
        ] {
            let wanted = |update: &&RecipientUpdate| {
                update.state == state
                    && (state != RecipientState::Pending || update.delay_notified)
                    && recipient(&tried.entry, update).is_some_and(|recipient| wants(&recipient.notify, action))
            };
            let recipients: Vec<QueueRecipient> = updates
                .iter()
                .filter(|_| reported)
                .filter(wanted)
                .filter_map(|update| Some(updated(recipient(&tried.entry, update)?, update)))
                .collect();
            if !recipients.is_empty() {
                let about = (0u32..).zip(&recipients).map(|(place, _)| place).collect();
                let entry = Box::new(QueueEntry { recipients, ..QueueEntry::clone(&tried.entry) });
                let kind = TaskKind::DeliveryStatus { entry, about, action };
                self.changes.push(Change::AddTask(Task { id: task_id(), created_at: self.at, kind }));
                self.tasks = true;
            }
        }
    }

    fn journal(&mut self, tried: &Tried, updates: &[RecipientUpdate], state: RecipientState, event: &str) {
        let mut to = String::new();
        let mut detail = String::new();
        for update in updates.iter().filter(|update| update.state == state) {
            let Some(recipient) = recipient(&tried.entry, update) else { continue };
            if state == RecipientState::Pending && update.reply == recipient.reply {
                // Nothing new, and it may be so for days.
                continue;
            }
            if to.is_empty() {
                detail = match state {
                    RecipientState::Relayed => dsn::said(&tried.host, &update.reply),
                    _ => update.reply.clone(),
                };
            } else if to.len() > 400 {
                to.push_str(", …");
                break;
            } else {
                to.push_str(", ");
            }
            to.push_str(recipient.address.as_str());
        }
        if to.is_empty() {
            return;
        }
        let level = if state == RecipientState::Relayed { log::Level::Debug } else { log::Level::Info };
        log::log!(level, "mail {} {event}: {to}: {detail}", tried.entry.mail);
        let from = tried.entry.return_path.as_ref().map(ToString::to_string).unwrap_or_default();
        let mail = Some(tried.entry.mail);
        self.changes.push(Change::Journal(JournalRow {
            at: self.at,
            mail,
            event: event.to_string(),
            from,
            to,
            detail,
        }));
    }
}

fn wants(notify: &Notify, action: DsnAction) -> bool {
    match action {
        DsnAction::Failed => notify.failure,
        DsnAction::Delayed { .. } => notify.delay,
        DsnAction::Relayed | DsnAction::Delivered => notify.success,
    }
}

fn recipient<'a>(entry: &'a QueueEntry, update: &RecipientUpdate) -> Option<&'a QueueRecipient> {
    entry.recipients.get(usize::try_from(update.index).ok()?)
}

fn give_up(update: &mut RecipientUpdate, sender: &Sender) {
    update.state = RecipientState::Failed;
    let (host, text) = dsn::split_said(&update.reply);
    let text = format!("{text} (given up after {} hours)", sender.give_up_after);
    update.reply = dsn::bounded(host.map_or(text.clone(), |host| dsn::said(host, &text)));
}

fn updated(recipient: &QueueRecipient, update: &RecipientUpdate) -> QueueRecipient {
    QueueRecipient { state: update.state, reply: update.reply.clone(), ..recipient.clone() }
}
