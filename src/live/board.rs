//! The board everybody writes their state on and the status page reads.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use serde::Serialize;

use super::connections::Connections;
use super::name_servers::Tested;
use super::visits::{Visit, Visits};
use crate::store::MailId;

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
    /// What was wrong with the last run, in plain words; empty where nothing was.
    pub trouble: String,
    pub running: bool,
    /// Runs that have ended since the start.
    pub runs: u64,
    /// Those of them that failed.
    pub failures: u64,
    pub last_run: Option<i64>,
    pub collected_last: u64,
    pub collected_total: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct SenderState {
    pub name: String,
    pub state: String,
    pub ok: bool,
    /// Sessions with a server since the start, and tries that came to none.
    pub sessions: u64,
    pub failures: u64,
    pub relayed_total: u64,
    pub last_relayed: Option<i64>,
}

/// Something that went wrong, in plain words.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// When it was last seen, Unix milliseconds.
    pub at: i64,
    /// How often in a row.
    pub times: u32,
    /// Room or service: `collector Gmail`, `smtp`, `store`.
    pub place: String,
    pub text: String,
}

/// Cheap to clone; all clones are one board.
#[derive(Clone, Default)]
pub struct Board {
    inner: Arc<Inner>,
}

/// Tells which mails are being sent at this moment.
pub type UnderWay = Arc<dyn Fn() -> HashSet<MailId> + Send + Sync>;

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Beside the lock: counted for each mail.
    accepted: AtomicU64,
}

#[derive(Default)]
struct State {
    next_session: u64,
    listening: Vec<Listening>,
    sessions: BTreeMap<u64, SessionInfo>,
    collectors: BTreeMap<u32, CollectorState>,
    senders: BTreeMap<u32, SenderState>,
    connections: Connections,
    name_servers: Tested,
    problems: VecDeque<Problem>,
    under_way: Option<UnderWay>,
    watched: Vec<Weak<Visits>>,
}

/// How many last problems are kept.
const PROBLEMS: usize = 100;

/// A problem that was not seen for so long is news again. Milliseconds.
const NEWS: i64 = 600_000;

/// Takes its session off the board when dropped.
pub struct SessionGuard {
    board: Board,
    id: u64,
    visit: Option<Visit>,
}

impl Board {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
        // Nobody watches but while a collector waits for its provider.
        let watched = if service == "smtp" { state.watched.as_slice() } else { &[] };
        let visit = watched.iter().filter_map(Weak::upgrade).find_map(|visits| visits.begin(peer));
        drop(state);
        SessionGuard { board: self.clone(), id, visit }
    }

    /// Counts SMTP sessions from these addresses, while what is returned is kept.
    pub fn watch(&self, from: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Arc<Visits> {
        let visits = Visits::new(from);
        let mut state = self.state();
        state.watched.retain(|watched| watched.strong_count() > 0);
        state.watched.push(Arc::downgrade(&visits));
        visits
    }

    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.state().sessions.values().cloned().collect()
    }

    pub fn session_count(&self) -> usize {
        self.state().sessions.len()
    }

    pub fn collector(&self, id: u32, change: impl FnOnce(&mut CollectorState)) {
        change(self.state().collectors.entry(id).or_default());
    }

    /// Takes the others off the board.
    pub fn keep_collectors(&self, is_there: impl Fn(u32) -> bool) {
        self.state().collectors.retain(|id, _| is_there(*id));
    }

    /// What is noted of Connections and their schedule.
    pub(super) fn with_connections<T>(&self, look: impl FnOnce(&mut Connections) -> T) -> T {
        look(&mut self.state().connections)
    }

    /// The last DNS test.
    pub(super) fn with_name_servers<T>(&self, look: impl FnOnce(&mut Tested) -> T) -> T {
        look(&mut self.state().name_servers)
    }

    pub fn collectors(&self) -> BTreeMap<u32, CollectorState> {
        self.state().collectors.clone()
    }

    pub fn sender(&self, id: u32, change: impl FnOnce(&mut SenderState)) {
        change(self.state().senders.entry(id).or_default());
    }

    /// Takes all other senders off the board.
    pub fn keep_senders(&self, ids: &[u32]) {
        self.state().senders.retain(|id, _| ids.contains(id));
    }

    pub fn senders(&self) -> BTreeMap<u32, SenderState> {
        self.state().senders.clone()
    }

    /// Notes what went wrong. The same problem again only counts up, so that one that repeats does not push out others.
    /// `true` when it is news, fit for the log: not seen within [`NEWS`].
    pub fn problem(&self, at: i64, place: impl Into<String>, text: impl Into<String>) -> bool {
        let (place, text) = (place.into(), text.into());
        let mut state = self.state();
        let known = state.problems.iter().position(|known| known.place == place && known.text == text);
        let known = known.and_then(|index| state.problems.remove(index));
        let news = known.as_ref().is_none_or(|known| !(0..NEWS).contains(&(at - known.at)));
        let times = known.map_or(0, |known| known.times);
        if state.problems.len() >= PROBLEMS {
            state.problems.pop_front();
        }
        state.problems.push_back(Problem { at, times: times.saturating_add(1), place, text });
        news
    }

    /// Newest first.
    pub fn problems(&self) -> Vec<Problem> {
        self.state().problems.iter().rev().cloned().collect()
    }

    /// Whom to ask what is being sent: kept up to date for nobody, it costs the sender nothing.
    pub fn set_under_way(&self, under_way: UnderWay) {
        self.state().under_way = Some(under_way);
    }

    /// Mails that are being sent at this moment.
    pub fn under_way(&self) -> HashSet<MailId> {
        let under_way = self.state().under_way.clone();
        under_way.map(|under_way| under_way()).unwrap_or_default()
    }

    pub fn mail_accepted(&self) {
        self.inner.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub fn accepted(&self) -> u64 {
        self.inner.accepted.load(Ordering::Relaxed)
    }
}

impl SessionGuard {
    /// A mail was taken in it.
    pub fn mail(&self) {
        self.visit.iter().for_each(Visit::mail);
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_on_the_board_while_its_guard_lives() {
        let board = Board::default();
        let guard = board.session("smtp", IpAddr::from([192, 0, 2, 1]), 5);
        guard.user("anna");
        assert_eq!(board.session_count(), 1);
        assert_eq!(board.sessions()[0].user.as_deref(), Some("anna"));
        drop(guard);
        assert_eq!(board.session_count(), 0);
    }

    #[test]
    fn a_problem_that_repeats_is_counted_and_pushes_out_nothing() {
        let board = Board::default();
        board.problem(1, "store", "disk full");
        for at in 2..1000 {
            board.problem(at, "collector", "no answer");
        }
        let problems = board.problems();
        assert_eq!(problems.len(), 2);
        assert_eq!((problems[0].at, problems[0].times), (999, 998));
        assert_eq!(problems[1].text, "disk full");
    }

    #[test]
    fn a_problem_is_news_once_in_a_while() {
        let board = Board::default();
        let news = [0, 1, NEWS, 2 * NEWS, 3 * NEWS, 5].map(|at| board.problem(at, "store", "disk full"));
        assert_eq!(news, [true, false, false, true, true, true], "the clock may have been set back");
    }

    #[test]
    fn only_the_last_problems_are_kept() {
        let board = Board::default();
        for at in 0..300 {
            board.problem(at, "smtp", format!("problem {at}"));
        }
        assert_eq!(board.problems().len(), PROBLEMS);
        assert_eq!(board.problems()[0].at, 299);
    }
}
