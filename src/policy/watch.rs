//! Keeps an eye on clients: events, the score they add up to, and who is kept out for a while (spec
//! connectors-and-smtp §8.9, §8.10; users-lists-admin §12.3).
//!
//! Events raise a score and do nothing else; whether it is enough is decided when the client connects again, so that a
//! session that has begun goes on. A block that is over takes the events before it along. Blocks hold for all services
//! and outlive a restart: they are stored when they are made. The clock of a block is the wall clock, that of events the
//! monotonic one.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::conduct::{Conduct, identity};
use super::event::Event;
use super::idslog;
use crate::config::{Config, Network, Security};
use crate::net::listen::is_local;
use crate::net::{Appender, Tasks, now_ms};
use crate::store::{Block, Change, Store, StoreError};

/// Networks kept out at most; the one that is let in again first makes room.
const BLOCKS: usize = 10_000;
/// Events kept for the administrator to look at.
const RECENT: usize = 1000;
/// Longest text kept with one, bytes.
const LONGEST_DATA: usize = 256;
const MINUTE: i64 = 60_000;

/// Where an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Smtp,
    /// POP3, the page: only failed logins count, and only for login protection.
    Other,
}

/// Something a client did.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Unix milliseconds.
    pub at: i64,
    pub client: IpAddr,
    pub event: Event,
    pub data: String,
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Watch {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    tasks: Tasks,
    log: Appender,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    conduct: Conduct,
    /// Failed logins, of all services.
    logins: Conduct,
    blocks: Vec<(Network, Block)>,
    recent: VecDeque<Noted>,
}

impl Watch {
    /// With the blocks that are stored; those that are over go.
    pub fn new(store: Store, tasks: Tasks) -> Watch {
        let now = now_ms();
        let stored = store.blocks().unwrap_or_else(|error| {
            log::error!("the block list cannot be read: {error}");
            Vec::new()
        });
        let (kept, over): (Vec<Block>, Vec<Block>) = stored.into_iter().partition(|block| block.until > now);
        let blocks = kept.into_iter().filter_map(|block| Some((Network::parse(&block.network).ok()?, block)));
        let state = State { blocks: blocks.collect(), ..State::default() };
        let watch =
            Watch { inner: Arc::new(Inner { store, tasks, log: Appender::default(), state: Mutex::new(state) }) };
        watch.keep(over.into_iter().map(|block| Change::RemoveBlock { network: block.network }).collect());
        watch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A client did something. `data` is what it was about: a recipient, a user's name, a command.
    pub fn note(&self, security: &Security, place: Place, client: IpAddr, event: Event, data: &str) {
        let scored = place == Place::Smtp && security.ips.block_threshold != 0 && event.score(&security.ips) != 0;
        let login = event == Event::BadLogin && security.logins.failed_logins != 0;
        let logged = place == Place::Smtp && !security.ids.log_file.is_empty();
        if !(scored || login || logged) {
            return;
        }
        if logged {
            self.write(security, client, event, data);
        }
        let now = Instant::now();
        let mut state = self.state();
        if scored {
            state.conduct.note(client, event, now);
        }
        if login {
            state.logins.note(client, event, now);
        }
        if scored || login {
            if state.recent.len() >= RECENT {
                state.recent.pop_front();
            }
            let data = data.get(..data.floor_char_boundary(LONGEST_DATA)).unwrap_or_default().to_string();
            state.recent.push_back(Noted { at: now_ms(), client, event, data });
        }
    }

    fn write(&self, security: &Security, client: IpAddr, event: Event, data: &str) {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let line = idslog::line(&security.ids.log_format, &time, client, event, data);
        self.inner.log.append(&self.inner.store.dir().join(&security.ids.log_file), &line, None);
    }

    /// Whether a client that connects is let in.
    pub fn admit(&self, config: &Config, client: IpAddr) -> bool {
        let security = &config.security;
        let mut state = self.state();
        if state.is_clean(client) || is_never_blocked(security, client) {
            return true;
        }
        let now = now_ms();
        if let Some(place) = state.blocks.iter().position(|(network, _)| network.contains(client)) {
            let over = state.blocks.get(place).is_some_and(|(_, block)| block.until <= now);
            if !over {
                return false;
            }
            let (_, block) = state.blocks.swap_remove(place);
            state.forget(client);
            drop(state);
            self.keep(vec![Change::RemoveBlock { network: block.network }]);
            return true;
        }
        let Some((minutes, reason)) = state.verdict(security, client, Instant::now()) else { return true };
        state.forget(client);
        let block = Block { network: named(client), since: now, until: now + i64::from(minutes) * MINUTE, reason };
        log::warn!("{} is kept out for {minutes} minutes: {}", block.network, block.reason);
        let changes = state.add(block);
        drop(state);
        self.keep(changes);
        false
    }

    /// Stores what was decided, without waiting for it.
    fn keep(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let store = self.inner.store.clone();
        let stored = async move {
            if let Err(error) = store.commit(changes).await {
                log::error!("the block list is not stored: {error}");
            }
        };
        self.inner.tasks.spawn(stored).detach();
    }

    /// Those that are kept out now, the newest first.
    pub fn blocks(&self) -> Vec<Block> {
        let now = now_ms();
        let state = self.state();
        let mut blocks: Vec<Block> =
            state.blocks.iter().filter(|(_, block)| block.until > now).map(|(_, block)| block.clone()).collect();
        blocks.sort_by_key(|block| std::cmp::Reverse(block.since));
        blocks
    }

    /// What clients did lately, the newest first.
    pub fn recent(&self) -> Vec<Noted> {
        self.state().recent.iter().rev().cloned().collect()
    }

    /// An administrator keeps a network out. On disk when this returns.
    pub async fn block(&self, network: Network, minutes: u32) -> Result<Block, StoreError> {
        let now = now_ms();
        let until = now + i64::from(minutes) * MINUTE;
        let block = Block { network: network.to_string(), since: now, until, reason: "by the administrator".into() };
        let changes = self.state().add(block.clone());
        self.inner.store.commit(changes).await?;
        Ok(block)
    }

    /// `false`: it was not kept out.
    pub async fn unblock(&self, network: Network) -> Result<bool, StoreError> {
        let found = self.state().lift(network);
        self.inner.store.commit(vec![Change::RemoveBlock { network: network.to_string() }]).await?;
        Ok(found)
    }
}

impl State {
    /// Nothing is known against the client.
    fn is_clean(&self, client: IpAddr) -> bool {
        self.blocks.is_empty() && !self.conduct.knows(client) && !self.logins.knows(client)
    }

