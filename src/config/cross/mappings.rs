//! Mappings of addresses and domains: forms, and that a target is somebody.

use std::collections::{HashMap, HashSet};

use super::{Checks, is_domain};
use crate::config::directory::lower;
use crate::config::{Config, Lowered, STARS};
use crate::mail::Address;
use crate::rules::{AddressForm, LanTarget, Mistake, Target};

impl Checks<'_> {
    pub(super) fn mappings(&mut self) {
        let config = self.config;
        let mut seen = HashSet::new();
        for (position, mapping) in config.mappings.iter().enumerate() {
            let path = format!("mappings[{position}]");
            if let Err(mistake) = AddressForm::parse(&mapping.address) {
                self.mistake(format!("{path}.address"), &mistake);
            }
            if let Some(problem) = target_problem(config, &mapping.target) {
                self.wrong(format!("{path}.target"), problem);
            } else if is_itself(config, &mapping.address, &mapping.target) {
                self.wrong(format!("{path}.target"), format!("\"{}\" leads to itself", mapping.target));
            }
            let key = (lower(mapping.address.trim()), lower(mapping.target.trim()), mapping.mail_type as u8);
            if !seen.insert(key) {
                self.wrong(path, format!("\"{}\" is mapped to \"{}\" twice", mapping.address, mapping.target));
            }
        }
        self.domain_mappings();
    }

    fn domain_mappings(&mut self) {
        let config = self.config;
        let mut externals = HashMap::new();
        for (position, mapping) in config.domain_mappings.iter().enumerate() {
            let path = format!("domain_mappings[{position}]");
            for (field, domain) in [("internal", &mapping.internal), ("external", &mapping.external)] {
                if !is_domain(domain) {
                    self.wrong(format!("{path}.{field}"), format!("\"{domain}\" is no domain"));
                }
            }
            if let Some(other) = externals.insert(lower(&mapping.external), position) {
                let message = format!("\"{}\" is mapped by domain_mappings[{other}] already", mapping.external);
                self.wrong(format!("{path}.external"), message);
            }
        }
        for (position, mapping) in config.domain_mappings.iter().enumerate() {
            if externals.contains_key(&lower(&mapping.internal)) {
                let message = format!("\"{}\" is an external domain too", mapping.internal);
                self.wrong(format!("domain_mappings[{position}].internal"), message);
            }
        }
    }

    /// A mistake in a text of one line.
    pub(super) fn mistake(&mut self, path: impl Into<String>, mistake: &Mistake) {
        self.wrong(path, format!("column {}: {}", mistake.column, mistake.text));
    }
}

/// Why a text cannot be a target.
fn target_problem(config: &Config, text: &str) -> Option<String> {
    match Target::parse(text) {
        Err(mistake) => Some(format!("column {}: {}", mistake.column, mistake.text)),
        Ok(Target::Lan(_)) => lan_problem(text),
        Ok(Target::Remote | Target::NoOne) => None,
        Ok(Target::Name(name)) if config.user_named(&name).is_some() => None,
        Ok(Target::Name(name)) => {
            let address = Address::parse(&name).ok()?.or_domain(&config.general.default_domain);
            (!leads_somewhere(config, &address)).then(|| format!("there is no user \"{name}\""))
        }
        Ok(Target::Address(address)) => {
            (!leads_somewhere(config, &address)).then(|| format!("\"{address}\" is nobody here"))
        }
    }
}

/// What is wrong with an `SMTP:` target.
pub(super) fn lan_problem(text: &str) -> Option<String> {
    match LanTarget::parse(text) {
        Err(mistake) => Some(format!("column {}: {}", mistake.column, mistake.text)),
        Ok(target) if target.password == STARS => {
            Some("the password behind the stars is not known; write it out".into())
        }
        Ok(_) => None,
    }
}

fn is_itself(config: &Config, address: &str, target: &str) -> bool {
    let full = |text: &str| {
        let address = Address::parse(text.trim()).ok()?.or_domain(&config.general.default_domain);
        Some(lower(address.as_str()).into_owned())
    };
    config.user_named(target.trim()).is_none() && full(address).is_some() && full(address) == full(target)
}

/// Whether an address is elsewhere, or somebody's here.
pub(super) fn leads_somewhere(config: &Config, address: &Address) -> bool {
    let whole = lower(address.as_str());
    let (local, domain) = whole.rsplit_once('@').unwrap_or((&whole, ""));
    let inside = config.internal_domain(domain).map(|domain| format!("{local}@{domain}"));
    let lowered = Lowered::of(inside.as_deref().unwrap_or(&whole));
    let ours = config.is_local(address) || Address::parse(lowered.whole).is_ok_and(|inside| config.is_local(&inside));
    let rule = |last_resort| config.lan_rule(&lowered, ours, false, last_resort).is_some();
    !ours
        || config.user_named(lowered.local).is_some_and(|user| user.enabled)
        || config.mappings_of(&lowered, ours).next().is_some()
        || config.mappings_by_pattern(&lowered, ours).next().is_some()
        || config.mappings_of_last_resort(&lowered).next().is_some()
        || rule(false)
        || rule(true)
}
