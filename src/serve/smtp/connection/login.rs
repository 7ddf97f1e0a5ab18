//! `AUTH`: whether a password or a digest is right, and whether this user may log in by SMTP, from there.

use super::Connection;
use crate::config::{Config, Secret};
use crate::net::now_ms;
use crate::policy::{Event, Lists, LoggedIn};
use crate::proto::smtp::server::{Answer, Claim, Reply};

impl Connection {
    pub(super) async fn login(&mut self, claim: Claim) -> Answer {
        let config = self.context.config.current();
        let translated = self.context.intake.hooks.login_name("SMTP", claim.name()).await;
        let name = translated.as_deref().unwrap_or(claim.name());
        let user = match &claim {
            Claim::Password { password, .. } => {
                self.context.logins.password(&config, name, &Secret::new(password.as_str())).await
            }
            Claim::CramMd5 { challenge, digest, .. } => self.context.logins.cram_md5(&config, name, challenge, digest),
        };
        let lists = Lists::of_smtp(&self.service.config, &self.service);
        match user {
            Some(LoggedIn { name, user }) if !config.user(user).is_some_and(|user| user.allow_smtp) => {
                log::info!("smtp: {}: login refused: {name} may not use SMTP", self.peer);
                Answer::No(Reply::bad_login())
            }
            Some(LoggedIn { name, .. }) if !lists.admit_user(self.peer, &name) => {
                log::info!("smtp: {}: login refused: {name} may not log in from there", self.peer);
                self.note(Event::BadLogin, &name);
                Answer::No(Reply::bad_login())
            }
            Some(LoggedIn { name, .. }) => {
                log::debug!("smtp: {}: {name} logged in", self.peer);
                self.guard.user(&name);
                Answer::LoggedIn(name)
            }
            None => {
                log::info!("smtp: {}: login refused: {claim:?}", self.peer);
                self.note(Event::BadLogin, claim.name());
                Answer::No(Reply::bad_login())
            }
        }
    }
}

/// Never the same twice (RFC 2195 §2). `None` without random numbers: then there is no CRAM-MD5.
pub(super) fn challenge(config: &Config) -> Option<String> {
    let random = getrandom::u64().ok()?;
    Some(format!("<{random:016x}.{}@{}>", now_ms(), config.general.host_name))
}
