//! Connectors > Connections (spec connectors-and-smtp §1–2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Collector, Config, Secret, Sender, lower};

/// How the box reaches one provider: one sender; the collectors name the Connections that run them.
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
}

impl Default for Connection {
    fn default() -> Connection {
        Connection { id: 0, name: "Provider".into(), enabled: true, paused: false, collect_every: 5, sender: None }
    }
}

impl Config {
    /// The collectors this Connection runs, in their order.
    pub fn collectors_of(&self, connection: &Connection) -> impl Iterator<Item = &Collector> {
        let is_first = self.connections.first().is_some_and(|first| first.name == connection.name);
        let name = lower(&connection.name);
        self.collectors.iter().filter(move |collector| match collector.connections.as_slice() {
            [] => is_first,
            names => names.iter().any(|other| lower(other) == name),
        })
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
