//! What becomes of the parcels of a lane that fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::net::now_ms;
use crate::store::RecipientState;

use super::super::attempt::Tried;
use super::super::lane::{Failed, Lane, Parcel};
use super::super::line::Method;
use super::super::lines::Lines;
use super::super::schedule;
use super::{BLOCKED, Runner};

impl Runner {
    /// While a lane fails as a whole, each parcel is put off by its own retry step instead of being tried, unless another
    /// sender takes it.
    pub(super) async fn mind_failures(&mut self) {
        for lane in self.shared.pool.lanes() {
            if let Some(failed) = lane.take_failure() {
                self.lane_failed(&lane, &failed).await;
            }
            match lane.load().blocked {
                Some((until, _)) if until <= Instant::now() => {
                    lane.unblock();
                    lane.line.sick.store(false, Ordering::Release);
                }
                Some((_, reason)) => self.put_off(&lane, lane.take_all(), &reason, false).await,
                None => {}
            }
        }
        self.shared.pool.sweep();
    }

    pub(super) async fn lane_failed(&mut self, lane: &Arc<Lane>, failed: &Failed) {
        let waiting = lane.take_all();
        if let Some(hold) = failed.hold {
            let due = now_ms().saturating_add(i64::try_from(hold.as_millis()).unwrap_or(i64::MAX));
            for parcel in waiting {
                let _ = self.shared.results.send(Tried::held(&lane.line, parcel, &failed.reason, due)).await;
            }
            return;
        }
        if failed.permanent {
            for parcel in waiting {
                let tried = Tried::all(&lane.line, parcel, RecipientState::Failed, &failed.reason, true);
                let _ = self.shared.results.send(tried).await;
            }
            return;
        }
        let step = Duration::from_millis(u64::try_from(schedule::first_step(&lane.line.sender)).unwrap_or(0));
        lane.block(Instant::now() + BLOCKED.min(step), failed.reason.clone());
        self.put_off(lane, waiting, &failed.reason, true).await;
    }

    pub(super) async fn put_off(&mut self, lane: &Arc<Lane>, parcels: Vec<Parcel>, reason: &str, tried: bool) {
        let lines = self.shared.lines();
        for parcel in parcels {
            if lane.line.method == Method::Relay && self.goes_elsewhere(&lines, lane, &parcel) {
                // By what the index says of it: of the entry here, other recipients may be out of date.
                self.shared.pool.forget(&lane.line, vec![parcel]);
                continue;
            }
            let tried = Tried::all(&lane.line, parcel, RecipientState::Pending, reason, tried);
            let _ = self.shared.results.send(tried).await;
        }
    }

    /// A sender that works takes a recipient of the parcel.
    pub(super) fn goes_elsewhere(&self, lines: &Lines, lane: &Lane, parcel: &Parcel) -> bool {
        let assigned = lines.assign(&self.shared.store, &parcel.entry, now_ms(), true, &self.late());
        let elsewhere = |place: &u32| parcel.places.contains(place);
        let mut others = assigned.groups.iter().filter(|(line, ..)| !Arc::ptr_eq(line, &lane.line));
        others.any(|(_, _, places)| places.iter().any(elsewhere))
    }
}
