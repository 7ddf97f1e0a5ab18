//! Connectors > Mail Collectors (spec connectors-and-smtp §4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, Login};

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
    /// Names of the Connections that run this collector. Empty: the first Connection.
    pub connections: Vec<String>,
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
            connections: Vec::new(),
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

impl Config {
    /// By number.
    pub fn collector(&self, id: u32) -> Option<&Collector> {
        self.collectors.iter().find(|collector| collector.id == id)
    }
}
