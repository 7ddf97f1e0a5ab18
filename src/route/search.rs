//! The order in which an address is looked for.

use super::{DIRECT, Destination, MAPPED, Origin, is_ours, mailbox};
use crate::config::{Config, LanRule, Lowered, MappingEntry, MappingTarget, User, lower};
use crate::mail::{Address, Recipient};

/// Most addresses a recipient is followed through, from mapping to mapping.
const MOST_FOLLOWED: usize = 50;

/// Local parts that lead to the main administrator where nobody has them: RFC 5321 §4.5.1, RFC 2142 §4, and the box's
/// own sender name.
const ALWAYS_SOMEBODY: [&str; 4] = ["postmaster", "abuse", "mailer-daemon", "mailer_daemon"];

/// What claimed an address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step<'a> {
    Mapping,
    Pattern,
    User,
    Rule(&'a LanRule),
    LastMapping,
    LastRule(&'a LanRule),
    Always,
}

pub(super) struct Search<'a> {
    config: &'a Config,
    origin: Origin,
    /// As given, with a domain.
    recipient: &'a Recipient,
    /// Whether a user's own name counts without a mapping.
    implied: bool,
    pub found: Vec<Destination>,
    /// A mapping to `*REMOTE` was among what was found.
    pub remote: bool,
    /// Addresses that mappings have led to.
    followed: Vec<Address>,
}

impl<'a> Search<'a> {
    pub(super) fn new(config: &'a Config, origin: Origin, recipient: &'a Recipient, implied: bool) -> Search<'a> {
        Search { config, origin, recipient, implied, found: Vec::new(), remote: false, followed: Vec::new() }
    }

    /// Looks for the recipient; `ours`: bare names count at its domain. `None`: nothing claims it.
    pub(super) fn run(&mut self, ours: bool) -> Option<Step<'a>> {
        let (config, recipient) = (self.config, self.recipient);
        let step = self.decide(&recipient.address, ours, false);
        if self.found.is_empty()
            && is_always_somebody(&recipient.address)
            && (ours || is_this_host(config, &recipient.address))
            && let Some(user) = config.main_administrator()
        {
            self.add(mailbox(user, &recipient.address, MAPPED));
            return Some(Step::Always);
        }
        step
    }

    /// `target`: the address is where a mapping leads; there a user's own name comes first.
    fn decide(&mut self, address: &Address, ours: bool, target: bool) -> Option<Step<'a>> {
        let config = self.config;
        let given = lower(address.as_str());
        let inside = config.internal_domain(address.domain());
        let inside = inside.and_then(|domain| Some(format!("{}@{domain}", given.rsplit_once('@')?.0)));
        let lowered = Lowered::of(inside.as_deref().unwrap_or(&given));
        let user = config.user_named(lowered.local).filter(|user| ours && user.enabled);
        if let Some(user) = user.filter(|_| target) {
            self.add_user(user, MAPPED);
            return Some(Step::User);
        }
        if self.follow_all(config.mappings_of(&lowered, ours)) {
            return Some(Step::Mapping);
        }
        if self.follow_all(config.mappings_by_pattern(&lowered, ours)) {
            return Some(Step::Pattern);
        }
        if let Some(user) = user.filter(|_| self.implied) {
            self.add_user(user, DIRECT);
            return Some(Step::User);
        }
        let pop3 = self.origin == Origin::Collected;
        if let Some(rule) = config.lan_rule(&lowered, ours, pop3, false) {
            self.forward(rule, &lowered, address);
            return Some(Step::Rule(rule));
        }
        if self.follow_all(config.mappings_of_last_resort(&lowered)) {
            return Some(Step::LastMapping);
        }
        let rule = config.lan_rule(&lowered, ours, pop3, true)?;
        self.forward(rule, &lowered, address);
        Some(Step::LastRule(rule))
    }

    /// Whether there were any for this mail.
    fn follow_all(&mut self, entries: impl Iterator<Item = &'a MappingEntry>) -> bool {
        let origin = self.origin;
        let mut any = false;
        for entry in entries.filter(|entry| origin.is_meant_by(entry.mail)) {
            any = true;
            self.follow(&entry.target);
        }
        any
    }

    fn follow(&mut self, target: &'a MappingTarget) {
        let config = self.config;
        match target {
            MappingTarget::User(position) => {
                if let Some(user) = config.user_at(*position).filter(|user| user.enabled) {
                    self.add_user(user, MAPPED);
                }
            }
            MappingTarget::Address(address) => {
                if self.followed.len() >= MOST_FOLLOWED || self.followed.contains(address) {
                    return;
                }
                self.followed.push(address.clone());
                let ours = is_ours(config, address);
                if self.decide(address, ours, true).is_none() && !ours {
                    self.add(Destination::Outgoing(Recipient { address: address.clone(), ..self.recipient.clone() }));
                }
            }
            MappingTarget::Lan(address, server) => {
                let (address, lan) = (address.clone(), Some(server.clone()));
                self.add(Destination::Outgoing(Recipient { address, lan, ..self.recipient.clone() }));
            }
            MappingTarget::Remote => {
                self.remote = true;
                if self.origin == Origin::Office {
                    self.add(Destination::Outgoing(self.recipient.clone()));
                }
            }
            MappingTarget::NoOne => self.add(Destination::Nowhere(self.recipient.address.clone())),
        }
    }

    fn forward(&mut self, rule: &LanRule, lowered: &Lowered<'_>, address: &Address) {
        let rewritten = match rule.rewrite_address.strip_prefix("*@") {
            // An external domain is gone already.
            None if rule.rewrite_address.is_empty() => format!("{}@{}", address.local(), lowered.domain),
            Some(domain) => format!("{}@{domain}", address.local()),
            None => rule.rewrite_address.clone(),
        };
        let address = Address::parse(&rewritten).unwrap_or_else(|_| address.clone());
        let lan = Some(Box::new(rule.target()));
        self.add(Destination::Outgoing(Recipient { address, lan, ..self.recipient.clone() }));
    }

    /// Mail from outside does not count for a user who may not have any.
    fn add_user(&mut self, user: &User, reason: char) {
        if self.origin == Origin::Office || user.allow_receiving {
            self.add(mailbox(user, &self.recipient.address, reason));
        }
    }

    /// Unless it is there already.
    fn add(&mut self, new: Destination) {
        if !self.found.contains(&new) {
            self.found.push(new);
        }
    }
}

fn is_always_somebody(address: &Address) -> bool {
    ALWAYS_SOMEBODY.iter().any(|name| name.eq_ignore_ascii_case(address.local()))
}

/// The names that always lead to somebody do so also at the box's own host name, and at an address literal: nobody can
/// mean another host's postmaster with one and hand the mail to us.
fn is_this_host(config: &Config, address: &Address) -> bool {
    address.domain().starts_with('[') || address.domain().eq_ignore_ascii_case(&config.general.host_name)
}
