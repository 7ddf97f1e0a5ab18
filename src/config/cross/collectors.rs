//! Collectors: that a Connection runs them, and that collected mail leads somewhere.

use std::collections::HashMap;

use super::mappings::{lan_problem, leads_somewhere};
use super::{Checks, is_domain, is_domain_or_address_pattern};
use crate::config::directory::lower;
use crate::config::{CollectionMethod, Collector, CollectorRouting, Config, Odmr, RoutingErrorAction, SmtpFeed};
use crate::mail::Address;
use crate::rules::SpecialHeader;
use crate::rules::lan_target::is_lan_target;

impl Checks<'_> {
    pub(super) fn collectors(&mut self) {
        let config = self.config;
        let mut names = HashMap::new();
        for (position, collector) in config.collectors.iter().enumerate() {
            let path = format!("collectors[{position}]");
            self.unique(&path, &collector.name, names.insert(lower(&collector.name), path.clone()));
            self.run_by(&path, collector);
            if collector.enabled {
                match collector.method {
                    CollectionMethod::Pop3 => self.pop3(&path, collector),
                    CollectionMethod::SmtpFeed => self.feed(&format!("{path}.feed"), &collector.feed),
                    CollectionMethod::Odmr => self.odmr(&format!("{path}.odmr"), &collector.odmr),
                }
            }
        }
    }

    fn pop3(&mut self, path: &str, collector: &Collector) {
        self.host(&format!("{path}.host"), &collector.host);
        self.login(&format!("{path}.login"), &collector.login);
        self.routing(&format!("{path}.routing"), collector);
        let errors = &collector.routing_errors;
        let named = matches!(errors.action, RoutingErrorAction::ErrorToUser | RoutingErrorAction::MailToUser);
        for (position, pattern) in collector.routing_options.special_headers.iter().enumerate() {
            if let Err(mistake) = SpecialHeader::parse(pattern) {
                let path = format!("{path}.routing_options.special_headers[{position}]");
                self.wrong(path, format!("column {}: {}", mistake.column, mistake.text));
            }
        }
        if let CollectorRouting::ByHeaders { .. } = collector.routing {
            let problem = named.then(|| target_problem(self.config, &errors.user)).flatten();
            if let Some(problem) = problem {
                self.wrong(format!("{path}.routing_errors.user"), problem);
            }
        }
    }

    fn otherwise(&mut self, path: &str, target: &str) {
        if let Some(problem) = target_problem(self.config, target) {
            self.wrong(format!("{path}.otherwise"), problem);
        }
    }

    fn feed(&mut self, path: &str, feed: &SmtpFeed) {
        if !feed.use_etrn {
            return;
        }
        self.host(&format!("{path}.etrn_host"), &feed.etrn_host);
        if feed.etrn_parameters.is_empty() {
            self.wrong(format!("{path}.etrn_parameters"), "is empty; the provider tells what to send");
        }
        for (position, parameter) in feed.etrn_parameters.iter().enumerate() {
            // RFC 1985 §5.3: a domain, after @ for those below it too, or # and the name of a queue.
            let name = parameter.strip_prefix(['@', '#']).unwrap_or(parameter);
            let fits = !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_graphic());
            if !fits || (!parameter.starts_with('#') && !is_domain(name)) {
                let path = format!("{path}.etrn_parameters[{position}]");
                self.wrong(path, format!("\"{parameter}\" is no domain, @domain or #queue"));
            }
        }
    }

    fn odmr(&mut self, path: &str, odmr: &Odmr) {
        self.host(&format!("{path}.host"), &odmr.host);
        self.login(&format!("{path}.login"), &odmr.login);
        for (position, domain) in odmr.domains.iter().enumerate().filter(|(_, domain)| !is_domain(domain)) {
            self.wrong(format!("{path}.domains[{position}]"), format!("\"{domain}\" is no domain"));
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
            CollectorRouting::SingleAddress { address, otherwise } => {
                let path = format!("{path}.single-address");
                if Address::parse(address).is_ok_and(|address| !address.domain().is_empty()) {
                    self.otherwise(&path, otherwise);
                } else {
                    self.wrong(format!("{path}.address"), format!("\"{address}\" is no full address"));
                }
            }
            CollectorRouting::SubjectMarker { marker, otherwise } => {
                let path = format!("{path}.subject-marker");
                let (before, after) = marker.split_once('*').unwrap_or_default();
                if before.trim().is_empty() || after.trim().is_empty() || after.contains('*') {
                    let message = format!("\"{marker}\" has not one * with something before and behind it");
                    self.wrong(format!("{path}.marker"), message);
                }
                self.otherwise(&path, otherwise);
            }
        }
    }
}

/// Why a collector cannot send its mail there.
pub(super) fn target_problem(config: &Config, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some("is empty; name a user or an address".into());
    }
    match config.user_named(target) {
        Some(user) if user.enabled => return None,
        Some(_) => return Some(format!("the user \"{target}\" is not enabled")),
        None => {}
    }
    if is_lan_target(target) {
        return lan_problem(target);
    }
    let Ok(address) = Address::parse(target) else {
        return Some(format!("\"{target}\" is no user and no address"));
    };
    (!leads_somewhere(config, &address)).then(|| format!("\"{target}\" is nobody here"))
}
