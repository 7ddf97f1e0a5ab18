//! POP3 collectors: fetch an office's mail from its providers (spec connectors-and-smtp §4).
//!
//! Each connection has a task of its own that runs the connection's collectors one after another, every so many minutes and
//! when somebody asks; so one provider's trouble never holds up another's mail. A run plans what to do with each message
//! (`plan`), downloads with many messages under way (`download`), and lets `intake` commit each mail together with its
//! delivery and the note that it was seen (`deliver`). `DELE` comes after that commit, so a session that breaks at any byte
//! loses nothing; what it could not delete is recognised and deleted by the next, so nothing comes twice.

mod deliver;
mod download;
mod duplicates;
mod examine;
mod job;
mod leave;
mod link;
mod listing;
mod plan;
mod recipients;
mod routing;
mod schedule;
mod session;
mod trouble;

use std::collections::HashMap;

use smol::future::FutureExt;

use crate::intake::Intake;
use crate::live::Stop;
use crate::net::{Resolver, Tasks};
use job::Services;

/// Runs the collectors of all connections, each when it is due or on [`crate::live::Signals::on_collect`], until `stop`.
/// A session that is under way then is dropped; the next start goes on where it stopped.
pub async fn run(tasks: Tasks, intake: Intake, resolver: Resolver, stop: Stop) {
    let services = Services { tasks, intake, resolver };
    let mut running = HashMap::new();
    loop {
        let changed = services.intake.config.changed();
        let config = services.intake.config.current();
        running.retain(|id, _| config.connections.iter().any(|connection| connection.id == *id));
        for connection in &config.connections {
            running.entry(connection.id).or_insert_with(|| {
                services.tasks.spawn(Box::pin(schedule::connection(services.clone(), connection.id)))
            });
        }
        let stopped = async {
            stop.stopping().await;
            true
        };
        let changed = async {
            changed.await;
            false
        };
        if stopped.or(changed).await {
            return;
        }
    }
}
