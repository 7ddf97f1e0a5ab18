//! Runs of connections: while one is under way its sender is open, where mail otherwise waits.
//!
//! A run is over when the connection's own mail has been looked at and tried; what others have in the queue keeps nobody.
//! One that has lasted long ends when another connection waits: what is under way is finished, what is left goes in the
//! next run, or at once where mail does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::live::Part;
use crate::net::now_ms;

use super::super::line::Line;
use super::super::pool::LANE;
use super::Runner;

pub(super) struct Run {
    pub part: Part,
    /// Unix milliseconds.
    pub started: i64,
    since: Instant,
    /// All that the index has of this connection has been seen since the run began.
    pub has_looked: bool,
}

impl Run {
    /// When it may have to end for another; `None` once that depends on a mark alone.
    pub fn yields_at(&self, now: Instant) -> Option<Instant> {
        self.since.checked_add(self.part.patience).filter(|at| *at > now)
    }
}

impl Runner {
    pub(super) fn in_run(&self) -> Option<u32> {
        self.run.as_ref().map(|run| run.part.connection)
    }

    /// The line whose mail is looked for: of a run that has not seen all of its own.
    pub(super) fn preferred(&self) -> Option<u32> {
        self.run.as_ref().filter(|run| !run.has_looked).map(|run| run.part.connection)
    }

    pub(super) fn look_again_for_run(&mut self) {
        if let Some(run) = &mut self.run {
            run.has_looked = false;
        }
    }

    pub(super) fn take_gates(&mut self) {
        let lines = self.shared.lines();
        if lines.set_open(self.shared.signals.runs(), self.in_run()) {
            self.forget_waiting(|line| !line.is_open());
            for lane in self.shared.pool.lanes() {
                lane.call_all();
            }
            self.read_anew();
        }
    }

    /// The connection's mail may go now, whatever kept it.
    pub(super) fn begin_run(&mut self, part: Part) {
        for lane in self.shared.pool.lanes().iter().filter(|lane| lane.line.id == part.connection) {
            lane.unblock();
        }
        if let Some(line) = self.shared.lines().sender(part.connection) {
            line.sick.store(false, Ordering::Release);
            line.begin_run(!self.shared.signals.runs().sends_at_once(line.id));
        }
        if self.shared.pool.waiting() >= LANE {
            // Others' mail would fill the room in which this one's has to be seen.
            self.forget_waiting(|line| line.id != part.connection);
        }
        self.run = Some(Run { part, started: now_ms(), since: Instant::now(), has_looked: false });
        self.take_gates();
        self.read_anew();
    }

    /// A run is over when all of it that was due has been looked at, and tried; or when another has waited long enough.
    pub(super) fn end_run(&mut self) {
        let Some(run) = &self.run else { return };
        let lines = self.shared.lines();
        let line = lines.sender(run.part.connection).filter(|line| line.is_open());
        let waits = line.is_some_and(|line| line.parcels.load(Ordering::Acquire) > 0 && !self.is_used_up(line));
        if waits || (line.is_some() && !run.has_looked) {
            let part = &run.part;
            if !self.shared.signals.runs().must_yield(part.connection, run.since, part.patience) {
                return;
            }
            log::info!("send: the run of connection {} ends for another that waits", part.connection);
        }
        if let Some(line) = line {
            line.begin_run(false);
        }
        self.run = None;
        self.take_gates();
    }

    /// What is left waits for a limit of the sender: for another run.
    pub(super) fn is_used_up(&self, line: &Arc<Line>) -> bool {
        line.connections.load(Ordering::Acquire) == 0
            && (line.is_session_used() || line.meter.opens(Instant::now()).is_some())
    }
}
