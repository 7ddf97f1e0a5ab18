//! What is going on now: sessions, states of collectors and senders, last errors; and the signals that start things.
//! Nothing here is stored.

mod board;
mod connections;
mod keeper;
mod logfile;
mod name_servers;
mod runs;
mod signals;
mod visits;

pub use board::{Board, CollectorState, Listening, Problem, SenderState, SessionGuard, SessionInfo};
pub use connections::{ConnectionState, ScheduleState};
pub use keeper::{Pulse, Report, Wish, Wishes, pulse_path};
pub use logfile::{LogFiles, file_name};
pub use name_servers::{LookupState, NameServerState, NameServersState};
pub use runs::{Part, Patience, Running, Runs};
pub use signals::{Signals, Stop, StopSource};
pub use visits::Visits;
