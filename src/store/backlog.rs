//! What is in the log and not yet in the index, in memory.
//!
//! Here a mail that is accepted and completely relayed before it is applied disappears: its body is let go, and only
//! its journal rows are left to apply. That is safe because the record that ends it is on disk, or is applied in the
//! same transaction, before the log forgets the mail.
//!
//! A commit "needs the index" for everything in it that does not cancel out and is not a journal row.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::body::BodyHandle;
use super::change::{Change, MailId, NewMail, RecipientUpdate};
use super::log::Position;
use super::rows::RecipientState;

/// Something that needs the index waits this long, at most.
pub(super) const WAIT: Duration = Duration::from_millis(200);
/// Commits younger than this are left alone when older ones are applied: their mails may be relayed in a moment.
pub(super) const YOUNG: Duration = Duration::from_millis(100);
/// Journal rows alone wait until nothing has happened for this long.
pub(super) const QUIET: Duration = Duration::from_secs(3);
/// Bytes of commits, or things that need the index, that set off an apply.
const BATCH_BYTES: usize = 1024 * 1024;
const BATCH_CHANGES: usize = 256;
/// Journal rows that set off an apply.
const BATCH_ROWS: usize = 4096;
/// Beyond this, commits wait.
pub(super) const BOUND_BYTES: usize = 2 * 1024 * 1024;
pub(super) const BOUND_CHANGES: usize = 4096;

pub(super) struct Commit {
    pub end: Position,
    pub changes: Vec<Change>,
    /// Largest mail or task id in it, also of mails that ended here.
    pub last_id: u64,
    at: Instant,
    bytes: usize,
    needs: usize,
    rows: usize,
}

impl Commit {
    /// What of it is still to be written, in the log's measure.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A mail whose `AddMail` is not yet applied.
struct Waiting {
    body: BodyHandle,
    sequence: u64,
    /// For each recipient whether it is still to be tried. Empty when the mail cannot cancel out.
    pending: Vec<bool>,
}

#[derive(Default)]
pub(super) struct Backlog {
    commits: VecDeque<Commit>,
    mails: HashMap<MailId, Waiting>,
    /// Mails that ended here: the record that ended them, and the body file, if there is one.
    ended: Vec<(u64, Option<u128>)>,
    bytes: usize,
    needs: usize,
    rows: usize,
    last_activity: Option<Instant>,
}

/// What is taken for one transaction.
pub(super) struct Batch {
    pub commits: Vec<Commit>,
    pub end: u64,
}

/// What the apply thread should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing to apply.
    Idle,
    /// Look again after this time.
    Later(Duration),
    /// Apply up to this sequence.
    Apply(u64),
}

impl Backlog {
    pub(super) fn push(&mut self, end: Position, bytes: usize, changes: Vec<Change>, now: Instant) {
        let last_id = changes.iter().filter_map(Change::new_id).max().unwrap_or(0);
        let mut commit = Commit { end, changes: Vec::new(), last_id, at: now, bytes, needs: 0, rows: 0 };
        let mut ending = Vec::new();
        for change in &changes {
            if let Change::AddMail(mail) = change {
                commit.needs += 1;
                self.mails.insert(mail.id, waiting(mail, end.sequence));
            }
        }
        for change in &changes {
            match change {
                Change::AddMail(_) => {}
                Change::Journal(_) | Change::Attempt(_) => commit.rows += 1,
                Change::QueueTried { mail, recipients, .. } => match self.cancellable(*mail) {
                    Some(waiting) => {
                        settle(&mut waiting.pending, recipients);
                        if !waiting.pending.contains(&true) {
                            ending.push(*mail);
                        }
                    }
                    None => commit.needs += 1,
                },
                Change::QueueRemove { mail } if self.cancellable(*mail).is_some() => ending.push(*mail),
                Change::QueueRetry { mail, .. }
                | Change::QueueHold { mail, .. }
                | Change::QueuePriority { mail, .. }
                | Change::QueueDeleteAfter { mail, .. }
                    if self.cancellable(*mail).is_some() => {}
                Change::AddTask(task) => {
                    // The task keeps the body.
                    if let Some(waiting) = task.kind.mail().and_then(|mail| self.mails.get_mut(&mail)) {
                        waiting.pending.clear();
                    }
                    commit.needs += 1;
                }
                _ => commit.needs += 1,
            }
        }
        commit.changes = changes;
        self.bytes += commit.bytes;
        self.needs += commit.needs;
        self.rows += commit.rows;
        self.commits.push_back(commit);
        self.last_activity = Some(now);
        for mail in ending {
            self.end_mail(mail, end.sequence);
        }
    }

    fn cancellable(&mut self, mail: MailId) -> Option<&mut Waiting> {
        self.mails.get_mut(&mail).filter(|waiting| !waiting.pending.is_empty())
    }

    /// Takes the mail out of the commit that added it, unless it was kept after all.
    fn end_mail(&mut self, mail: MailId, sequence: u64) {
        if self.cancellable(mail).is_none() {
            return;
        }
        let Some(waiting) = self.mails.remove(&mail) else { return };
        let first = self.commits.front().map_or(0, |commit| commit.end.sequence);
        let index = waiting.sequence.wrapping_sub(first) as usize;
        let Some(commit) = self.commits.get_mut(index) else { return };
        commit.changes.retain(|change| !matches!(change, Change::AddMail(added) if added.id == mail));
        let bytes = waiting.body.inline_len().min(commit.bytes);
        commit.bytes -= bytes;
        commit.needs -= 1;
        self.bytes -= bytes;
        self.needs -= 1;
        let file = match waiting.body {
            BodyHandle::File { id, .. } => Some(id),
            BodyHandle::Inline(_) => None,
        };
        self.ended.push((sequence, file));
    }

