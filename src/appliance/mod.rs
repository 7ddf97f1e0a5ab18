//! What the flashable image needs beside the program: the keeper, which starts the program, watches over it, and does for
//! the board what needs root; and small steps of the start (`widen`, `grow`, `rescue`) that the image's first script calls.
//!
//! * `keeper` runs as root beside the program, which has given root up; they talk by one line each way on a socket
//!   (`pulse`). It starts a program that has ended (`program`), and feeds the `watchdog` only while the program says that
//!   it works, so that anything that hangs ends in a reset of the board.
//! * `clock`, `time`: never before the last time known, then that of several servers. `seed`: randomness over a power cut.
//! * `announce`: the name in the office's network. `light`, `console`: how the box does, for people without a browser.
//! * `provision`, `stick`, `halt`: settings from the boot partition, backup and restore by USB stick, an orderly end.
//!
//! It writes nothing while nothing happens, never formats, and waits for nothing without an end.

mod announce;
mod clock;
mod console;
mod disk;
mod halt;
mod keeper;
mod kernel;
mod light;
mod log;
mod program;
mod provision;
mod pulse;
mod rescue;
mod seed;
mod stick;
mod time;
mod watchdog;

pub use disk::{grow, widen};
pub use keeper::{Options, run};
pub use rescue::rescue;
