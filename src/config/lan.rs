//! Settings > Local mail > LAN forwarding (spec connectors-and-smtp §6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Login, lower};
use crate::mail::LanServer;

/// Mail for chosen addresses goes straight to another mail server of the office: always reachable, not scheduled, its
/// MX records not looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lan {
    /// Let rules hold a bare name, which counts at every local domain (of a collector: at every accepted domain).
    pub allow_bare_names: bool,
    /// Rules in order; the first that has the recipient's address applies. They are asked after users, aliases and
    /// mappings.
    #[schemars(extend("x-keep" = true))]
    pub rules: Vec<LanRule>,
}

/// Which mail a LAN forwarding rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LanCondition {
    /// All mail.
    #[default]
    All,
    /// Mail collected by POP3.
    Pop3,
    /// Mail that came by SMTP, from the office or from outside.
    Smtp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LanRule {
    /// A name for displays, such as "Branch office".
    pub name: String,
    /// Which mail the rule is for.
    #[schemars(title = "Cond")]
    pub condition: LanCondition,
    /// Recipients: full addresses, also with * and ?. ~@domain stands for all of a domain that nothing else was found
    /// for. The domains need not be local ones.
    pub addresses: Vec<String>,
    /// Name or address of the other server.
    #[schemars(title = "Target SMTP server")]
    pub server: String,
    /// Usually 25 or 587. Encrypted with STARTTLS where the server offers it; 465 does not work.
    #[schemars(title = "Target SMTP port", range(min = 1, max = 65535))]
    pub port: u16,
    /// Login at the other server, if it asks for one.
    pub login: Option<Login>,
    /// The address to forward to; *@domain keeps the part before the @. Empty: the recipient's own.
    pub rewrite_address: String,
}

impl Default for LanRule {
    fn default() -> LanRule {
        LanRule {
            name: "LAN rule".into(),
            condition: LanCondition::default(),
            addresses: Vec::new(),
            server: String::new(),
            port: 25,
            login: None,
            rewrite_address: String::new(),
        }
    }
}

impl LanRule {
    /// The server as queue entries name it.
    pub fn target(&self) -> LanServer {
        LanServer {
            host: lower(&self.server).into_owned(),
            port: self.port,
            user: self.login.as_ref().map(|login| login.user.clone()).unwrap_or_default(),
        }
    }
}
