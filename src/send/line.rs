//! The way out as the configuration has it: one sender of one connection, with what a session towards it needs.

use std::path::Path;

use crate::config::{self, Config, RelayEncryption, Sender};
use crate::net::tls::ClientTls;
use crate::proto::smtp::client::{Encryption, Login, Settings};

/// Immutable; a changed configuration makes a new one.
pub struct Line {
    /// Of the connection.
    pub id: u32,
    pub name: String,
    pub sender: Sender,
    helo: String,
    ca_file: String,
    /// `None` where nothing is encrypted.
    pub tls: Option<ClientTls>,
}

/// Why nothing goes out, in plain words; mail waits meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Of the connection, 0 when there is none.
    pub id: u32,
    pub name: String,
    pub why: String,
}

impl Line {
    /// The first enabled connection with a sender. Which mails it may take will be asked here once there are rules.
    pub fn of(config: &Config) -> Result<Line, Shut> {
        let Some((connection, sender)) =
            config.connections.iter().find_map(|c| c.sender.as_ref().filter(|_| c.enabled).map(|sender| (c, sender)))
        else {
            let why = "Outgoing mail waits: no enabled connection has a sender".to_string();
            return Err(Shut { id: 0, name: "Outgoing mail".to_string(), why });
        };
        let shut = |why: String| Shut { id: connection.id, name: connection.name.clone(), why };
        if connection.paused {
            return Err(shut("Outgoing mail waits: the connection is paused".to_string()));
        }
        if sender.hosts.is_empty() {
            return Err(shut("Outgoing mail waits: the sender has no relay host".to_string()));
        }
        let tls = match sender.encryption {
            RelayEncryption::None => None,
            RelayEncryption::StarttlsIfAvailable => Some(ClientTls::opportunistic()),
            RelayEncryption::Ssl | RelayEncryption::Starttls => {
                let file = Some(config.tls.ca_file.as_str()).filter(|file| !file.is_empty());
                let tls = ClientTls::verified(file.map(Path::new));
                Some(tls.map_err(|error| shut(format!("Outgoing mail waits: {error}")))?)
            }
        };
        let helo = Some(&sender.helo_name).filter(|name| !name.is_empty()).unwrap_or(&config.general.host_name);
        Ok(Line {
            id: connection.id,
            name: connection.name.clone(),
            sender: sender.clone(),
            helo: helo.clone(),
            ca_file: config.tls.ca_file.clone(),
            tls,
        })
    }

    /// Whether connections made for `other` serve this one as well.
    pub fn same_as(&self, other: &Line) -> bool {
        self.id == other.id
            && self.sender == other.sender
            && self.helo == other.helo
            && self.ca_file == other.ca_file
            && self.name == other.name
    }

    fn login(&self) -> Option<&config::Login> {
        self.sender.login.as_ref().filter(|login| !login.user.is_empty())
    }

    /// There is a password to be kept from others.
    pub fn has_login(&self) -> bool {
        self.login().is_some()
    }

    /// For one session.
    pub fn settings(&self, encryption: Encryption) -> Settings {
        Settings {
            helo: self.helo.clone(),
            encryption,
            login: self
                .login()
                .map(|login| Login { user: login.user.clone(), password: login.password.reveal().to_string() }),
        }
    }

    /// Recipients in one transaction, at most.
    pub fn max_recipients(&self) -> usize {
        usize::try_from(self.sender.max_recipients).unwrap_or(usize::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Connection, RelayHost};

    fn config() -> Config {
        let host = RelayHost { host: "smtp.example".into(), port: 25 };
        let sender = Sender { hosts: vec![host], encryption: RelayEncryption::None, ..Sender::default() };
        let with = Connection { id: 2, sender: Some(sender), ..Connection::default() };
        Config { connections: vec![Connection { id: 1, ..Connection::default() }, with], ..Config::default() }
    }

    #[test]
    fn the_first_enabled_connection_with_a_sender() {
        let mut config = config();
        assert_eq!(Line::of(&config).ok().map(|line| line.id), Some(2));
        config.connections[1].enabled = false;
        assert_eq!(Line::of(&config).err().map(|shut| shut.id), Some(0));
    }

    #[test]
    fn what_keeps_mail_waiting_is_said() {
        let mut config = config();
        config.connections[1].paused = true;
        assert!(Line::of(&config).is_err_and(|shut| shut.id == 2 && shut.why.contains("paused")));
        config.connections[1].paused = false;
        config.connections[1].sender.as_mut().unwrap().hosts.clear();
        assert!(Line::of(&config).is_err_and(|shut| shut.why.contains("no relay host")));
    }

    #[test]
    fn a_change_that_matters_makes_another_line() {
        let mut config = config();
        let line = Line::of(&config).ok().unwrap();
        assert!(line.same_as(&Line::of(&config).ok().unwrap()));
        config.general.host_name = "new.example".into();
        assert!(!line.same_as(&Line::of(&config).ok().unwrap()));
    }
}
