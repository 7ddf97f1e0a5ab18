//! `config/PAGE/defaults`: Restore Defaults (spec users-lists-admin §9.5).

use serde_json::json;

use crate::config::NoDefaults;

use super::{Answer, Api, ApiError, SettingsError, value};

impl Api {
    /// Tells what it has changed: setting, before, after.
    pub(super) async fn restore_defaults(&self, page: &str) -> Answer {
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
