//! Mails that come in: by hand when they were just accepted, and from the index.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::net::now_ms;
use crate::store::{QueueEntry, StoreError};

use super::super::lane::LOW;
use super::super::line::Line;
use super::super::pool::WAITING;
use super::super::reading::{Cursor, Read, nobodys};
use super::{LOOK_AGAIN, PASSED_OVER, READ_AGAIN, Runner};

impl Runner {
    pub(super) async fn take_fresh(&mut self, bound: usize) {
        let fresh = self.shared.signals.fresh();
        while self.shared.pool.waiting() < bound {
            let Ok(entry) = fresh.try_recv() else { break };
            self.take_in(entry).await;
        }
        if self.shared.signals.take_overflow() {
            self.unread = true;
            self.look_again_for_run();
        }
    }

    /// A mail just accepted. What cannot go now is left to the index, where it takes no memory.
    pub(super) async fn take_in(&self, entry: Arc<QueueEntry>) {
        let now = now_ms();
        if entry.is_held(now) || !self.shared.pool.is_new(entry.mail) {
            return;
        }
        let lines = self.shared.lines();
        let assigned = lines.assign(&self.shared.store, &entry, now, true, &self.late());
        if let Some(change) = nobodys(&entry, &assigned.nobodys)
            && let Err(error) = self.shared.store.post(vec![change]).await
        {
            log::error!("send: {error}");
        }
        self.shared.pool.take_in(&entry, assigned.groups);
    }

    /// Whether a line does not take mail accepted at this time: it came after the start of the run.
    pub(super) fn late(&self) -> impl Fn(&Line, i64) -> bool + Sync + use<> {
        let runs = self.shared.signals.runs().clone();
        let run = self.run.as_ref().map(|run| (run.part.connection, run.started));
        move |line, accepted_at| {
            let started = run.filter(|(connection, _)| *connection == line.id).map(|(_, started)| started);
            let snapshot = line.sender.only_waiting_at_start && !runs.sends_at_once(line.id);
            snapshot && started.is_some_and(|started| accepted_at > started)
        }
    }

    /// Somebody has held, released, removed or hurried entries: what waits may be out of date.
    pub(super) async fn queue_changed(&mut self) {
        self.take_fresh(usize::MAX).await;
        for lane in self.shared.pool.lanes() {
            lane.unblock();
        }
        for line in self.shared.lines().all() {
            line.sick.store(false, Ordering::Release);
        }
        self.forget_waiting(|_| true);
        self.read_anew();
    }

    pub(super) fn forget_waiting(&self, which: impl Fn(&Line) -> bool) {
        for lane in self.shared.pool.lanes().iter().filter(|lane| which(&lane.line)) {
            self.shared.pool.forget(&lane.line, lane.take_all());
        }
    }

    pub(super) fn read_anew(&mut self) {
        self.unread = true;
        self.look_again_for_run();
        self.read_at = Instant::now();
        self.cursor = Cursor::default();
    }

    pub(super) async fn read_if_due(&mut self) {
        let pool = &self.shared.pool;
        let lines = self.shared.lines();
        self.unread |= pool.due().is_some_and(|due| lines.is_due(due, now_ms()));
        let now = Instant::now();
        if !self.unread || now < self.read_at || pool.waiting() >= self.low() {
            return;
        }
        let (late, preferred) = (self.late(), self.preferred());
        let read = self.cursor.read(&self.shared, &lines, &late, preferred).await;
        if let (Ok(Read::All | Read::Passed { preferred: false }), Some(run)) = (&read, &mut self.run) {
            run.has_looked = true;
        }
        match read {
            Ok(Read::All) => self.unread = false,
            Ok(Read::More) => self.unread = true,
            Ok(Read::Passed { .. }) => (self.unread, self.read_at) = (true, now + PASSED_OVER),
            Err(StoreError::Closed) => self.read_at = now + LOOK_AGAIN,
            Err(error) => {
                log::error!("send: the queue cannot be read: {error}");
                self.read_at = now + READ_AGAIN;
            }
        }
    }

    /// The index is read when fewer parcels wait; earlier where they wait for several destinations, of which one may be
    /// slow, and where a run has to see its own.
    pub(super) fn low(&self) -> usize {
        if self.preferred().is_some() {
            return WAITING - LOW;
        }
        let lanes = self.shared.pool.lanes();
        if lanes.iter().filter(|lane| !lane.is_empty()).count() > 1 { WAITING - LOW } else { LOW }
    }
}
