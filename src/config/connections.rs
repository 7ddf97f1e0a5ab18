//! Connectors > Connections (spec connectors-and-smtp §1–2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Collector, Secret, Sender};

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

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Login {
    /// Login name at the provider.
    pub user: String,
    /// Password at the provider.
    pub password: Secret,
}
