//! `connections`, `schedule`, `collect`: starting Connections by hand, pausing them and the schedule (spec
//! connectors-and-smtp §3).

use serde_json::json;

use crate::config::{Config, Connection, lower};

use super::operation::{Gives, Operation, PLAIN};
use super::{Answer, Api, ApiError, value};

const STARTED: Gives = Gives::Object("started:array");
const PAUSED: Gives = Gives::Object("paused:boolean by_file:boolean");

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "connections",
        summary: "Connections and the state of the schedule",
        gives: Gives::Object("connections:array schedule:object"),
        run: |api, _| Box::pin(async { api.connections() }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "connections/start",
        summary: "Runs the default Connections now",
        gives: STARTED,
        run: |api, _| Box::pin(async { api.start_connections(None).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "connections/{name}/start",
        summary: "Runs one Connection now",
        gives: STARTED,
        run: |api, call| Box::pin(async move { api.start_connections(Some(call.step(0))).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "connections/{name}/pause",
        summary: "The schedule passes over this Connection",
        gives: PAUSED,
        run: |api, call| Box::pin(async move { api.pause(Some(call.step(0)), true).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "connections/{name}/resume",
        summary: "Takes the pause of this Connection back",
        gives: PAUSED,
        run: |api, call| Box::pin(async move { api.pause(Some(call.step(0)), false).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "schedule/pause",
        summary: "Nothing runs by itself",
        gives: PAUSED,
        run: |api, _| Box::pin(async { api.pause(None, true).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "schedule/resume",
        summary: "Takes the pause of the schedule back",
        gives: PAUSED,
        run: |api, _| Box::pin(async { api.pause(None, false).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "collect",
        summary: "Collects now",
        gives: Gives::Object("collecting:integer"),
        run: |api, _| Box::pin(async { api.collect() }),
        ..PLAIN
    },
];

impl Api {
    fn connections(&self) -> Answer {
        let config = self.config.current();
        let states = self.board.connections();
        let mut rows = Vec::with_capacity(config.connections.len());
        for connection in &config.connections {
            let state = states.get(&connection.id).cloned().unwrap_or_default();
            rows.push(json!({
                "id": connection.id,
                "name": connection.name,
                "enabled": connection.enabled,
                "default": connection.default,
                "paused": connection.paused,
                "sender": connection.sender.is_some(),
                "collectors": config.collectors_of(connection).map(|collector| &collector.name).collect::<Vec<_>>(),
                "state": if self.running { state.state.as_str() } else { "not running" },
                "running": state.running,
                "runs": state.runs,
                "last_run": state.last_run,
                "next_run": state.next_run,
            }));
        }
        Ok(json!({ "connections": rows, "schedule": self.schedule()? }))
    }

    fn schedule(&self) -> Answer {
        match self.running {
            true => value(self.board.schedule()),
            false => Ok(json!({ "paused": self.config.current().schedule.paused, "state": "not running" })),
        }
    }

    /// All that collect something.
    fn collect(&self) -> Answer {
        self.needs_a_program()?;
        let config = self.config.current();
        let mut collectors = Vec::new();
        let mut connections = Vec::new();
        for connection in config.connections.iter().filter(|connection| connection.enabled) {
            let before = collectors.len();
            let enabled = config.collectors_of(connection).filter(|collector| collector.enabled);
            collectors.extend(enabled.map(|collector| collector.id));
            if collectors.len() > before {
                connections.push(connection.id);
            }
        }
        if connections.is_empty() {
            return Err(ApiError::Conflict("there is no collector that is switched on".into()));
        }
        for id in connections {
            self.signals.runs().ask(id);
        }
        collectors.sort_unstable();
        collectors.dedup();
        Ok(json!({ "collecting": collectors.len() }))
    }

    /// One Connection, or the default ones; also those that are paused. Mail that was put off is tried too: whoever starts
    /// a Connection by hand wants to see it go.
    async fn start_connections(&self, name: Option<&str>) -> Answer {
        self.needs_a_program()?;
        let config = self.config.current();
        let chosen: Vec<&Connection> = match name {
            Some(name) => vec![config.connections.iter().find(|c| is_named(c, name)).ok_or_else(|| unknown(name))?],
            None => config.connections.iter().filter(|connection| connection.default && connection.enabled).collect(),
        };
        if let Some(off) = chosen.iter().find(|connection| !connection.enabled) {
            return Err(ApiError::Conflict(format!("the Connection {} is switched off", off.name)));
        }
        if chosen.is_empty() {
            return Err(ApiError::Conflict("there is no default Connection that is switched on".into()));
        }
        self.retry_all().await?;
        for connection in &chosen {
            self.signals.runs().ask(connection.id);
        }
        Ok(json!({ "started": chosen.iter().map(|connection| &connection.name).collect::<Vec<_>>() }))
    }

    /// One Connection, or the whole schedule.
    async fn pause(&self, name: Option<&str>, paused: bool) -> Answer {
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        match name {
            None => config.schedule.paused = paused,
            Some(name) => {
                let connection = config.connections.iter_mut().find(|connection| is_named(connection, name));
                connection.ok_or_else(|| unknown(name))?.paused = paused;
            }
        }
        self.put_changed(config).await?;
        let by_file = !paused && self.store.dir().join("CONNECT.PAUSE").exists();
        Ok(json!({ "paused": paused, "by_file": by_file }))
    }

    fn needs_a_program(&self) -> Result<(), ApiError> {
        match self.running {
            true => Ok(()),
            false => Err(ApiError::Conflict("no program runs on this data that could connect".into())),
        }
    }
}

fn is_named(connection: &Connection, name: &str) -> bool {
    lower(&connection.name) == lower(name)
}

fn unknown(name: &str) -> ApiError {
    ApiError::Unknown(format!("Connection {name}"))
}
