//! Connectors > Mail Senders (spec connectors-and-smtp §5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Login;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelayEncryption {
    /// No encryption.
    None,
    /// Encrypted from the first byte, often port 465.
    Ssl,
    /// Plain, then STARTTLS; nothing is sent where it is not offered.
    Starttls,
    /// STARTTLS where offered, else plain. The certificate is not checked.
    #[default]
    StarttlsIfAvailable,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub struct RelayHost {
    /// Name or address.
    pub host: String,
    /// Often 25, 465 or 587.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

impl Default for RelayHost {
    fn default() -> RelayHost {
        RelayHost { host: String::new(), port: 25 }
    }
}

/// Mail Sender, by SMTP relay (smarthost).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sender {
    /// Relay hosts, tried in order until one responds.
    pub hosts: Vec<RelayHost>,
    /// How sessions with the relay are protected.
    pub encryption: RelayEncryption,
    /// Login at the relay, if it asks for one.
    pub login: Option<Login>,
    /// The name given in EHLO. Empty: the host name of General.
    pub helo_name: String,
    /// Connections to the relay at the same time.
    #[schemars(range(min = 1, max = 50))]
    pub max_connections: u32,
    /// Most recipients in one transaction; a message with more is sent several times.
    #[schemars(range(min = 1, max = 50_000))]
    pub max_recipients: u32,
    /// When mail that could not be sent is tried again.
    pub retry: Vec<RetryStep>,
    /// Give up after this time and tell the sender.
    #[schemars(range(min = 1, max = 720), extend("x-unit" = "hours"))]
    pub give_up_after: u32,
    /// Tell the sender after this time that the mail still waits. 0: never.
    #[schemars(range(max = 720), extend("x-unit" = "hours"))]
    pub warn_after: u32,
}

impl Default for Sender {
    fn default() -> Sender {
        Sender {
            hosts: Vec::new(),
            encryption: RelayEncryption::default(),
            login: None,
            helo_name: String::new(),
            max_connections: 4,
            max_recipients: 100,
            retry: vec![
                RetryStep { every: 5, until: 60 },
                RetryStep { every: 30, until: 1440 },
                RetryStep { every: 120, until: 0 },
            ],
            give_up_after: 72,
            warn_after: 4,
        }
    }
}

/// Try every so many minutes until a mail is of this age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub struct RetryStep {
    /// Time between tries.
    #[schemars(range(min = 1, max = 10_080), extend("x-unit" = "minutes"))]
    pub every: u32,
    /// Up to this age of the mail. 0: until it is given up.
    #[schemars(range(max = 43_200), extend("x-unit" = "minutes"))]
    pub until: u32,
}

impl Default for RetryStep {
    fn default() -> RetryStep {
        RetryStep { every: 30, until: 0 }
    }
}
