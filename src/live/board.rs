//! The board everybody writes their state on and the status page reads.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use serde::Serialize;

/// A listening socket.
#[derive(Clone, Debug, Serialize)]
pub struct Listening {
    pub service: String,
    pub address: String,
    /// `none`, `STARTTLS`, `TLS` …, as people read it.
    pub encryption: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct SessionInfo {
    pub id: u64,
    /// `smtp`, `pop3`.
    pub service: &'static str,
    pub peer: IpAddr,
    pub user: Option<String>,
    /// Unix milliseconds.
    pub since: i64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct CollectorState {
    pub name: String,
    /// Plain words: `never run`, `collecting`, `fine`, or what is wrong and what to do.
    pub state: String,
    pub ok: bool,
    pub running: bool,
    /// Runs that have ended since the start.
    pub runs: u64,
    pub last_run: Option<i64>,
    pub next_run: Option<i64>,
    pub collected_last: u64,
    pub collected_total: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct SenderState {
    pub name: String,
    pub state: String,
    pub ok: bool,
    pub relayed_total: u64,
    pub last_relayed: Option<i64>,
}

/// Something that went wrong, in plain words.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    pub at: i64,
    /// Room or service: `collector Gmail`, `smtp`, `store`.
    pub place: String,
    pub text: String,
}

/// Cheap to clone; all clones are one board.
#[derive(Clone, Default)]
pub struct Board {
    inner: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next_session: u64,
    listening: Vec<Listening>,
    sessions: BTreeMap<u64, SessionInfo>,
    collectors: BTreeMap<u32, CollectorState>,
    senders: BTreeMap<u32, SenderState>,
    problems: std::collections::VecDeque<Problem>,
    accepted: u64,
}

/// How many last problems are kept.
const PROBLEMS: usize = 100;

/// Takes its session off the board when dropped.
pub struct SessionGuard {
    board: Board,
    id: u64,
}

impl Board {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn listening(&self, entry: Listening) {
        self.state().listening.push(entry);
    }

    pub fn listeners(&self) -> Vec<Listening> {
        self.state().listening.clone()
    }

    pub fn session(&self, service: &'static str, peer: IpAddr, since: i64) -> SessionGuard {
        let mut state = self.state();
        state.next_session += 1;
        let id = state.next_session;
        state.sessions.insert(id, SessionInfo { id, service, peer, user: None, since });
        SessionGuard { board: self.clone(), id }
    }

    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.state().sessions.values().cloned().collect()
    }

    pub fn collector(&self, id: u32, change: impl FnOnce(&mut CollectorState)) {
        change(self.state().collectors.entry(id).or_default());
    }

    pub fn collectors(&self) -> BTreeMap<u32, CollectorState> {
        self.state().collectors.clone()
    }

    pub fn sender(&self, id: u32, change: impl FnOnce(&mut SenderState)) {
        change(self.state().senders.entry(id).or_default());
    }

    pub fn senders(&self) -> BTreeMap<u32, SenderState> {
        self.state().senders.clone()
    }

    pub fn problem(&self, at: i64, place: impl Into<String>, text: impl Into<String>) {
        let mut state = self.state();
        if state.problems.len() >= PROBLEMS {
            state.problems.pop_front();
        }
        state.problems.push_back(Problem { at, place: place.into(), text: text.into() });
    }

    /// Newest first.
    pub fn problems(&self) -> Vec<Problem> {
        self.state().problems.iter().rev().cloned().collect()
    }

    pub fn mail_accepted(&self) {
        self.state().accepted += 1;
    }

    pub fn accepted(&self) -> u64 {
        self.state().accepted
    }
}

impl SessionGuard {
    pub fn user(&self, name: &str) {
        if let Some(session) = self.board.state().sessions.get_mut(&self.id) {
            session.user = Some(name.to_string());
        }
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.board.state().sessions.remove(&self.id);
    }
}
