//! Connectors > Connections, Senders, Collectors (spec connectors-and-smtp §1–5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

/// How the box reaches one provider: one sender, any number of collectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Connection {
    /// A number that stays; 0 is replaced by a free one when stored.
    #[schemars(range(max = 4_294_967_295u32), extend("x-hidden" = true))]
    pub id: u32,
    /// A name for displays.
    pub name: String,
    /// Off: nothing is collected or sent, and nothing waits for it.
    pub enabled: bool,
    /// Nothing is sent, and nothing collected unless somebody asks for it, until this is taken back. Mail is still
    /// accepted and kept.
    pub paused: bool,
    /// Collect at this interval. 0: only on demand.
    #[schemars(range(max = 1440), extend("x-unit" = "minutes"))]
    pub collect_every: u32,
    /// How outgoing mail leaves.
    pub sender: Option<Sender>,
    /// Mailboxes at the provider that mail is fetched from.
    pub collectors: Vec<Collector>,
}

impl Default for Connection {
    fn default() -> Connection {
        Connection {
            id: 0,
            name: "Provider".into(),
            enabled: true,
            paused: false,
            collect_every: 5,
            sender: None,
            collectors: Vec::new(),
        }
    }
}

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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CollectorEncryption {
    /// No encryption.
    None,
    /// Encrypted from the first byte, usually port 995.
    #[default]
    Ssl,
    /// Plain, then STLS; fails where it is not offered.
    Stls,
    /// STLS where offered, else plain. The certificate is not checked.
    StlsIfAvailable,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Login {
    /// Login name at the provider.
    pub user: String,
    /// Password at the provider.
    pub password: Secret,
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

/// Mail Collector, by POP3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Collector {
    /// A number that stays (what was seen at the provider is remembered under it); 0 is replaced by a free one.
    #[schemars(range(max = 4_294_967_295u32), extend("x-hidden" = true))]
    pub id: u32,
    /// A name for displays.
    pub name: String,
    /// Off: this mailbox is not collected.
    pub enabled: bool,
    /// Name or address of the provider's POP3 server.
    pub host: String,
    /// Usually 995, or 110 without SSL.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// How sessions with the provider are protected.
    pub encryption: CollectorEncryption,
    /// Login at the provider.
    pub login: Login,
    /// Leave messages on the server for this time. 0: delete right after collecting.
    #[schemars(range(max = 3650), extend("x-unit" = "days"))]
    pub leave_days: u32,
    /// Larger messages stay on the server. 0 is no limit.
    #[schemars(title = "Max size", range(max = 10_485_760), extend("x-unit" = "KiB"))]
    pub max_size_kb: u64,
    /// Who gets the collected mail.
    pub routing: CollectorRouting,
}

impl Default for Collector {
    fn default() -> Collector {
        Collector {
            id: 0,
            name: "Mailbox".into(),
            enabled: true,
            host: String::new(),
            port: 995,
            encryption: CollectorEncryption::default(),
            login: Login::default(),
            leave_days: 0,
            max_size_kb: 0,
            routing: CollectorRouting::default(),
        }
    }
}

/// Who gets the collected mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub enum CollectorRouting {
    /// Everything to this user, or on to this address.
    SendTo(String),
    /// To the people named in the headers (a catch-all mailbox). Only addresses that match one of these accepted domains
    /// count: a domain, a full address, or a pattern with * and ?.
    ByHeaders {
        /// Domains, full addresses or patterns of ours.
        accepted_domains: Vec<String>,
    },
}

impl Default for CollectorRouting {
    fn default() -> CollectorRouting {
        CollectorRouting::SendTo(String::new())
    }
}
