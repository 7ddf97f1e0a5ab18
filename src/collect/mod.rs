//! POP3 collectors.

use crate::intake::Intake;
use crate::live::Stop;
use crate::net::{Resolver, Tasks};

/// Runs the collectors of all connections, each when it is due or on [`crate::live::Signals::on_collect`], until `stop`.
pub async fn run(_tasks: Tasks, _intake: Intake, _resolver: Resolver, _stop: Stop) {
    unimplemented!()
}
