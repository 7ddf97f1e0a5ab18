//! The senders of the configuration, and what the board says of them.

use std::sync::Arc;

use super::super::line::{LAN, Line};
use super::super::lines::Lines;
use super::Runner;

impl Runner {
    pub(super) fn take_lines(&mut self, first: bool) {
        let old = self.shared.lines();
        let config = self.shared.config.current();
        let lines = Arc::new(Lines::of(&config, Some(&old)));
        if lines.same_as(&old) && !first {
            return;
        }
        for gone in old.all().filter(|old| !lines.all().any(|line| Arc::ptr_eq(line, old))) {
            gone.leave();
        }
        self.shared.pool.close_lanes(Line::is_gone);
        self.shared.set_lines(lines.clone());
        lines.set_open(self.shared.signals.runs(), self.in_run());
        self.show(&lines, !config.lan.rules.is_empty());
        for lane in self.shared.pool.lanes() {
            lane.unblock();
            lane.call_all();
        }
        self.forget_waiting(|_| true);
        self.read_anew();
    }

    /// The states of all senders on the board.
    fn show(&self, lines: &Lines, has_lan: bool) {
        let board = &self.shared.board;
        let mut shown = Vec::new();
        let lan = has_lan.then_some(&lines.lan);
        for line in lines.senders.iter().chain(lan) {
            shown.push(line.id);
            match &line.shut {
                Some(why) => self.shared.state(line.id, &line.name, why, false),
                None if line.paused => {
                    let words = "Outgoing mail waits: the connection is paused, and nobody has started it";
                    self.shared.state(line.id, &line.name, words, true);
                }
                None if board.senders().get(&line.id).is_some_and(|known| known.ok && known.name == line.name) => {}
                None => self.shared.state(line.id, &line.name, "ready", true),
            }
        }
        if lines.senders.is_empty() {
            shown.push(0);
            let why = "Outgoing mail waits: no enabled connection has a sender";
            self.shared.state(0, "Outgoing mail", why, false);
        }
        shown.push(LAN);
        board.keep_senders(&shown);
    }
}
