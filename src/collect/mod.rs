//! Collectors: fetch an office's mail from its providers by POP3, or have providers send it (`turn`) (spec connectors-and-smtp §4).
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
mod rules;
mod schedule;
mod session;
mod trouble;
mod turn;

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use smol::future::FutureExt;

use crate::intake::Intake;
use crate::live::{LogFiles, Stop};
use crate::net::{Resolver, Stream, Tasks};
use job::Services;

/// Serves as an SMTP server on a connection of ours whose roles were reversed (ODMR), and gives how many mails came.
pub type Serve = Arc<dyn Fn(Stream, IpAddr) -> Served + Send + Sync>;
pub type Served = Pin<Box<dyn Future<Output = std::io::Result<u64>> + Send>>;

/// Runs the collectors of all connections, each when it is due or on [`crate::live::Signals::on_collect`], until `stop`.
/// A session that is under way then is dropped; the next start goes on where it stopped.
pub async fn run(tasks: Tasks, intake: Intake, resolver: Resolver, serve: Serve, stop: Stop) {
    let services = Services { tasks, logs: LogFiles::below(intake.store.dir()), intake, resolver, serve };
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
