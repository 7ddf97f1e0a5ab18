//! One run of one collector: what it works with, what it learns, what comes out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plan::Rules;
use super::trouble::Trouble;
use super::{Limits, Serve};
use crate::config::{CollectionMethod, Collector, CollectorRouting, Config};
use crate::intake::{Draft, Intake, Refusal, Source};
use crate::live::{LogFiles, Runs, file_name};
use crate::net::{Resolver, Tasks, now_ms};
use crate::route::{self, Destination};
use crate::rules::SpecialHeader;

/// What the collectors are given. Cheap to clone.
#[derive(Clone)]
pub(super) struct Services {
    pub tasks: Tasks,
    pub intake: Intake,
    pub resolver: Resolver,
    pub logs: LogFiles,
    pub serve: Serve,
    pub limits: Limits,
}

/// How long a session goes on while another Connection waits.
#[derive(Clone)]
pub(super) struct Share {
    pub runs: Runs,
    pub connection: u32,
    pub since: Instant,
    pub patience: Duration,
}

impl Share {
    pub fn is_over(&self) -> bool {
        self.runs.must_yield(self.connection, self.since, self.patience)
    }
}

/// Who gets what this run brings.
#[derive(Clone, Debug)]
pub(super) enum Routing {
    To(Vec<Destination>),
    ByHeaders {
        accepted_domains: Vec<String>,
        special: Vec<SpecialHeader>,
    },
    /// By the names in front of an address.
    SingleAddress {
        address: String,
        otherwise: Vec<Destination>,
    },
    /// By the name between two texts in the Subject.
    SubjectMarker {
        before: String,
        after: String,
        otherwise: Vec<Destination>,
    },
}

/// Holds the configuration as it was when the run began.
pub(super) struct Job {
    pub services: Services,
    pub config: Arc<Config>,
    pub collector: Collector,
    pub routing: Routing,
    pub share: Share,
}

impl Job {
    /// Finds out who gets the mail before any is fetched. A target that does not exist (any more) is the main
    /// administrator's, and said.
    pub fn new(services: &Services, config: &Arc<Config>, collector: &Collector, share: Share) -> Result<Job, Trouble> {
        let pop3 = collector.method == CollectionMethod::Pop3;
        if pop3 && collector.host.trim().is_empty() {
            return Err(Trouble::NoHost);
        }
        let special = collector.routing_options.special_headers.iter();
        let routing = match &collector.routing {
            // What comes by SMTP has an envelope.
            _ if !pop3 => Routing::To(Vec::new()),
            CollectorRouting::ByHeaders { accepted_domains } => Routing::ByHeaders {
                accepted_domains: accepted_domains.clone(),
                // Validation has refused those that cannot be read.
                special: special.filter_map(|pattern| SpecialHeader::parse(pattern).ok()).collect(),
            },
            CollectorRouting::SingleAddress { address, otherwise } => Routing::SingleAddress {
                address: address.clone(),
                otherwise: targets(services, config, collector, otherwise)?,
            },
            CollectorRouting::SubjectMarker { marker, otherwise } => {
                let (before, after) = marker.split_once('*').unwrap_or((marker, ""));
                let otherwise = targets(services, config, collector, otherwise)?;
                Routing::SubjectMarker { before: before.trim().into(), after: after.trim().into(), otherwise }
            }
            CollectorRouting::SendTo(target) => Routing::To(targets(services, config, collector, target)?),
        };
        Ok(Job { services: services.clone(), config: config.clone(), collector: collector.clone(), routing, share })
    }

    pub fn rules(&self) -> Rules {
        let Collector { leave_days, max_size_kb, .. } = self.collector;
        let max_size = max_size_kb.saturating_mul(1024);
        let hold_obsolete_days = self.config.general.hold_obsolete_uids;
        Rules { leave_days, max_size, hold_obsolete_days, headers_first: self.uses_rules(), now: now_ms() }
    }

    /// Whether sizes are asked for before the download.
    pub fn needs_sizes(&self) -> bool {
        !self.config.general.fastest_pop3_download || self.collector.max_size_kb > 0 || self.uses_rules()
    }

    pub fn uses_rules(&self) -> bool {
        self.collector.use_download_rules && !self.config.download_rules.is_idle()
    }

    pub fn source(&self) -> Source {
        Source::Collector {
            id: self.collector.id,
            name: self.collector.name.clone(),
            host: self.collector.host.clone(),
            user: self.collector.login.user.clone(),
        }
    }