    fn forget(&mut self, client: IpAddr) {
        self.conduct.forget(client);
        self.logins.forget(client);
    }

    /// Whether it was there.
    fn lift(&mut self, network: Network) -> bool {
        let before = self.blocks.len();
        self.blocks.retain(|(blocked, _)| *blocked != network);
        self.forget(network.address());
        self.blocks.len() < before
    }

    /// For how many minutes a client is to be kept out, and why.
    fn verdict(&self, security: &Security, client: IpAddr, now: Instant) -> Option<(u32, String)> {
        let minutes = |count: u32| Duration::from_secs(60 * u64::from(count));
        let (ips, logins) = (&security.ips, &security.logins);
        let score = self.conduct.sum(client, minutes(ips.monitor_period), now, |event| event.score(ips));
        if ips.block_threshold != 0 && score >= u64::from(ips.block_threshold) {
            return Some((ips.block_time, format!("score {score}")));
        }
        let failed = self.logins.sum(client, minutes(logins.monitor_period), now, |_| 1);
        (logins.failed_logins != 0 && failed >= u64::from(logins.failed_logins))
            .then(|| (logins.block_time, format!("{failed} failed logins")))
    }

    /// What has to be stored for it.
    fn add(&mut self, block: Block) -> Vec<Change> {
        let Ok(network) = Network::parse(&block.network) else { return Vec::new() };
        let mut changes = Vec::new();
        self.blocks.retain(|(blocked, _)| *blocked != network);
        if self.blocks.len() >= BLOCKS
            && let Some(first) =
                (0..self.blocks.len()).min_by_key(|place| self.blocks.get(*place).map(|(_, b)| b.until))
        {
            let (_, gone) = self.blocks.swap_remove(first);
            changes.push(Change::RemoveBlock { network: gone.network });
        }
        changes.push(Change::PutBlock(block.clone()));
        self.blocks.push((network, block));
        changes
    }
}

fn is_never_blocked(security: &Security, client: IpAddr) -> bool {
    let never = security.never_blocked();
    never.contains(client) || (never.local && is_local(client))
}

/// The network a client is blocked by.
fn named(client: IpAddr) -> String {
    match identity(client) {
        IpAddr::V6(v6) => format!("{v6}/64"),
        v4 => v4.to_string(),
    }
}
