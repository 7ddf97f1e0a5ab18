//! When a connection's collectors run: at start, every so many minutes, and when somebody asks (spec §3.3, §3.4).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_io::Timer;
use smol::future::FutureExt;

use super::job::{Job, Memory, Services, problem};
use super::session;
use crate::config::{Collector, Config, Connection};
use crate::net::now_ms;

enum Wake {
    Due,
    Asked,
    Changed,
}

/// Runs until it is dropped.
pub(super) async fn connection(services: Services, id: u32) {
    let mut memories: HashMap<u32, Memory> = HashMap::new();
    let mut last: Option<Instant> = None;
    // Kept over a run, so that a wish that comes meanwhile starts another one.
    let mut on_collect = services.intake.signals.on_collect();
    loop {
        // Listen first, look second: what happens in between is not missed.
        let on_change = services.intake.config.changed();
        let config = services.intake.config.current();
        let due = match find(&config, id) {
            Some(connection) => announce(&services, &config, connection, last),
            None => None,
        };
        let wait = async {
            match due {
                Some(due) => Timer::at(due).await,
                None => std::future::pending().await,
            };
            Wake::Due
        };
        let asked = async {
            (&mut on_collect).await;
            Wake::Asked
        };
        let changed = async {
            on_change.await;
            Wake::Changed
        };
        match wait.or(asked).or(changed).await {
            Wake::Changed => continue,
            Wake::Asked => on_collect = services.intake.signals.on_collect(),
            Wake::Due => {}
        }
        // The settings may be newer than what woke us.
        let config = services.intake.config.current();
        let Some(connection) = find(&config, id).filter(|connection| connection.enabled) else { continue };
        last = Some(Instant::now());
        let mut due: Vec<&Collector> = config.collectors_of(connection).filter(|collector| collector.enabled).collect();
        due.sort_by_key(|collector| collector.priority);
        for collector in due {
            run(&services, &config, collector, memories.entry(collector.id).or_default()).await;
        }
    }
}

fn find(config: &Config, id: u32) -> Option<&Connection> {
    config.connections.iter().find(|connection| connection.id == id)
}

/// When the next run begins by itself. The first comes at once after start.
fn due(connection: &Connection, last: Option<Instant>) -> Option<Instant> {
    if !connection.enabled || connection.paused || connection.collect_every == 0 {
        return None;
    }
    let pause = Duration::from_secs(u64::from(connection.collect_every) * 60);
    Some(last.map_or_else(Instant::now, |last| last + pause))
}

/// Puts on the board when the next run begins, and answers it.
fn announce(services: &Services, config: &Config, connection: &Connection, last: Option<Instant>) -> Option<Instant> {
    let due = due(connection, last);
    let wait = due.map(|due| due.saturating_duration_since(Instant::now()).as_millis() as i64);
    for collector in config.collectors_of(connection) {
        services.intake.board.collector(collector.id, |state| {
            state.name.clone_from(&collector.name);
            state.next_run = wait.filter(|_| collector.enabled).map(|wait| now_ms() + wait);
            let off = match (connection.enabled && collector.enabled, connection.paused) {
                (false, _) => Some("switched off"),
                (true, true) => Some("paused"),
                (true, false) => None,
            };
            match off {
                Some(words) => (state.state, state.ok) = (words.into(), true),
                None if state.last_run.is_none() => (state.state, state.ok) = ("never run".into(), true),
                None => {}
            }
        });
    }
    due
}

async fn run(services: &Services, config: &Arc<Config>, collector: &Collector, memory: &mut Memory) {
    let board = &services.intake.board;
    board.collector(collector.id, |state| {
        state.running = true;
        state.state = "collecting".into();
        state.last_run = Some(now_ms());
        state.collected_last = 0;
    });
    let _running = Running { services, id: collector.id };
    let (words, trouble, collected) = match Job::new(services, config, collector).map(Arc::new) {
        Err(trouble) => (trouble.words(&collector.host, &collector.login.user), true, 0),
        Ok(job) => match Box::pin(session::collect(&job, memory)).await {
            (outcome, Ok(())) => (outcome.words(), false, outcome.collected),
            (outcome, Err(trouble)) => (job.words(&trouble), true, outcome.collected),
        },
    };
    board.collector(collector.id, |state| {
        state.running = false;
        state.runs += 1;
        state.state.clone_from(&words);
        state.ok = !trouble;
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
