//! How a configuration comes into force: read, judged against the one before, stored, published.

use crate::config::{Config, Invalid, Published, ServiceEncryption};
use crate::store::{Change, Store, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// What is wrong with a configuration that was given, one a line.
    #[error("{}", lines(.0))]
    Wrong(Vec<Invalid>),
    #[error("stored configuration: {0}")]
    Stored(Invalid),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn lines(found: &[Invalid]) -> String {
    let lines: Vec<String> = found.iter().map(Invalid::to_string).collect();
    lines.join("\n")
}

impl SettingsError {
    /// Of who asked, not of the box.
    pub fn is_mistake(&self) -> bool {
        matches!(self, SettingsError::Wrong(_))
    }
}

/// The configuration in the store, or that of a new box.
pub fn stored(store: &Store) -> Result<Config, SettingsError> {
    match store.config()? {
        Some(json) => Config::from_json(&json).map_err(SettingsError::Stored),
        None => Ok(Config::fresh()),
    }
}

/// Stores and publishes a configuration that is ready to be put in force, unless it is in force already. `beside` goes
/// into the same commit.
pub async fn replace(
    store: &Store,
    published: &Published,
    new: Config,
    mut beside: Vec<Change>,
) -> Result<(), SettingsError> {
    if store.config()?.is_some() && *published.current() == new {
        return Ok(());
    }
    beside.push(Change::PutConfig { json: new.to_json() });
    store.commit(beside).await?;
    store.settled().await?;
    published.publish(new);
    Ok(())
}

/// What of a change takes effect only at the next start: sockets and what is set up with them.
pub fn needs_restart(before: &Config, after: &Config) -> Vec<&'static str> {
    let mut parts = Vec::new();
    if smtp_sockets(before) != smtp_sockets(after) {
        parts.push("SMTP services");
    }
    if pop3_sockets(before) != pop3_sockets(after) {
        parts.push("POP3 services");
    }
    let page = |config: &Config| (config.web.enabled, config.web.listen.clone(), config.web.redirect_from.clone());
    if page(before) != page(after) {
        parts.push("status page");
    }
    let named_by_host = before.tls.certificate_file.is_empty() && before.general.host_name != after.general.host_name;
    if before.tls != after.tls || named_by_host {
        parts.push("certificate");
    }
    parts
}

type Socket<'a> = (bool, &'a [String], ServiceEncryption);

fn smtp_sockets(config: &Config) -> Vec<Socket<'_>> {
    config.smtp.iter().map(|service| (service.enabled, service.listen.as_slice(), service.encryption)).collect()
}

fn pop3_sockets(config: &Config) -> Vec<Socket<'_>> {
    config.pop3.iter().map(|service| (service.enabled, service.listen.as_slice(), service.encryption)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_bound_to_sockets_needs_a_restart() {
        let before = Config::fresh();
        let mut after = before.clone();
        after.general.default_domain = "office.example".into();
        assert!(needs_restart(&before, &after).is_empty());
        after.smtp[0].listen.push("127.0.0.1:2525".into());
        after.dns.servers.push("192.0.2.1".into());
        assert_eq!(needs_restart(&before, &after), ["SMTP services"]);
    }
}
