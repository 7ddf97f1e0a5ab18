//! Mail the box writes itself: works off the tasks table.
//!
//! A task stands in the commit of what set it off; its removal stands in the commit of the mail it becomes, so that each
//! leads to one mail, whatever happens between. A notification that finds no way is dropped and said on the status page:
//! nothing is ever written about a notification.

mod connection_error;
mod delivery_status;
mod not_downloaded;
mod routing_error;
mod text;

use std::collections::HashMap;
use std::io::Read;
use std::time::{Duration, Instant};

use async_io::Timer;
use jiff::tz::TimeZone;
use mail_builder::headers::{Header, text::Text};
use smol::future::FutureExt;

use crate::config::Config;
use crate::intake::{Intake, Refusal};
use crate::live::Stop;
use crate::mail::{date, dsn};
use crate::net::now_ms;
use crate::store::{Body, Change, JournalRow, MailId, Store, StoreError, Task, TaskKind};

/// Tasks read at a time.
const BATCH: usize = 64;
/// Waits after failures of the same task, doubled each time up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1800);
/// Most of a mail's header that is enclosed, bytes.
const MAX_HEADER: u64 = 128 * 1024;

/// Why a task is not done.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0}")]
    NoWay(&'static str),
}

impl TaskError {
    fn is_temporary(&self) -> bool {
        match self {
            TaskError::Store(error) => error.is_temporary(),
            TaskError::Refused(refusal) => refusal.is_temporary(),
            TaskError::NoWay(_) => false,
        }
    }
}

/// Tasks that failed for now.
type Failures = HashMap<u64, (u32, Instant)>;

/// Works off what is in the tasks table, at start and after each [`crate::live::Signals::on_task`], until `stop`.
pub async fn run(intake: Intake, stop: Stop) {
    let mut failures = Failures::new();
    while !stop.is_stopping() {
        let added = intake.signals.on_task();
        let next = match work_off(&intake, &stop, &mut failures).await {
            // There may be more.
            Ok(1..) => continue,
            Ok(0) => failures.values().map(|(_, at)| *at).min(),
            Err(StoreError::Closed) => return,
            Err(error) => {
                log::error!("notify: tasks cannot be worked off: {error}");
                Some(Instant::now() + FIRST_WAIT)
            }
        };
        let again = async {
            next.map_or_else(Timer::never, Timer::at).await;
        };
        added.or(again).or(stop.stopping()).await;
    }
}

/// Tasks that are done with now.
async fn work_off(intake: &Intake, stop: &Stop, failures: &mut Failures) -> Result<usize, StoreError> {
    intake.store.settled().await?;
    let mut done = 0;
    let tasks = intake.store.tasks(BATCH + failures.len())?;
    failures.retain(|id, _| tasks.iter().any(|task| task.id == *id));
    for task in tasks {
        let now = Instant::now();
        if failures.get(&task.id).is_some_and(|(_, at)| *at > now) || stop.is_stopping() {
            continue;
        }
        match write(intake, &task).await {
            Ok(()) => done += 1,
            Err(error) if error.is_temporary() => {
                let times = failures.get(&task.id).map_or(0, |(times, _)| *times);
                let wait = FIRST_WAIT.saturating_mul(1 << times.min(10)).min(LONGEST_WAIT);
                log::warn!("notify: task {} again in {} s: {error}", task.id, wait.as_secs());
                failures.insert(task.id, (times + 1, now + wait));
            }
            Err(error) => {
                give_up(intake, &task, &error).await?;
                done += 1;
            }
        }
    }
    Ok(done)
}

/// The mail of a task, committed together with its removal.
async fn write(intake: &Intake, task: &Task) -> Result<(), TaskError> {
    match &task.kind {
        TaskKind::DeliveryStatus { entry, about, action } => {
            delivery_status::write(intake, task.id, entry, about, *action).await
        }
        TaskKind::RoutingError { mail, collector, reason, to } => {
            routing_error::write(intake, task.id, *mail, *collector, reason, to).await
        }
        TaskKind::NotDownloaded { collector, to, about, what } => {
            not_downloaded::write(intake, task.id, *collector, to, about, what).await
        }
        TaskKind::ConnectionError { connection, since, failing } => {
            connection_error::write(intake, task.id, connection, *since, failing).await
        }
    }
}

