//! What the board says of Connections and their schedule.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Board;

#[derive(Clone, Debug, Default, Serialize)]
pub struct ConnectionState {
    pub name: String,
    /// Plain words: `running`, `waits for its time`, `paused: …`.
    pub state: String,
    pub running: bool,
    /// Runs that have ended since the start.
    pub runs: u64,
    /// When the last run began, Unix milliseconds.
    pub last_run: Option<i64>,
    /// When the schedule starts it next; `None` when it does not.
    pub next_run: Option<i64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct ScheduleState {
    pub paused: bool,
    /// Plain words.
    pub state: String,
}

#[derive(Debug, Default)]
pub(super) struct Connections {
    states: BTreeMap<u32, ConnectionState>,
    schedule: ScheduleState,
}

impl Board {
    pub fn connection(&self, id: u32, change: impl FnOnce(&mut ConnectionState)) {
        self.with_connections(|noted| change(noted.states.entry(id).or_default()));
    }

    /// Takes the others off the board.
    pub fn keep_connections(&self, is_there: impl Fn(u32) -> bool) {
        self.with_connections(|noted| noted.states.retain(|id, _| is_there(*id)));
    }

    pub fn connections(&self) -> BTreeMap<u32, ConnectionState> {
        self.with_connections(|noted| noted.states.clone())
    }

    pub fn set_schedule(&self, schedule: ScheduleState) {
        self.with_connections(|noted| noted.schedule = schedule);
    }

    pub fn schedule(&self) -> ScheduleState {
        self.with_connections(|noted| noted.schedule.clone())
    }
}
