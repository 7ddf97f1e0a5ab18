//! All ways out together: which sender takes which recipient of a mail, and by which way.
//!
//! The senders are asked in the order of their connections; the first whose domain filter takes the recipient, and that
//! may send now and works, has it. Who forwards to a server of the office needs no sender.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::config::{Config, lower};
use crate::live::Runs;
use crate::mail::header::body_offset;
use crate::mail::idn::ascii_domain;
use crate::net::{is_plausible, now_ms};
use crate::rules::{domain_filter, overrides};
use crate::store::{Body, QueueEntry, QueueRecipient, RecipientState, Store};

use super::lane::Way;
use super::line::{Line, Method};
use super::pool::Group;
use super::schedule;

/// A header is looked for in this much of a mail.
const HEADER: usize = 64 * 1024;
const MINUTE: i64 = 60_000;
/// Attempts looked at for the limits of senders in a time.
const ATTEMPTS: usize = 20_000;

/// What a recipient that no sender takes is told to be.
pub const NOBODY: &str = "No sender takes mail for this recipient: the domain filters of all leave it out";

pub struct Lines {
    /// In the order of the connections.
    pub senders: Vec<Arc<Line>>,
    pub lan: Arc<Line>,
}

/// Where the recipients of an entry go that are due.
#[derive(Default)]
pub struct Assigned {
    pub groups: Vec<Group>,
    /// Places of those that no sender takes, and that have not been told so.
    pub nobodys: Vec<u32>,
}

impl Lines {
    /// Lines that are as before stay the same.
    pub fn of(config: &Config, before: Option<&Lines>) -> Lines {
        let old = before.map(|before| before.senders.as_slice()).unwrap_or_default();
        let keep = |line: Line| match old.iter().chain(before.map(|before| &before.lan)).find(|old| old.same_as(&line))
        {
            Some(old) => old.clone(),
            None => {
                if let Some(old) = old.iter().find(|old| old.id == line.id) {
                    line.meter.take_over(&old.meter);
                }
                Arc::new(line)
            }
        };
        let enabled = config.connections.iter().filter(|connection| connection.enabled);
        let senders = enabled.filter_map(|connection| Some((connection, connection.sender.as_ref()?)));
        Lines {
            senders: senders.map(|(connection, sender)| keep(Line::of(config, connection, sender))).collect(),
            lan: keep(Line::lan(config)),
        }
    }

