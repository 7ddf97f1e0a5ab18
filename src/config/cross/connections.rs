//! Connections and their senders.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Checks, is_domain};
use crate::config::directory::lower;
use crate::config::{Login, Sender};

impl Checks<'_> {
    pub(super) fn connections(&mut self) {
        let config = self.config;
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

    fn sender(&mut self, path: &str, sender: &Sender, enabled: bool) {
        if enabled && sender.hosts.is_empty() {
            self.wrong(format!("{path}.hosts"), "is empty; name at least one relay host");
        }
        for (position, host) in sender.hosts.iter().enumerate() {
            self.host(&format!("{path}.hosts[{position}].host"), &host.host);
        }
        if !sender.helo_name.is_empty() && !is_domain(&sender.helo_name) {
            self.wrong(format!("{path}.helo_name"), format!("\"{}\" is no host name", sender.helo_name));
        }
        if let Some(login) = &sender.login {
            self.login(&format!("{path}.login"), login);
        }
        let mut age = 0;
        for (position, step) in sender.retry.iter().enumerate() {
            let path = format!("{path}.retry[{position}].until");
            let is_last = position + 1 == sender.retry.len();
            match step.until {
                0 if is_last => {}
                0 => self.wrong(path, "only the last step may go on until the mail is given up (0)"),
                _ if is_last => self.wrong(path, "the last step must go on until the mail is given up (0)"),
                until if until <= age => self.wrong(path, format!("{until} is not above the {age} of the step before")),
                until => age = until,
            }
        }
        if sender.retry.is_empty() {
            self.wrong(format!("{path}.retry"), "is empty; one step at least is needed");
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
