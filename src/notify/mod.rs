//! Mail the box writes itself: works off the tasks table.

use crate::intake::Intake;
use crate::live::Stop;

/// Works off what is in the tasks table, at start and after each [`crate::live::Signals::on_task`], until `stop`.
pub async fn run(_intake: Intake, _stop: Stop) {
    unimplemented!()
}
