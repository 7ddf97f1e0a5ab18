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
    /// A default Connection: one of those that a schedule item starts which connects to the default Connections, and that
    /// the file CONNECT.NOW starts.
    pub default: bool,
    /// Not started by the schedule, and its mail waits, until this is taken back; a run started by hand works, and sends.
    pub paused: bool,
    /// How outgoing mail leaves.
    pub sender: Option<Sender>,
}

impl Default for Connection {
    fn default() -> Connection {
        Connection { id: 0, name: "Provider".into(), enabled: true, default: true, paused: false, sender: None }
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
