//! Has the main administrator told of Connections that fail for long (spec users-lists-admin §9.1): looks at the board, and
//! adds the tasks that `notify` makes mails of, in one commit with what has been told.

use std::time::{Duration, Instant};

use async_io::Timer;
use smol::future::FutureExt;

use crate::config::Config;
use crate::live::Board;
use crate::net::is_plausible;
use crate::store::{Change, StoreError, Task, TaskKind};

use super::Context;
use super::failing::{Failing, Kind, Limits, Now, Part, Report};

/// Looks of the schedule between two looks at failures.
const LOOKS: u32 = 15;
const DAY: i64 = 24 * 3_600_000;

/// Watches until `stop`.
pub async fn report_errors(context: Context) {
    let reported = context.store.reported_errors().unwrap_or_else(|error| {
        log::error!("connect: what has been reported cannot be read: {error}");
        Vec::new()
    });
    let mut failing = Failing::new(reported);
    let begin = Instant::now();
    while !context.stop.is_stopping() {
        let before = failing.clone();
        match look(&context, &mut failing, begin.elapsed()).await {
            Ok(()) => {}
            Err(StoreError::Closed) => return,
            // To be told at the next look.
            Err(error) => {
                log::error!("connect: errors cannot be reported: {error}");
                failing = before;
            }
        }
        let pause = async {
            Timer::after(context.look * LOOKS).await;
        };
        pause.or(context.stop.stopping()).await;
    }
}

async fn look(context: &Context, failing: &mut Failing, monotonic: Duration) -> Result<(), StoreError> {
    let wall = context.now();
    if !is_plausible(wall) {
        return Ok(());
    }
    let config = context.config.current();
    let admin = &config.admin;
    let limits = admin.connection_errors.then(|| Limits {
        after: Duration::from_secs(60 * u64::from(admin.connection_errors_after)),
        again: DAY * i64::from(admin.connection_errors_again),
    });
    let before = failing.reported();
    let reports = failing.look(&parts(&config, &context.board), Now { wall, monotonic }, limits);
    let after = failing.reported();
    if reports.is_empty() && before == after {
        return Ok(());
    }
    let mut changes = vec![Change::PutReportedErrors(after)];
    for report in reports {
        changes.extend(task(context, &config, report, wall));
    }
    context.store.commit(changes).await?;
    context.signals.task_added();
    Ok(())
}

fn task(context: &Context, config: &Config, report: Report, wall: i64) -> Option<Change> {
    let Report { connection, since, failing } = report;
    let connection = config.connections.iter().find(|known| known.id == connection)?.name.clone();
    let kind = TaskKind::ConnectionError { connection, since, failing };
    Some(Change::AddTask(Task { id: context.store.task_id(), created_at: wall, kind }))
}

/// What may fail of the Connections that are switched on. A collector that several run belongs to the first of them.
fn parts(config: &Config, board: &Board) -> Vec<Part> {
    let (collectors, senders) = (board.collectors(), board.senders());
    let mut parts: Vec<Part> = Vec::new();
    for connection in config.connections.iter().filter(|connection| connection.enabled) {
        for collector in config.collectors_of(connection).filter(|collector| collector.enabled) {
            let kind = Kind::Collector(collector.id);
            let Some(state) = collectors.get(&collector.id).filter(|_| parts.iter().all(|part| part.kind != kind))
            else {
                continue;
            };
            parts.push(Part {
                connection: connection.id,
                kind,
                name: format!("Mail Collector {}", collector.name),
                words: state.trouble.clone(),
                ok: state.ok,
                failures: state.failures,
                successes: state.runs.saturating_sub(state.failures),
            });
        }
        if let Some(state) = senders.get(&connection.id).filter(|_| connection.sender.is_some()) {
            parts.push(Part {
                connection: connection.id,
                kind: Kind::Sender,
                name: "Mail Sender".into(),
                words: state.state.clone(),
                ok: state.ok,
                failures: state.failures,
                successes: state.sessions,
            });
        }
    }
    parts
}
