//! Runs of connections: while one is under way its sender is open, where mail otherwise waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::live::Part;
use crate::net::now_ms;

use super::super::line::Line;
use super::Runner;

impl Runner {
    pub(super) fn take_gates(&mut self) {
        let lines = self.shared.lines();
        let in_run = self.run.as_ref().map(|(part, _)| part.connection);
        if lines.set_open(self.shared.signals.runs(), in_run) {
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
        self.run = Some((part, now_ms()));
        self.take_gates();
        self.read_anew();
    }

    /// A run is over when all that was due has been looked at, and tried.
    pub(super) fn end_run(&mut self) {
        let Some((part, _)) = &self.run else { return };
        let lines = self.shared.lines();
        let line = lines.sender(part.connection).filter(|line| line.is_open());
        let waits = line.is_some_and(|line| line.parcels.load(Ordering::Acquire) > 0 && !self.is_used_up(line));
        if (self.unread && line.is_some()) || waits {
            return;
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
