//! `config/PAGE/defaults`: Restore Defaults (spec users-lists-admin §9.5).

use serde_json::json;

use crate::config::NoDefaults;

use super::operation::{Gives, Operation, PLAIN};
use super::{Answer, Api, ApiError, SettingsError, value};

pub const OPERATIONS: &[Operation] = &[Operation {
    method: "POST",
    path: "config/{page}/defaults",
    summary: "The settings of one page as on a new box; tells what it changed",
    gives: Gives::Object("stored:boolean restart:array changed:array"),
    run: |api, call| Box::pin(async move { api.restore_defaults(call.step(0)).await }),
    ..PLAIN
}];

impl Api {
    /// Tells what it has changed: setting, before, after.
    async fn restore_defaults(&self, page: &str) -> Answer {
        let _alone = self.changing.lock().await;
        let before = self.config.current();
        let (old, name) = (before.clone(), page.to_string());
        let restored = smol::unblock(move || old.with_defaults(&name)).await;
        let restored = restored.map_err(|error| match error {
            NoDefaults::Unknown(..) => ApiError::Bad(error.to_string()),
            NoDefaults::Entered(_) => ApiError::Conflict(error.to_string()),
            NoDefaults::Wrong(found) => ApiError::Settings(SettingsError::Wrong(found)),
        })?;
        let differences = restored.differences(&before);
        let mut answer = self.put_in_force(Ok(restored)).await?;
        if let Some(object) = answer.as_object_mut() {
            object.insert("changed".into(), value(json!(differences))?);
        }
        Ok(answer)
    }
}
