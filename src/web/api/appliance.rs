//! `appliance`: what the page may want of the board, where the program runs on one.

use serde_json::json;

use crate::live::Wish;

use super::{Answer, Api, ApiError};

impl Api {
    /// Whether there is a board to ask, whether its clock is known, how the last wish went.
    pub(super) fn appliance(&self) -> Answer {
        Ok(match self.wishes.report() {
            None => json!({ "appliance": false }),
            Some(report) => json!({
                "appliance": true,
                "clock_known": report.clock_known,
                "last": report.last,
                "last_ok": report.ok,
            }),
        })
    }

    /// Fulfilled within seconds.
    pub(super) fn wish(&self, wish: Wish) -> Answer {
        match self.wishes.want(wish) {
            true => Ok(json!({ "wanted": wish })),
            false => Err(ApiError::Conflict("this is not the appliance".into())),
        }
    }
}