    /// Opens a mail that comes in.
    pub fn begin(&self) -> Result<Draft, Refusal> {
        let for_recipient = match &self.routing {
            Routing::To(destinations) => match destinations.as_slice() {
                [Destination::Mailbox { original, .. }] => Some(original),
                _ => None,
            },
            _ => None,
        };
        self.services.intake.begin(self.source(), for_recipient)
    }

    pub fn words(&self, trouble: &Trouble) -> String {
        trouble.words(&self.collector.host, &self.collector.login.user)
    }

    /// A line for the collector's own log, where it keeps one.
    pub fn log(&self, line: impl FnOnce() -> String) {
        if self.collector.keep_log {
            let name = format!("collector-{}-{}.log", self.collector.id, file_name(&self.collector.name));
            self.services.logs.write(&name, &line());
        }
    }

    pub fn problem(&self, text: impl Into<String>) {
        let text = text.into();
        self.log(|| text.clone());
        problem(&self.services, &self.collector, text);
    }
}

pub(super) fn problem(services: &Services, collector: &Collector, text: impl Into<String>) {
    let text = text.into();
    log::warn!("collector {}: {text}", collector.name);
    services.intake.board.problem(now_ms(), format!("collector {}", collector.name), text);
}

fn targets(
    services: &Services,
    config: &Config,
    collector: &Collector,
    target: &str,
) -> Result<Vec<Destination>, Trouble> {
    let found = route::target(config, target).filter(|found| !found.is_empty());
    if let Some(found) = found {
        return Ok(found);
    }
    let administrator = route::target(config, &config.general.main_administrator).ok_or(Trouble::NoTarget)?;
    problem(
        services,
        collector,
        format!(
            "\"{target}\" is no user here; the mail goes to the main administrator. Choose a user in the settings."
        ),
    );
    Ok(administrator)
}

/// What a collector remembers from run to run, in memory only.
#[derive(Default)]
pub(super) struct Memory {
    /// Messages at which a session broke, and how often.
    broke: HashMap<String, u32>,
    /// Messages intake refuses for good; they stay at the provider.
    refused: HashMap<String, String>,
    /// Messages the provider would not give out, once told.
    told: HashSet<String>,
    /// What was last said to be wrong, so that the list of problems does not fill with one.
    pub last_problem: Option<String>,
}

/// Messages remembered so at most.
const REMEMBERED: usize = 1000;

impl Memory {
    pub fn broke_at(&mut self, key: &str) {
        if self.broke.len() < REMEMBERED || self.broke.contains_key(key) {
            *self.broke.entry(key.to_string()).or_default() += 1;
        }
    }

    pub fn arrived(&mut self, key: &str) {
        if !self.broke.is_empty() {
            self.broke.remove(key);
        }
    }

    /// A session broke at it more than once: it comes last, so that it keeps nobody waiting.
    pub fn is_troublesome(&self, key: &str) -> bool {
        self.broke.get(key).is_some_and(|times| *times >= 2)
    }

    /// `true` when this is news.
    pub fn refuse(&mut self, key: &str, reason: String) -> bool {
        self.refused.len() < REMEMBERED && self.refused.insert(key.to_string(), reason).is_none()
    }

    /// The provider does not give this one out. `true` when this is news.
    pub fn withheld(&mut self, key: &str) -> bool {
        self.told.len() < REMEMBERED && self.told.insert(key.to_string())
    }

    pub fn is_refused(&self, key: &str) -> bool {
        self.refused.contains_key(key)
    }
}

/// What a run has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub collected: u64,
    pub deleted: u64,
    pub too_large: u64,
    /// Not taken, by the server's or by intake's word.
    pub skipped: u64,
    pub duplicates: u64,
    /// Left, or deleted, by download rules.
    pub kept_by_rule: u64,
    pub deleted_by_rule: u64,
    /// Ended before all was done, for another Connection.
    pub yielded: bool,
}

impl Outcome {
    /// For the status page.
    pub fn words(&self) -> String {
        let mut words = match self.collected {
            0 => "fine, nothing new".to_string(),
            count => format!("fine, {count} new"),
        };
        if self.yielded {
            words += "; it took long and another connection waits, so the rest follows in the next run";
        }
        if self.too_large > 0 {
            words += &format!("; {} above the size limit stay at the provider", self.too_large);
        }
        if self.kept_by_rule > 0 {
            words += &format!("; {} stay at the provider by download rules", self.kept_by_rule);
        }
        if self.deleted_by_rule > 0 {
            words += &format!("; {} deleted unread by download rules", self.deleted_by_rule);
        }
        if self.duplicates > 0 {
            words += &format!("; {} skipped as duplicates", self.duplicates);
        }
        if self.skipped > 0 {
            words += &format!("; {} could not be taken and stay at the provider", self.skipped);
        }
        words
    }
}
