//! `appliance`: what the page may want of the board, where the program runs on one.

use serde_json::json;

use crate::live::Wish;

use super::operation::{Gives, Operation, PLAIN};
use super::{Answer, Api, ApiError};

const WANTED: Gives = Gives::Object("wanted:string");

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "appliance",
        summary: "On the flashable image: whether the clock is known, how the last wish went",
        gives: Gives::Object("appliance:boolean"),
        run: |api, _| Box::pin(async { api.appliance() }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "appliance/halt",
        summary: "Stops the board",
        gives: WANTED,
        run: |api, _| Box::pin(async { api.wish(Wish::Halt) }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "appliance/restart",
        summary: "Restarts the board",
        gives: WANTED,
        run: |api, _| Box::pin(async { api.wish(Wish::Restart) }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "appliance/backup",
        summary: "A backup onto the USB stick",
        gives: WANTED,
        run: |api, _| Box::pin(async { api.wish(Wish::Backup) }),
        ..PLAIN
    },
];

impl Api {
    /// Whether there is a board to ask, whether its clock is known, how the last wish went.
    fn appliance(&self) -> Answer {
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
    fn wish(&self, wish: Wish) -> Answer {
        match self.wishes.want(wish) {
            true => Ok(json!({ "wanted": wish })),
            false => Err(ApiError::Conflict("this is not the appliance".into())),
        }
    }
}
