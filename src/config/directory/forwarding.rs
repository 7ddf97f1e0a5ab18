//! LAN forwarding rules, their addresses read: asked in order, the first that applies counts.

use std::collections::HashMap;

use super::table::Lowered;
use crate::config::{CollectorRouting, Config, LanCondition, LanRule, Secret, lower};
use crate::mail::LanServer;
use crate::rules::{self, AddressForm};

#[derive(Default)]
pub(super) struct Forwarding {
    /// Position of the rule, its condition, and an address of it.
    forms: Vec<(usize, LanCondition, AddressForm)>,
    passwords: HashMap<LanServer, Secret>,
}

impl Forwarding {
    pub(super) fn new(config: &Config, canonical: impl Fn(AddressForm) -> AddressForm) -> Forwarding {
        let mut forwarding = Forwarding::default();
        for (position, rule) in config.lan.rules.iter().enumerate() {
            if let Some(login) = &rule.login {
                forwarding.passwords.insert(rule.target(), login.password.clone());
            }
            for address in &rule.addresses {
                let Ok(form) = AddressForm::parse(address) else { continue };
                let bare = matches!(form, AddressForm::Name(_) | AddressForm::NamePattern(_));
                if !bare || config.lan.allow_bare_names {
                    forwarding.forms.push((position, rule.condition, canonical(form)));
                }
            }
        }
        targets(config).for_each(|text| forwarding.add_target(text));
        forwarding
    }

    fn add_target(&mut self, text: &str) {
        if let Ok(rules::Target::Lan(lan)) = rules::Target::parse(text)
            && !lan.password.is_empty()
        {
            self.passwords.entry(lan.server).or_insert_with(|| Secret::new(lan.password));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    pub(super) fn rule(&self, address: &Lowered<'_>, ours: bool, pop3: bool, last_resort: bool) -> Option<usize> {
        let applies = |condition: LanCondition| match condition {
            LanCondition::All => true,
            LanCondition::Pop3 => pop3,
            LanCondition::Smtp => !pop3,
        };
        let mut fitting = self.forms.iter().filter(|(_, condition, form)| {
            form.is_last_resort() == last_resort && applies(*condition) && form.means(address.whole, ours)
        });
        fitting.next().map(|(position, ..)| *position)
    }
}

/// All texts that may name another server, with a password: those that have the mark `x-target`.
fn targets(config: &Config) -> impl Iterator<Item = &String> {
    let mappings = config.mappings.iter().map(|mapping| &mapping.target);
    let collectors = config.collectors.iter().flat_map(|collector| {
        let routing = match &collector.routing {
            CollectorRouting::SendTo(target) => Some(target),
            CollectorRouting::SingleAddress { otherwise, .. } | CollectorRouting::SubjectMarker { otherwise, .. } => {
                Some(otherwise)
            }
            CollectorRouting::ByHeaders { .. } => None,
        };
        routing.into_iter().chain([&collector.routing_errors.user])
    });
    let download = config.download_rules.rules().iter().flat_map(|rule| &rule.addresses);
    let smtp = config.smtp.iter().flat_map(|service| service.rules.rules()).flat_map(|rule| &rule.addresses);
    mappings.chain(collectors).chain(download).chain(smtp)
}

impl Config {
    /// The first LAN forwarding rule for an address. `ours`: bare names count at its domain; `pop3`: the mail was
    /// collected; `last_resort`: look at rules for `~@domain` instead of the others.
    pub fn lan_rule(&self, address: &Lowered<'_>, ours: bool, pop3: bool, last_resort: bool) -> Option<&LanRule> {
        let forwarding = &self.directory().forwarding;
        if forwarding.is_empty() {
            return None;
        }
        self.lan.rules.get(forwarding.rule(address, ours, pop3, last_resort)?)
    }

    /// The password for a server with a login that mail is forwarded to. `None`: the settings have none any more.
    pub fn lan_password(&self, server: &LanServer) -> Option<&Secret> {
        let server = LanServer { host: lower(&server.host).into_owned(), ..server.clone() };
        self.directory().forwarding.passwords.get(&server)
    }
}