    /// At the start: what counts for the limits of senders in a time.
    pub fn count_past(&self, store: &Store) {
        let now = (now_ms(), Instant::now());
        let longest = self.senders.iter().filter_map(|line| line.meter.window()).max();
        // A clock that is not set yet knows no ages.
        let Some(longest) = longest.filter(|_| is_plausible(now.0)) else { return };
        let attempts = store.attempts(ATTEMPTS).unwrap_or_else(|error| {
            log::error!("send: what went out lately cannot be read: {error}");
            Vec::new()
        });
        // What seems to be still to come was moments ago, by a clock that was ahead, or years, by one that was wrong.
        let age = |at: i64| Duration::from_millis(now.0.abs_diff(at));
        for line in &self.senders {
            let of_it = attempts.iter().rev().filter(|attempt| attempt.connection == line.id);
            // No server, no recipient.
            let reached = of_it.filter(|attempt| !attempt.server.is_empty() && age(attempt.at) < longest);
            line.meter.count_past(reached.map(|attempt| (age(attempt.at), attempt.recipients)), now.1);
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.senders.iter().chain([&self.lan])
    }

    pub fn same_as(&self, other: &Lines) -> bool {
        self.senders.len() == other.senders.len() && self.all().zip(other.all()).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    pub fn sender(&self, connection: u32) -> Option<&Arc<Line>> {
        self.senders.iter().find(|line| line.id == connection)
    }

    /// Between runs a sender is open where mail goes at once, and its Connection is not paused; `in_run` is the connection of the run under way. `true` when
    /// something has changed.
    pub fn set_open(&self, runs: &Runs, in_run: Option<u32>) -> bool {
        let mut changed = false;
        for line in &self.senders {
            changed |= line.set_open(in_run == Some(line.id) || (!line.paused && runs.sends_at_once(line.id)));
        }
        changed
    }

    /// Its time has come, or was set by a clock that went wrong.
    pub fn is_due(&self, due: i64, now: i64) -> bool {
        due <= now || self.all().all(|line| schedule::is_out_of_reach(&line.sender, due, now))
    }

    /// The ways of the pending recipients that are due, all of them if `all`. `late` says of a line that it does not take
    /// mail accepted at this time any more.
    pub fn assign(
        &self,
        store: &Store,
        entry: &QueueEntry,
        now: i64,
        all: bool,
        late: &dyn Fn(&Line, i64) -> bool,
    ) -> Assigned {
        let mut assigned = Assigned::default();
        let mut header = None;
        for (place, recipient) in (0u32..).zip(&entry.recipients) {
            let pending = recipient.state == RecipientState::Pending && (all || self.is_due(recipient.due, now));
            if !pending {
                continue;
            }
            if let Some(server) = &recipient.lan {
                assigned.add(&self.lan, Way::Lan(server.as_ref().clone()), place);
                continue;
            }
            let mut takers = self.senders.iter().filter(|line| takes(line, store, entry, recipient, &mut header));
            let mut best: Option<&Arc<Line>> = None;
            let mut anybody = false;
            let chosen = takers.find(|line| {
                anybody = true;
                let open = line.is_open() && !late(line, entry.accepted_at);
                best = best.or(Some(*line).filter(|_| open));
                open && !line.sick.load(Ordering::Acquire)
            });
            match chosen.or(best) {
                Some(line) => assigned.add(line, way(line, entry, recipient, now), place),
                None if !anybody && !self.senders.is_empty() && recipient.reply != NOBODY => {
                    assigned.nobodys.push(place);
                }
                None => {}
            }
        }
        assigned
    }
}

impl Assigned {
    fn add(&mut self, line: &Arc<Line>, way: Way, place: u32) {
        let same = |group: &&mut Group| Arc::ptr_eq(&group.0, line) && group.1 == way;
        match self.groups.iter_mut().find(same) {
            Some(group) => group.2.push(place),
            None => self.groups.push((line.clone(), way, vec![place])),
        }
    }
}

fn takes(
    line: &Line,
    store: &Store,
    entry: &QueueEntry,
    recipient: &QueueRecipient,
    header: &mut Option<Vec<u8>>,
) -> bool {
    if line.filter.is_empty() {
        return true;
    }
    if line.filter.asks_headers() && header.is_none() {
        *header = Some(read_header(store, entry));
    }
    line.filter.takes(&domain_filter::Facts {
        size: entry.size,
        from: entry.return_path.as_ref().map_or("", |path| path.as_str()),
        to: recipient.address.as_str(),
        auth: entry.auth_user.as_deref().unwrap_or_default(),
        header: header.as_deref().unwrap_or_default(),
    })
}

/// Empty where it cannot be read: then no condition on it holds.
pub fn read_header(store: &Store, entry: &QueueEntry) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = match store.body(entry.mail) {
        Ok(Some(Body::Inline(bytes))) => bytes.get(..HEADER).unwrap_or(&bytes).to_vec(),
        Ok(Some(Body::File { file, .. })) => {
            let mut bytes = Vec::new();
            match file.take(HEADER as u64).read_to_end(&mut bytes) {
                Ok(_) => bytes,
                Err(_) => Vec::new(),
            }
        }
        Ok(None) | Err(_) => Vec::new(),
    };
    bytes.truncate(body_offset(&bytes).unwrap_or(bytes.len()));
    bytes
}

fn way(line: &Line, entry: &QueueEntry, recipient: &QueueRecipient, now: i64) -> Way {
    if line.method != Method::Direct {
        return Way::Relay;
    }
    let domain = lower(recipient.address.domain());
    if !line.overrides.is_empty() {
        let servers = line.overrides.servers(&overrides::Facts {
            domain: &domain,
            size: entry.size,
            sender: entry.return_path.as_ref().map_or("", |path| path.as_str()),
            auth: entry.auth_user.as_deref().unwrap_or_default(),
            tries: recipient.tries.into(),
            age: u64::try_from((now - entry.accepted_at) / MINUTE).unwrap_or(0),
        });
        if !servers.is_empty() {
            return Way::Servers(servers.into());
        }
    }
    // What has no form in DNS is no domain; `mx` says so.
    Way::Domain(ascii_domain(&domain).map_or_else(|| domain.into(), Arc::from))
}
