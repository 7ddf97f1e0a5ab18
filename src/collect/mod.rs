//! Collectors: fetch an office's mail from its providers by POP3, or have providers send it (`turn`) (spec connectors-and-smtp §4).
//!
//! When a Connection runs, its collectors run one after another (`runs`); when that is, `connect` decides. A run of one
//! collector plans what to do with each message (`plan`), downloads with many messages under way (`download`), and lets `intake` commit each mail together with its
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
mod runs;
mod script;
mod session;
mod trouble;
mod turn;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use smol::future::FutureExt;

use crate::intake::Intake;
use crate::live::{LogFiles, Stop};
use crate::net::{Resolver, Stream, Tasks};
use job::Services;
pub use link::Limits;

/// Serves as an SMTP server on a connection of ours whose roles were reversed (ODMR), and gives how many mails came.
pub type Serve = Arc<dyn Fn(Stream, IpAddr) -> Served + Send + Sync>;
pub type Served = Pin<Box<dyn Future<Output = std::io::Result<u64>> + Send>>;

/// Runs collectors whenever their Connection runs ([`crate::live::Runs`]), until `stop`. A session that is under way then
/// is dropped; the next start goes on where it stopped.
pub async fn run(tasks: Tasks, intake: Intake, resolver: Resolver, serve: Serve, limits: Limits, stop: Stop) {
    let services = Services { tasks, logs: LogFiles::below(intake.store.dir()), intake, resolver, serve, limits };
    let runs = async { match runs::follow(&services).await {} };
    stop.stopping().or(Box::pin(runs)).await;
}
