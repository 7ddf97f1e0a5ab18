//! What a script has to say of the mails of a connection.

use crate::mail::dsn;
use crate::net::now_ms;

use super::super::attempt::Tried;
use super::super::schedule;
use super::super::script::Decision;
use super::Connection;

impl Connection {
    /// Asks the script about the mail just taken; where it is not sent in this run, it is put off.
    pub(super) async fn is_allowed(&mut self) -> bool {
        let (Some(script), Some(attempt)) = (&mut self.script, self.attempts.back_mut()) else { return true };
        let reason = match script.check(&self.shared, &attempt.parcel.entry).await {
            Decision::Send => return true,
            Decision::SendLastTime => {
                attempt.is_last = true;
                return true;
            }
            Decision::Skip(reason) => format!("Not sent in this run, by a script: {reason}"),
        };
        let Some(attempt) = self.attempts.pop_back() else { return false };
        self.lane.release(&attempt.parcel.entry);
        let line = &self.lane.line;
        let due = now_ms().saturating_add(schedule::first_step(&line.sender));
        let held = Tried::held(line, attempt.parcel, &dsn::bounded(reason), due);
        let _ = self.shared.results.send(held).await;
        false
    }

    /// The return path the script wants for the next transaction.
    pub(super) async fn return_path(&mut self) -> Option<String> {
        let (Some(script), Some(attempt)) = (&mut self.script, self.attempts.back()) else { return None };
        let places = attempt.next_group(self.left.group.min(self.left.recipients));
        script.return_path(&self.shared, &self.lane.line, &attempt.parcel.entry, places).await
    }
}
