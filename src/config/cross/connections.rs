//! Connections and their senders.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Checks, is_domain};
use crate::config::Login;
use crate::config::directory::lower;

/// They run one after another: with more, each would wait too long for its turn.
const MAX_CONNECTIONS: usize = 10;

impl Checks<'_> {
    pub(super) fn connections(&mut self) {
        let config = self.config;
        if config.connections.len() > MAX_CONNECTIONS {
            self.wrong("connections", format!("there are more than {MAX_CONNECTIONS}"));
        }
        let mut names = HashMap::new();
        for (position, connection) in config.connections.iter().enumerate() {
            let path = format!("connections[{position}]");
            self.unique(&path, &connection.name, names.insert(lower(&connection.name), path.clone()));
            if let Some(sender) = &connection.sender {
                self.sender(&format!("{path}.sender"), sender, connection.enabled);
            }
        }
    }

    /// What numbers are kept by must have a name of its own.
    pub(super) fn unique(&mut self, path: &str, name: &str, other: Option<String>) {
        if name.trim().is_empty() {
            self.wrong(format!("{path}.name"), "is empty");
        } else if let Some(other) = other {
            self.wrong(format!("{path}.name"), format!("\"{name}\" is the name of {other} already"));
        }
    }

    pub(super) fn host(&mut self, path: &str, host: &str) {
        if host.is_empty() {
            self.wrong(path, "is empty; name the server");
        } else if !is_domain(host) && host.parse::<IpAddr>().is_err() {
            self.wrong(path, format!("\"{host}\" is no host name and no address"));
        }
    }

    pub(super) fn login(&mut self, path: &str, login: &Login) {
        if login.user.is_empty() {
            self.wrong(format!("{path}.user"), "is empty");
        }
    }
}
