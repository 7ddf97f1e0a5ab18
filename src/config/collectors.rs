//! Connectors > Mail Collectors (spec connectors-and-smtp §4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::routing::{CollectorRouting, RoutingErrors, RoutingOptions};
use super::{Config, Login, RelayEncryption};

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

/// How mail arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CollectionMethod {
    /// Download from a POP3 server.
    #[default]
    Pop3,
    /// The provider sends to our SMTP service; this collector only tells it to begin.
    SmtpFeed,
    /// ODMR (ATRN): we connect to the provider, which then sends as if it had connected to us.
    Odmr,
}

/// How the password is proved to a POP3 server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pop3Authentication {
    /// By the password itself. Safe where the session is encrypted.
    #[default]
    PlainText,
    /// By a digest with the greeting of the server (APOP).
    Apop,
    /// By a digest with a challenge (CRAM-MD5).
    CramMd5,
}

/// Mail Collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Collector {
    /// A number that stays (what was seen at the provider is remembered under it); 0 is replaced by a free one.
    #[schemars(range(max = 4_294_967_295u32), extend("x-hidden" = true))]
    pub id: u32,
    /// A name for displays.
    pub name: String,
    /// Off: this mailbox is not collected, and nothing is done to start a delivery. Mail that comes by itself is taken all
    /// the same.
    pub enabled: bool,
    /// Names of the Connections that run this collector. Empty: the first Connection.
    pub connections: Vec<String>,
    /// How mail arrives.
    #[schemars(title = "Mail Collection Method")]
    pub method: CollectionMethod,
    /// Collectors with a lower number go first. One POP3 collector downloads at a time.
    #[schemars(range(max = 1000))]
    pub priority: u32,
    /// Name or address of the provider's POP3 server.
    pub host: String,
    /// Usually 995, or 110 without SSL.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// How sessions with the provider are protected.
    pub encryption: CollectorEncryption,
    /// How the password is proved.
    #[schemars(title = "POP3 Authentication Method")]
    pub authentication: Pop3Authentication,
    /// Login at the provider's POP3 server.
    pub login: Login,
    /// Leave messages on the server for this time. 0: delete right after collecting.
    #[schemars(range(max = 3650), extend("x-unit" = "days"))]
    pub leave_days: u32,
    /// Larger messages are not downloaded; those they are for are asked, and a reply within 14 days has them downloaded.
    /// 0 is no limit.
    #[schemars(title = "Max size", range(max = 10_485_760), extend("x-unit" = "KiB"))]
    pub max_size_kb: u64,
    /// Keep one of several messages with the same sender, recipient, subject, date and Message-ID. For catch-all mailboxes
    /// that hold a copy for each recipient.
    pub skip_duplicates: bool,
    /// Apply the download rules to this collector. Each header is then fetched before its message.
    pub use_download_rules: bool,
    /// Keep a log of this collector's runs in the folder logs of the data directory.
    pub keep_log: bool,
    /// Who gets the collected mail.
    pub routing: CollectorRouting,
    /// With routing by headers: how recipients are found in them.
    #[schemars(title = "Configure Routing Options")]
    pub routing_options: RoutingOptions,
    /// With routing by headers: what happens to mail for nobody here.
    #[schemars(title = "Routing Errors")]
    pub routing_errors: RoutingErrors,
    /// For the method smtp-feed: how the provider is told to begin.
    #[schemars(title = "SMTP feed")]
    pub feed: SmtpFeed,
    /// For the method odmr: where the mail waits.
    #[schemars(title = "ODMR")]
    pub odmr: Odmr,
}

impl Default for Collector {
    fn default() -> Collector {
        Collector {
            id: 0,
            name: "Mailbox".into(),
            enabled: true,
            connections: Vec::new(),
            method: CollectionMethod::default(),
            priority: 50,
            host: String::new(),
            port: 995,
            encryption: CollectorEncryption::default(),
            authentication: Pop3Authentication::default(),
            login: Login::default(),
            leave_days: 0,
            max_size_kb: 0,
            skip_duplicates: false,
            use_download_rules: false,
            keep_log: false,
            routing: CollectorRouting::default(),
            routing_options: RoutingOptions::default(),
            routing_errors: RoutingErrors::default(),
            feed: SmtpFeed::default(),
            odmr: Odmr::default(),
        }
    }
}

/// Incoming SMTP Mail Feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpFeed {
    /// Wait for this time for the provider's SMTP connection; with a permanent link 1 is enough. A session that began in
    /// time is waited for.
    #[schemars(title = "Wait for an incoming SMTP connection", range(min = 1, max = 600), extend("x-unit" = "seconds"))]
    pub wait: u32,
    /// Send ETRN to have the provider begin.
    #[schemars(title = "Use ETRN")]
    pub use_etrn: bool,
    /// Domains or node names sent with ETRN, as the provider gave them.
    #[schemars(title = "Parameters for ETRN")]
    pub etrn_parameters: Vec<String>,
    /// Name or address of the server that ETRN is sent to.
    #[schemars(title = "Server to send ETRN to")]
    pub etrn_host: String,
    /// Usually 25.
    #[schemars(title = "Port of that server", range(min = 1, max = 65535))]
    pub etrn_port: u16,
}

impl Default for SmtpFeed {
    fn default() -> SmtpFeed {
        SmtpFeed { wait: 1, use_etrn: false, etrn_parameters: Vec::new(), etrn_host: String::new(), etrn_port: 25 }
    }
}

/// On-Demand Mail Relay (RFC 2645).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Odmr {
    /// Name or address of the provider's server.
    pub host: String,
    /// Usually 366.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// How the session is protected.
    pub encryption: RelayEncryption,
    /// Login at the provider, by CRAM-MD5 where it is offered.
    pub login: Login,
    /// Domains whose mail is asked for. Empty: all the provider has for us.
    pub domains: Vec<String>,
    /// Give up when the provider is silent for this time.
    #[schemars(range(min = 10, max = 3600), extend("x-unit" = "seconds"))]
    pub timeout: u32,
}

impl Default for Odmr {
    fn default() -> Odmr {
        Odmr {
            host: String::new(),
            port: 366,
            encryption: RelayEncryption::default(),
            login: Login::default(),
            domains: Vec::new(),
            timeout: 300,
        }
    }
}

impl Config {
    /// By number.
    pub fn collector(&self, id: u32) -> Option<&Collector> {
        self.collectors.iter().find(|collector| collector.id == id)
    }
}
