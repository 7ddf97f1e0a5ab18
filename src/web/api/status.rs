//! `GET status`: what is going on, for the page and for `pillarbox status`.

use serde::Serialize;

use crate::live::{
    CollectorState, ConnectionState, Listening, NameServersState, Problem, ScheduleState, SenderState, SessionInfo,
};
use crate::net::now_ms;
use crate::store::StoreStatus;

use super::operation::{Gives, May, Operation, PLAIN};
use super::{Answer, Api, value};

pub const OPERATIONS: &[Operation] = &[Operation {
    path: "status",
    may: May::Administrator,
    summary: "What listens, sessions, queue, connections, problems, the store",
    gives: Gives::Object("version:string running:boolean now:integer host_name:string queue:object store:object"),
    run: |api, _| Box::pin(async { api.status().await }),
    ..PLAIN
}];

/// Sessions listed at most; all are counted.
const SESSIONS: usize = 100;

/// Times are Unix milliseconds.
#[derive(Serialize)]
struct Status {
    version: &'static str,
    running: bool,
    started_at: Option<i64>,
    now: i64,
    host_name: String,
    data: String,
    listening: Vec<Listening>,
    accepted: u64,
    sessions: Sessions,
    queue: Queue,
    schedule: ScheduleState,
    connections: Vec<Numbered<ConnectionState>>,
    collectors: Vec<Numbered<CollectorState>>,
    senders: Vec<Numbered<SenderState>>,
    name_servers: NameServersState,
    /// Calls of scripts; the classes of the histogram end at [`crate::hooks::CLASSES`] microseconds.
    hooks: Vec<crate::hooks::HookCalls>,
    problems: Vec<Problem>,
    store: StoreStatus,
}

#[derive(Serialize)]
struct Sessions {
    count: usize,
    list: Vec<SessionInfo>,
}

#[derive(Serialize)]
struct Queue {
    length: u64,
    next_due: Option<i64>,
}

#[derive(Serialize)]
struct Numbered<T> {
    id: u32,
    #[serde(flatten)]
    state: T,
}

impl Api {
    async fn status(&self) -> Answer {
        self.store.settled().await?;
        let board = &self.board;
        let mut list = board.sessions();
        let count = list.len();
        list.truncate(SESSIONS);
        value(Status {
            version: env!("CARGO_PKG_VERSION"),
            running: self.running,
            started_at: self.running.then_some(self.started_at),
            now: now_ms(),
            host_name: self.config.current().general.host_name.clone(),
            data: self.store.dir().display().to_string(),
            listening: board.listeners(),
            accepted: board.accepted(),
            sessions: Sessions { count, list },
            queue: Queue { length: self.store.queue_len()?, next_due: self.store.queue_next_due()? },
            schedule: board.schedule(),
            connections: board.connections().into_iter().map(|(id, state)| Numbered { id, state }).collect(),
            collectors: board.collectors().into_iter().map(|(id, state)| Numbered { id, state }).collect(),
            senders: board.senders().into_iter().map(|(id, state)| Numbered { id, state }).collect(),
            name_servers: board.name_servers(&self.resolver.current()),
            hooks: self.hooks.calls(),
            problems: board.problems(),
            store: self.store.status(),
        })
    }
}