    pub(super) fn body(&self, mail: MailId) -> Option<BodyHandle> {
        self.mails.get(&mail).map(|waiting| waiting.body.clone())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Commits have to wait.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > BOUND_BYTES || self.needs > BOUND_CHANGES
    }

    /// So much is waiting that even young commits are applied.
    pub(super) fn is_pressing(&self) -> bool {
        self.bytes > BOUND_BYTES / 2 || self.needs > BOUND_CHANGES / 2
    }

    /// Enough is gathered to look at it now.
    pub(super) fn is_ripe(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.needs >= BATCH_CHANGES || self.rows >= BATCH_ROWS
    }

    pub(super) fn needs_index(&self) -> bool {
        self.needs > 0
    }

    /// When and how far to apply: a batch at a time, once its last commit is no longer young, or when something in front
    /// has waited long enough. `wanted` is a sequence that must be applied at once.
    pub(super) fn next(&self, wanted: u64, now: Instant) -> Next {
        let (Some(first), Some(last)) = (self.commits.front(), self.commits.back()) else { return Next::Idle };
        if wanted >= first.end.sequence || self.is_pressing() {
            return Next::Apply(last.end.sequence);
        }
        let age = |commit: &Commit| now.saturating_duration_since(commit.at);
        let quiet = || self.last_activity.map_or(QUIET, |at| now.saturating_duration_since(at));
        let needing = self.commits.iter().find(|commit| commit.needs > 0);
        let overdue = needing.map_or_else(|| QUIET.saturating_sub(quiet()), |commit| WAIT.saturating_sub(age(commit)));
        let wait = self.batch_end().map_or(overdue, |commit| overdue.min(YOUNG.saturating_sub(age(commit))));
        if !wait.is_zero() {
            return Next::Later(wait.max(Duration::from_millis(1)));
        }
        let young = self.commits.partition_point(|commit| age(commit) >= YOUNG);
        Next::Apply(young.checked_sub(1).and_then(|old| self.commits.get(old)).unwrap_or(first).end.sequence)
    }

    /// The commit with which a batch is complete, if one is.
    fn batch_end(&self) -> Option<&Commit> {
        let (mut bytes, mut needs, mut rows) = (0, 0, 0);
        self.commits.iter().find(|commit| {
            bytes += commit.bytes;
            needs += commit.needs;
            rows += commit.rows;
            bytes >= BATCH_BYTES || needs >= BATCH_CHANGES || rows >= BATCH_ROWS
        })
    }

    /// Takes commits up to `until`, about a batch of them. A mail that ended must not be missing from the index before
    /// the record that ended it is safe: such records, if not yet flushed, are taken along.
    pub(super) fn take(&mut self, until: u64, flushed: u64) -> Batch {
        let unsafe_end = self.ended.iter().map(|(sequence, _)| *sequence).filter(|ended| *ended > flushed).max();
        let (mut commits, mut bytes, mut end) = (Vec::new(), 0, 0);
        while let Some(commit) = self.commits.front() {
            let enough = bytes >= BATCH_BYTES || commit.end.sequence > until;
            if enough && !commits.is_empty() && unsafe_end.is_none_or(|unsafe_end| unsafe_end < commit.end.sequence) {
                break;
            }
            let Some(commit) = self.commits.pop_front() else { break };
            bytes += commit.bytes;
            end = commit.end.sequence;
            for change in &commit.changes {
                if let Some(waiting) = added(change).and_then(|mail| self.mails.get_mut(&mail)) {
                    waiting.pending.clear();
                }
            }
            commits.push(commit);
        }
        Batch { commits, end }
    }

    /// Puts back what could not be applied.
    pub(super) fn put_back(&mut self, batch: Batch) {
        for commit in batch.commits.into_iter().rev() {
            self.commits.push_front(commit);
        }
    }

    /// The batch is in the index. Returns the files of ended mails that nothing needs any more.
    pub(super) fn applied(&mut self, batch: &Batch, flushed: u64) -> Vec<u128> {
        for commit in &batch.commits {
            self.bytes -= commit.bytes;
            self.needs -= commit.needs;
            self.rows -= commit.rows;
            for mail in commit.changes.iter().filter_map(added) {
                self.mails.remove(&mail);
            }
        }
        let safe = flushed.max(batch.end);
        let mut files = Vec::new();
        self.ended.retain(|(sequence, file)| {
            if *sequence <= safe {
                files.extend(file);
            }
            *sequence > safe
        });
        if self.commits.is_empty() {
            *self = Backlog { ended: std::mem::take(&mut self.ended), ..Backlog::default() };
        }
        files
    }

    /// Body files that are named here.
    pub(super) fn files(&self) -> HashSet<u128> {
        let waiting = self.mails.values().filter_map(|waiting| match waiting.body {
            BodyHandle::File { id, .. } => Some(id),
            BodyHandle::Inline(_) => None,
        });
        waiting.chain(self.ended.iter().filter_map(|(_, file)| *file)).collect()
    }
}

fn waiting(mail: &NewMail, sequence: u64) -> Waiting {
    let recipients = mail.queue.as_ref().map_or(0, |queue| queue.envelope.recipients.len());
    let pending = if mail.deliveries.is_empty() { vec![true; recipients] } else { Vec::new() };
    Waiting { body: mail.body.clone(), sequence, pending }
}

fn added(change: &Change) -> Option<MailId> {
    match change {
        Change::AddMail(mail) => Some(mail.id),
        _ => None,
    }
}

fn settle(pending: &mut [bool], updates: &[RecipientUpdate]) {
    for update in updates.iter().filter(|update| update.state != RecipientState::Pending) {
        if let Some(recipient) = pending.get_mut(update.index as usize) {
            *recipient = false;
        }
    }
}
