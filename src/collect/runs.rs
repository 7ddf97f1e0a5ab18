//! Takes part in runs of Connections: its collectors, one after another by priority (spec connectors-and-smtp §4.1).

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use smol::future::FutureExt;

use super::job::{Job, Memory, Services, Share, problem};
use super::session;
use crate::config::{Collector, Config};
use crate::live::Part;
use crate::net::now_ms;

/// Runs until it is dropped.
pub(super) async fn follow(services: &Services) -> Infallible {
    announce_all(services).or(take_parts(services)).await
}

async fn take_parts(services: &Services) -> Infallible {
    let parts = services.intake.signals.runs().collecting();
    let mut memories: HashMap<u32, Memory> = HashMap::new();
    loop {
        let Ok(part) = parts.recv().await else { std::future::pending().await };
        for id in due(&services.intake.config.current(), part.connection) {
            // The settings may be newer than the run.
            let config = services.intake.config.current();
            if let Some(collector) = config.collectors.iter().find(|collector| collector.id == id && collector.enabled)
            {
                let runs = services.intake.signals.runs().clone();
                let Part { connection, patience, .. } = part;
                let share = Share { runs, connection, since: Instant::now(), patience };
                run(services, &config, collector, share, memories.entry(id).or_default()).await;
            }
        }
        let config = services.intake.config.current();
        memories.retain(|id, _| config.collectors.iter().any(|collector| collector.id == *id));
    }
}

/// The collectors of a Connection, lower priorities first.
fn due(config: &Config, connection: u32) -> Vec<u32> {
    let Some(connection) = config.connections.iter().find(|c| c.id == connection) else { return Vec::new() };
    let mut due: Vec<&Collector> = config.collectors_of(connection).filter(|collector| collector.enabled).collect();
    due.sort_by_key(|collector| collector.priority);
    due.iter().map(|collector| collector.id).collect()
}

/// Keeps on the board what has not run yet, and what is switched off.
async fn announce_all(services: &Services) -> Infallible {
    loop {
        let changed = services.intake.config.changed();
        let config = services.intake.config.current();
        let board = &services.intake.board;
        board.keep_collectors(|id| config.collectors.iter().any(|collector| collector.id == id));
        for collector in &config.collectors {
            board.collector(collector.id, |state| {
                state.name.clone_from(&collector.name);
                match (collector.enabled, state.last_run) {
                    (false, _) => (state.state, state.ok) = ("switched off".into(), true),
                    (true, None) => (state.state, state.ok) = ("never run".into(), true),
                    (true, Some(_)) => {}
                }
            });
        }
        changed.await;
    }
}

async fn run(services: &Services, config: &Arc<Config>, collector: &Collector, share: Share, memory: &mut Memory) {
    let board = &services.intake.board;
    board.collector(collector.id, |state| {
        state.running = true;
        state.state = "collecting".into();
        state.last_run = Some(now_ms());
        state.collected_last = 0;
    });
    let _running = Running { services, id: collector.id };
    let (words, trouble, collected) = match Job::new(services, config, collector, share).map(Arc::new) {
        Err(trouble) => (trouble.words(&collector.host, &collector.login.user), true, 0),
        Ok(job) => match Box::pin(session::collect(&job, memory)).await {
            (outcome, Ok(())) => (outcome.words(), false, outcome.collected),
            (outcome, Err(trouble)) => (job.words(&trouble), true, outcome.collected),
        },
    };
    board.collector(collector.id, |state| {
        state.running = false;
        state.runs += 1;
        state.failures += u64::from(trouble);
        state.state.clone_from(&words);
        state.ok = !trouble;
        state.trouble = if trouble { words.clone() } else { String::new() };
        state.collected_last = collected;
        state.collected_total += collected;
    });
    match trouble {
        false => memory.last_problem = None,
        true if memory.last_problem.as_ref() == Some(&words) => {}
        true => {
            problem(services, collector, words.clone());
            memory.last_problem = Some(words);
        }
    }
}

/// Says that the run is over, also when it was cut off.
struct Running<'a> {
    services: &'a Services,
    id: u32,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.services.intake.board.collector(self.id, |state| state.running = false);
    }
}
