//! What the board says of Connections and the schedule: state, next run, what being paused means.

use crate::config::Connection;
use crate::live::ScheduleState;
use crate::net::is_plausible;

use super::{MINUTE, Runner, clock};

impl Runner {
    pub(super) fn show(&mut self) {
        let now = self.context.now();
        let config = self.config.clone();
        for connection in &config.connections {
            let next = self.next_run(connection.id, now / MINUTE);
            let words = self.words(connection, next);
            self.context.board.connection(connection.id, |state| {
                if state.name != connection.name {
                    state.name.clone_from(&connection.name);
                }
                state.next_run = next.map(|minute| minute * MINUTE);
                state.state = words.into();
            });
        }
        let state = match (self.is_paused_by_file, self.timetable.is_paused()) {
            (true, _) => {
                "paused by the file CONNECT.PAUSE in the data directory: Connections run only when somebody \
                          starts them, and mail waits for that; remove the file to go on"
            }
            (_, true) => "paused: Connections run only when somebody starts them, and mail waits for that",
            _ if !is_plausible(now) => "waits until the clock of the box is set",
            _ => "in force",
        };
        let paused = self.is_paused_by_file || self.timetable.is_paused();
        self.context.board.set_schedule(ScheduleState { paused, state: state.into() });
    }

    /// Looked for again only when it has passed: that takes as long as asking for each minute of a week.
    fn next_run(&mut self, id: u32, minute: i64) -> Option<i64> {
        if self.is_paused_by_file || !is_plausible(minute.saturating_mul(MINUTE)) {
            return None;
        }
        match self.next.get(&id) {
            Some(Some(next)) if *next > minute && *next < minute + clock::A_WEEK => Some(*next),
            Some(None) => None,
            _ => {
                let next = self.timetable.next(id, minute);
                self.next.insert(id, next);
                next
            }
        }
    }

    fn words(&self, connection: &Connection, next: Option<i64>) -> &'static str {
        let is_running = self.running.as_ref().is_some_and(|running| running.connection == connection.id);
        match connection {
            _ if is_running => "running",
            _ if self.context.signals.runs().is_marked(connection.id) => "waits until another Connection has ended",
            Connection { enabled: false, .. } => "switched off",
            Connection { paused: true, .. } => "paused: runs only when somebody starts it, and its mail waits for that",
            _ if self.is_paused_by_file || self.timetable.is_paused() => "the schedule is paused",
            _ if next.is_none() && is_plausible(self.context.now()) => {
                "on demand: the schedule does not start it, and its mail waits until somebody does"
            }
            _ => "waits for its time",
        }
    }
}
