//! Collectors: that a Connection runs them, and that collected mail leads somewhere.

use std::collections::HashMap;

use super::{Checks, is_domain_or_address_pattern};
use crate::config::directory::lower;
use crate::config::{Collector, CollectorRouting, Config};
use crate::mail::Address;

impl Checks<'_> {
    pub(super) fn collectors(&mut self) {
        let config = self.config;
        let mut names = HashMap::new();
        for (position, collector) in config.collectors.iter().enumerate() {
            let path = format!("collectors[{position}]");
            self.unique(&path, &collector.name, names.insert(lower(&collector.name), path.clone()));
            self.run_by(&path, collector);
            if collector.enabled {
                self.host(&format!("{path}.host"), &collector.host);
                self.login(&format!("{path}.login"), &collector.login);
                self.routing(&format!("{path}.routing"), collector);
            }
        }
    }

    fn run_by(&mut self, path: &str, collector: &Collector) {
        let config = self.config;
        if config.connections.is_empty() && collector.enabled {
            self.wrong(format!("{path}.connections"), "there is no Connection that could run this collector");
        }
        for (position, name) in collector.connections.iter().enumerate() {
            if !config.connections.iter().any(|connection| lower(&connection.name) == lower(name)) {
                let message = format!("there is no Connection \"{name}\"");
                self.wrong(format!("{path}.connections[{position}]"), message);
            }
        }
    }

    fn routing(&mut self, path: &str, collector: &Collector) {
        match &collector.routing {
            CollectorRouting::SendTo(target) => {
                if let Some(problem) = target_problem(self.config, target) {
                    self.wrong(format!("{path}.send-to"), problem);
                }
            }
            CollectorRouting::ByHeaders { accepted_domains } => {
                let path = format!("{path}.by-headers.accepted_domains");
                if accepted_domains.is_empty() {
                    self.wrong(&path, "is empty; no address would count");
                }
                for (position, entry) in accepted_domains.iter().enumerate() {
                    if !is_domain_or_address_pattern(entry.strip_prefix('@').unwrap_or(entry)) {
                        let message = format!("\"{entry}\" is no domain, address or pattern of one");
                        self.wrong(format!("{path}[{position}]"), message);
                    }
                }
            }
        }
    }
}

/// Why a collector cannot send its mail there.
fn target_problem(config: &Config, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some("is empty; name a user or an address".into());
    }
    match config.user_named(target) {
        Some(user) if user.enabled => return None,
        Some(_) => return Some(format!("the user \"{target}\" is not enabled")),
        None => {}
    }
    let Ok(address) = Address::parse(target) else {
        return Some(format!("\"{target}\" is no user and no address"));
    };
    let is_alias = config.users_with_address(&address).next().is_some()
        || (config.is_local(&address) && config.users_with_alias(address.local()).next().is_some());
    let is_user = || config.user_named(address.local()).is_some_and(|user| user.enabled);
    match config.is_local(&address) {
        _ if is_alias => None,
        true if is_user() => None,
        true => Some(format!("\"{target}\" is nobody here")),
        false => None,
    }
}
