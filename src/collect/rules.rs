//! Download rules: which rule a message falls under, and what that means (spec connectors-and-smtp §4.8).

use jiff::civil::DateTime;

use super::job::Job;
use super::leave::Told;
use super::plan::{Fetch, Orders};
use super::recipients::Recipients;
use crate::config::DownloadRule;
use crate::config::rules::{Notice, Remote, To};
use crate::mail::Header;
use crate::net::local_now;
use crate::route::{self, Destination};
use crate::rules::conditions::Facts;

/// What is to be done with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Download(Orders),
    Ask(Told),
    /// Left at the provider until it is old.
    Ignore,
    /// `Some`: these are told.
    Delete(Option<Told>),
}

/// The rules as one run sees them.
pub(super) struct Judge<'a> {
    job: &'a Job,
    now: Option<DateTime>,
    /// Of the collector in the list.
    place: u64,
}

impl<'a> Judge<'a> {
    /// `None`: the collector uses none.
    pub fn new(job: &'a Job) -> Option<Judge<'a>> {
        if !job.uses_rules() {
            return None;
        }
        let place = job.config.collectors.iter().position(|collector| collector.id == job.collector.id)?;
        Some(Judge { job, now: local_now(&job.config.time_zone()), place: place as u64 })
    }

    /// The first rule that matches.
    pub fn rule(&self, fetch: &Fetch, header: &[u8]) -> Option<&'a DownloadRule> {
        let recipients = Recipients::of(self.job, header);
        let users: Vec<&str> = recipients
            .found
            .destinations
            .iter()
            .filter_map(|destination| match destination {
                Destination::Mailbox { user, .. } => self.job.config.user(*user).map(|user| user.name.as_str()),
                _ => None,
            })
            .collect();
        let facts = Facts {
            now: self.now,
            users: Some(&users),
            size: fetch.size,
            collector: Some(self.place),
            valid_recipients: Some(recipients.found.valid.into()),
            invalid_recipients: Some(recipients.found.invalid.into()),
            header: Some(Header::of(header)),
            ..Facts::default()
        };
        self.job.config.download_rules.first(&facts)
    }

    pub fn verdict(&self, rule: &DownloadRule, fetch: &Fetch) -> Verdict {
        let handling = rule.action.handling();
        let given =
            || rule.addresses.iter().filter_map(|name| route::target(&self.job.config, name)).flatten().collect();
        let told = || Told {
            intended: handling.to != To::Given,
            others: if handling.to == To::Intended { Vec::new() } else { rule.addresses.clone() },
        };
        match (handling.download, handling.notice, handling.remote) {
            (true, _, remote) => {
                let held = fetch.orders.as_ref().is_some_and(|orders| orders.held);
                let mut orders = Orders { any_size: true, held, delete: remote == Remote::Delete, ..Orders::default() };
                match handling.to {
                    To::Intended => {}
                    To::IntendedAndGiven => orders.copy = given(),
                    // Users that are gone meanwhile do not make the mail disappear.
                    To::Given => orders.redirect = Some(given()).filter(|to: &Vec<Destination>| !to.is_empty()),
                }
                Verdict::Download(orders)
            }
            (false, Some(Notice::Query), _) => Verdict::Ask(told()),
            (false, Some(Notice::Warn), _) => Verdict::Delete(Some(told())),
            (false, None, Remote::Delete) => Verdict::Delete(None),
            (false, None, _) => Verdict::Ignore,
        }
    }

    /// A line for `dlrules.log`.
    pub fn note(&self, rule: &DownloadRule, fetch: &Fetch, header: &[u8]) {
        let header = Header::of(header);
        let value = |name: &str| header.first(name).map(|field| field.unfolded()).unwrap_or_default();
        let size = fetch.size.map_or_else(|| "?".to_string(), |size| size.to_string());
        let (name, action) = (&rule.name, rule.action);
        let (from, subject) = (value("From"), value("Subject"));
        let line = format!(
            "{}: rule \"{name}\" {action:?}: from {from}, {size} bytes, subject {subject}",
            self.job.collector.name
        );
        self.job.services.logs.write("dlrules.log", &line);
    }
}
