//! The two small hooks around people: login names and new passwords.

use super::scripts::password_check::Check;
use super::scripts::user_manager::TranslateUsername;
use super::{Hooks, Script};

impl Hooks {
    /// The user that a login name stands for, where `UserManager.LUA` says so. `protocol`: `POP3`, `SMTP`, `WEBMAIL`.
    pub async fn login_name(&self, protocol: &str, submitted: &str) -> Option<String> {
        let mut script = self.open(Script::UserManager, None, ()).await?;
        let call = TranslateUsername { protocol: protocol.into(), submitted: submitted.into() };
        script.call(call).await.username.filter(|name| !name.is_empty())
    }

    /// Whether `passwordcheck.lua` takes a new password. Without an answer it does.
    pub async fn password_is_good(&self, user: &str, password: &str, shortest: u32) -> bool {
        let Some(mut script) = self.open(Script::PasswordCheck, None, ()).await else { return true };
        let call = Check { username: user.into(), password: password.into(), min_length: shortest.into() };
        script.call(call).await.acceptable.unwrap_or(true)
    }
}