async fn give_up(intake: &Intake, task: &Task, error: &TaskError) -> Result<(), StoreError> {
    let (mail, to) = match &task.kind {
        TaskKind::DeliveryStatus { entry, .. } => {
            (Some(entry.mail), entry.return_path.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        TaskKind::RoutingError { mail, to, .. } if to.is_empty() => (Some(*mail), "the main administrator".to_string()),
        TaskKind::RoutingError { mail, to, .. } => (Some(*mail), to.clone()),
        TaskKind::NotDownloaded { to, .. } => (None, to.join(", ")),
        TaskKind::ConnectionError { .. } => (None, "the main administrator".to_string()),
    };
    let about = match (mail, &task.kind) {
        (Some(mail), _) => format!("mail {mail}"),
        (None, TaskKind::ConnectionError { connection, .. }) => format!("the Connection {connection}"),
        (None, _) => "a message left at a provider".to_string(),
    };
    let detail = format!("A notification about {about} to {to} was dropped: {error}");
    log::warn!("notify: {detail}");
    let text = detail.clone();
    let row = JournalRow { at: now_ms(), mail, event: "dropped".to_string(), from: String::new(), to, detail };
    intake.store.commit(vec![Change::RemoveTask { id: task.id }, Change::Journal(row)]).await?;
    intake.board.problem(now_ms(), "notifications", text);
    Ok(())
}

/// The header of a notification that is text alone.
fn text_head(from: &str, to: &str, subject: &str, zone: &TimeZone) -> String {
    let mut out = String::new();
    dsn::line(&mut out, "From", from);
    dsn::line(&mut out, "To", to);
    dsn::line(&mut out, "Subject", &encoded(subject));
    dsn::line(&mut out, "Date", &date::rfc5322(now_ms(), zone));
    dsn::line(&mut out, "Auto-Submitted", "auto-generated");
    dsn::line(&mut out, "MIME-Version", "1.0");
    dsn::line(&mut out, "Content-Type", "text/plain; charset=utf-8");
    out.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n");
    out
}

/// A header value as mail programs read it, whatever is in it.
fn encoded(value: &str) -> String {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    if value.is_ascii() {
        return value;
    }
    let mut out = Vec::new();
    Text::new(value).write_header(&mut out, "Subject: ".len());
    String::from_utf8_lossy(&out).replace("\r\n", "").trim().to_string()
}

/// A name of a user here, or an address, as a header has it.
fn named(name: &str, domain: &str) -> String {
    if name.contains('@') { format!("<{name}>") } else { format!("<{name}@{domain}>") }
}

/// The address notifications come from.
fn own_address(config: &Config) -> String {
    let general = &config.general;
    let domain = if general.default_domain.is_empty() { &general.host_name } else { &general.default_domain };
    format!("Mailer_Daemon@{domain}")
}

/// A boundary that no mail contains by accident.
fn boundary() -> String {
    format!("=_{:032x}", fastrand::u128(..))
}

/// Up to `limit` bytes from the start of a mail, and whether that is all. A body that is gone is empty.
async fn read_start(store: &Store, mail: MailId, limit: u64) -> Result<(Vec<u8>, bool), StoreError> {
    match store.body(mail)? {
        None => Ok((Vec::new(), true)),
        Some(Body::Inline(bytes)) => {
            let end = usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len());
            Ok((bytes.get(..end).unwrap_or_default().to_vec(), end == bytes.len()))
        }
        Some(Body::File { file, size }) => {
            let mut start = Vec::new();
            let read = smol::unblock(move || file.take(limit).read_to_end(&mut start).map(|_| start)).await;
            Ok((read.map_err(|error| StoreError::io("a body", error))?, size <= limit))
        }
    }
}
