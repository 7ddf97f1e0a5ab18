//! How many connections there are, and when the runner has to look again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_io::Timer;

use crate::net::now_ms;

use super::super::connection;
use super::super::lane::{Lane, Load, Seat};
use super::{DEEP, LOOK_AGAIN, PATIENCE, Runner};

impl Runner {
    pub(super) fn open_connections(&self) {
        let now = Instant::now();
        let mut lanes: Vec<(Arc<Lane>, Load)> = self
            .shared
            .pool
            .lanes()
            .into_iter()
            .map(|lane| (lane.clone(), lane.load()))
            .filter(|(lane, load)| wants_another(lane, load, now))
            .collect();
        lanes.sort_by_key(|(_, load)| load.oldest);
        for (lane, load) in lanes {
            let waited = load.oldest.is_some_and(|since| now.duration_since(since) >= PATIENCE);
            let deep = load.open == 0 || waited || load.waiting >= DEEP * load.open;
            let free = lane.line.connections.load(Ordering::Acquire) < lane.line.threads();
            if deep && free && load.enough_until.is_none_or(|until| until <= now) && lane.line.use_session() {
                let seat = Seat::take(&lane);
                self.tasks.spawn(connection::run(self.shared.clone(), lane, seat)).detach();
            }
        }
    }

    /// When to look again, if nothing happens before.
    pub(super) fn timer(&self) -> Timer {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        let mut at = |time: Instant| next = Some(next.map_or(time, |earlier: Instant| earlier.min(time)));
        for lane in self.shared.pool.lanes() {
            let load = lane.load();
            if let Some((until, _)) = &load.blocked {
                at(*until);
            } else if wants_another(&lane, &load, now) && !lane.line.is_session_used() {
                at((load.oldest.unwrap_or(now) + PATIENCE).max(load.enough_until.unwrap_or(now)));
            } else if load.waiting > 0 {
                lane.line.meter.opens(now).into_iter().for_each(&mut at);
            }
        }
        self.run.iter().filter_map(|run| run.yields_at(now)).for_each(&mut at);
        if self.unread {
            if self.shared.pool.waiting() < self.low() {
                at(self.read_at);
            }
        } else if let Some(due) = self.shared.pool.due() {
            let left = Duration::from_millis(u64::try_from(due - now_ms()).unwrap_or(0));
            at(now + left.min(LOOK_AGAIN));
        }
        next.map_or_else(Timer::never, Timer::at)
    }
}

/// Parcels wait, nobody will take them at once, and another connection is allowed.
fn wants_another(lane: &Lane, load: &Load, now: Instant) -> bool {
    load.waiting > 0
        && load.room == 0
        && load.open < lane.line.max_connections()
        && load.blocked.is_none()
        && lane.line.is_open()
        && lane.line.meter.opens(now).is_none()
}
