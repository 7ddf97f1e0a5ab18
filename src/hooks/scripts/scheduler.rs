//! `scheduler.lua`: what is done regularly (spec lua-hooks §22).

use crate::hooks::declare::{Declaration, Hook, hook};

pub static DECLARATION: Declaration = Declaration {
    name: "scheduler.lua",
    meaning: "Does things regularly. Calls never overlap; what takes long delays what follows, and nothing piles up.",
    lifetime: "while the program runs, or until the script is saved again",
    functions: &[
        Start::FUNCTION,
        Unload::FUNCTION,
        Reload::FUNCTION,
        Sched1Min::FUNCTION,
        Sched5Min::FUNCTION,
        Sched1Hour::FUNCTION,
        Sched1Day::FUNCTION,
    ],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called when the program has started.
    Start "Start" since "" [] () -> StartReturned ()
}

hook! {
    /// Called before a new version of the script takes its place.
    Unload "Unload" since "" [] () -> UnloadReturned (
        /// Handed to the new version.
        data: String = "data",
    )
}

hook! {
    /// Called when a new version of the script is there.
    Reload "Reload" since "" [] (
        /// What Unload has returned; empty if nothing.
        data: String = "data",
    ) -> ReloadReturned ()
}

hook! {
    /// Called about once a minute, counted from the start.
    Sched1Min "Sched1Min" since "" [] () -> Sched1MinReturned ()
}

hook! {
    /// Called about every five minutes.
    Sched5Min "Sched5Min" since "" [] () -> Sched5MinReturned ()
}

hook! {
    /// Called about once an hour.
    Sched1Hour "Sched1Hour" since "" [] () -> Sched1HourReturned ()
}

hook! {
    /// Called just after midnight.
    Sched1Day "Sched1Day" since "" [] () -> Sched1DayReturned ()
}
