//! Takes what is due from the index into the lanes, page by page, so that mails that cannot go now are passed over and
//! those behind them are seen.

use std::sync::Arc;

use crate::net::now_ms;
use crate::store::{Change, Hold, JournalRow, MailId, QueueEntry, RecipientState, RecipientUpdate, StoreError};

use super::Shared;
use super::lines::{Lines, NOBODY};
use super::pool::{LANE, Reading, WAITING};

/// Entries read from the index at a time.
const PAGE: usize = 512;
/// Pages in one go.
const PAGES: usize = 8;

/// Where the reading stands.
#[derive(Default)]
pub struct Cursor {
    /// The time and the mail of the last entry looked at.
    after: Option<(i64, MailId)>,
    /// An entry was passed over since its lane has enough for now …
    passed: bool,
    /// … one of the line that is preferred.
    passed_preferred: bool,
    preferred: Option<u32>,
}

/// How a reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// All that is due has been looked at.
    All,
    /// There is more.
    More,
    /// All has been looked at, but some lanes had enough for now: also of the line that is preferred?
    Passed { preferred: bool },
}

impl Cursor {
    /// Reads on; `late` as in [`Lines::assign`]. Mail of other lines than the `preferred` one takes a part of the room only.
    pub async fn read(
        &mut self,
        shared: &Shared,
        lines: &Lines,
        late: &(dyn Fn(&super::line::Line, i64) -> bool + Sync),
        preferred: Option<u32>,
    ) -> Result<Read, StoreError> {
        self.preferred = preferred;
        shared.pool.begin_reading(self.after.is_none());
        let read = self.pages(shared, lines, late).await;
        let (read, due) = match read {
            Ok(found) => found,
            Err(error) => {
                shared.pool.end_reading(None);
                return Err(error);
            }
        };
        shared.pool.end_reading(due);
        if read == Read::All {
            let Cursor { passed, passed_preferred, .. } = std::mem::take(self);
            if passed {
                return Ok(Read::Passed { preferred: passed_preferred });
            }
        }
        Ok(read)
    }

    async fn pages(
        &mut self,
        shared: &Shared,
        lines: &Lines,
        late: &(dyn Fn(&super::line::Line, i64) -> bool + Sync),
    ) -> Result<(Read, Option<i64>), StoreError> {
        shared.store.settled().await?;
        let mut changes = Vec::new();
        let mut found = (Read::More, None);
        for _ in 0..PAGES {
            let (store, after) = (shared.store.clone(), self.after);
            let page = smol::unblock(move || {
                let page = store.queue_due_after(after, PAGE)?;
                let full = page.len() == PAGE;
                // What a clock that went wrong has put off for years stands last.
                let last = if full && after.is_none() { store.queue_due_last(PAGE)? } else { Vec::new() };
                Ok::<_, StoreError>((page, last, full))
            });
            let (page, last, full) = page.await?;
            let now = now_ms();
            let mut next = None;
            for entry in page {
                let Some(wakes) = entry.wakes() else { continue };
                if is_due(lines, &entry, wakes, now) {
                    self.after = Some((wakes, entry.mail));
                    self.take(shared, lines, entry, now, late, &mut changes);
                } else {
                    next = next.into_iter().chain([wakes]).min();
                }
            }
            for entry in last {
                if entry.wakes().is_some_and(|wakes| wakes > now && is_due(lines, &entry, wakes, now)) {
                    self.take(shared, lines, entry, now, late, &mut changes);
                }
            }
            if next.is_some() || !full {
                found = (Read::All, next);
                break;
            }
            if shared.pool.waiting() >= WAITING {
                break;
            }
        }
        if !changes.is_empty() {
            shared.store.post(changes).await?;
        }
        Ok(found)
    }

    fn take(
        &mut self,
        shared: &Shared,
        lines: &Lines,
        entry: QueueEntry,
        now: i64,
        late: &dyn Fn(&super::line::Line, i64) -> bool,
        changes: &mut Vec<Change>,
    ) {
        if shared.pool.reading(&entry) == Reading::Known {
            return;
        }
        if entry.delete_after.is_some_and(|time| time <= now) {
            changes.extend([Change::QueueRemove { mail: entry.mail }, Change::Journal(deleted(&entry, now))]);
            return;
        }
        if entry.is_held(now) {
            return;
        }
        let mut assigned = lines.assign(&shared.store, &entry, now, false, late);
        assigned.groups.retain(|(line, way, _)| {
            let is_preferred = self.preferred == Some(line.id);
            let crowded = self.preferred.is_some() && !is_preferred && shared.pool.waiting() >= LANE;
            let full = crowded || shared.pool.is_full(line, way);
            self.passed |= full;
            self.passed_preferred |= full && is_preferred;
            !full
        });
        changes.extend(nobodys(&entry, &assigned.nobodys));
        shared.pool.take_in(&Arc::new(entry), assigned.groups);
    }
}

fn is_due(lines: &Lines, entry: &QueueEntry, wakes: i64, now: i64) -> bool {
    // Holds and deletions may lie as far off as somebody wants.
    let by_retry = entry.hold == Hold::No && entry.due() == Some(wakes);
    wakes <= now || (by_retry && lines.is_due(wakes, now))
}

/// Says, once, that no sender takes these recipients. They wait; no try is counted.
pub fn nobodys(entry: &QueueEntry, places: &[u32]) -> Option<Change> {
    let update = |index: &u32| {
        let recipient = entry.recipients.get(usize::try_from(*index).ok()?)?;
        Some(RecipientUpdate {
            index: *index,
            state: RecipientState::Pending,
            reply: NOBODY.to_string(),
            due: recipient.due,
            tried: false,
            delay_notified: false,
        })
    };
    let recipients: Vec<RecipientUpdate> = places.iter().filter_map(update).collect();
    (!recipients.is_empty()).then_some(Change::QueueTried { mail: entry.mail, recipients })
}

fn deleted(entry: &QueueEntry, at: i64) -> JournalRow {
    let pending = entry.recipients.iter().filter(|recipient| recipient.state == RecipientState::Pending);
    let to: Vec<&str> = pending.map(|recipient| recipient.address.as_str()).take(10).collect();
    JournalRow {
        at,
        mail: Some(entry.mail),
        event: "removed".into(),
        from: entry.return_path.as_ref().map(ToString::to_string).unwrap_or_default(),
        to: to.join(", "),
        detail: "its time in the queue was over".into(),
    }
}
