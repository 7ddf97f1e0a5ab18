//! Checks that look at more than one setting, or at what a text means: names, domains, addresses, networks.

mod collectors;
mod connections;
mod lan;
mod users;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::config::networks::{LOCAL_NETWORKS, Network};
use crate::config::{Authentication, Config, Invalid, SmtpService};
use crate::mail::Address;

/// Adds to `found` what is wrong with settings that each for itself are right.
pub(super) fn check(config: &Config, found: &mut Vec<Invalid>) {
    let mut checks = Checks { config, found };
    checks.general();
    checks.services();
    checks.users();
    checks.connections();
    checks.collectors();
    checks.lan();
    checks.tls_and_dns();
}

struct Checks<'a> {
    config: &'a Config,
    found: &'a mut Vec<Invalid>,
}

impl Checks<'_> {
    fn wrong(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.found.push(Invalid::new(path, message));
    }

    fn general(&mut self) {
        let general = &self.config.general;
        if !is_domain(&general.host_name) {
            self.wrong("general.host_name", format!("\"{}\" is no host name", general.host_name));
        }
        if !general.default_domain.is_empty() && !is_domain(&general.default_domain) {
            self.wrong("general.default_domain", format!("\"{}\" is not one domain", general.default_domain));
        }
        for (position, entry) in general.local_domains.iter().enumerate() {
            let path = format!("general.local_domains[{position}]");
            if entry == "*" {
                self.wrong(path, "\"*\" would make every address a local one, and no mail would go out");
            } else if !is_domain_or_address_pattern(entry) {
                self.wrong(path, format!("\"{entry}\" is no domain, address or pattern of one"));
            }
        }
        let name = &general.main_administrator;
        if self.config.users.is_empty() {
            if !name.is_empty() {
                self.wrong("general.main_administrator", format!("there is no user \"{name}\""));
            }
            return;
        }
        match self.config.user_named(name) {
            Some(user) if user.enabled => {}
            Some(_) => self.wrong("general.main_administrator", format!("the user \"{name}\" is not enabled")),
            None if name.is_empty() => self.wrong("general.main_administrator", "name an enabled user here"),
            None => self.wrong("general.main_administrator", format!("there is no user \"{name}\"")),
        }
    }

    fn services(&mut self) {
        let config = self.config;
        let smtp = config.smtp.iter().map(|service| (service.enabled, &service.listen));
        let smtp = smtp.enumerate().map(|(position, service)| (format!("smtp[{position}]"), service));
        let pop3 = config.pop3.iter().map(|service| (service.enabled, &service.listen));
        let pop3 = pop3.enumerate().map(|(position, service)| (format!("pop3[{position}]"), service));
        let web = [("web".to_string(), (config.web.enabled, &config.web.listen))];
        let mut taken: HashMap<SocketAddr, String> = HashMap::new();
        for (service, (enabled, listen)) in smtp.chain(pop3).chain(web) {
            if enabled && listen.is_empty() {
                self.wrong(format!("{service}.listen"), "is empty; to stop the service, set enabled = false");
            }
            for (position, text) in listen.iter().enumerate() {
                let path = format!("{service}.listen[{position}]");
                let Ok(address) = text.parse::<SocketAddr>() else {
                    self.wrong(path, format!("\"{text}\" is no address with a port, such as 0.0.0.0:25 or [::]:25"));
                    continue;
                };
                let other = (enabled && address.port() != 0).then(|| taken.insert(address, path.clone())).flatten();
                if let Some(other) = other {
                    self.wrong(path, format!("{address} is taken by {other}"));
                }
            }
        }
        for (position, service) in config.smtp.iter().enumerate() {
            self.relay_from(&format!("smtp[{position}]"), service);
        }
    }

    fn relay_from(&mut self, path: &str, service: &SmtpService) {
        for (position, text) in service.relay_from.iter().enumerate() {
            let path = format!("{path}.relay_from[{position}]");
            match Network::parse(text) {
                _ if text.eq_ignore_ascii_case(LOCAL_NETWORKS) => {}
                Ok(network) if network.is_everything() && service.authentication != Authentication::Required => self
                    .wrong(
                        path,
                        format!("\"{text}\" would let everybody send through this box; list your own networks"),
                    ),
                Ok(_) => {}
                Err(error) => self.wrong(path, format!("\"{text}\" {error}")),
            }
        }
    }

    fn tls_and_dns(&mut self) {
        let tls = &self.config.tls;
        match (tls.certificate_file.is_empty(), tls.key_file.is_empty()) {
            (false, true) => self.wrong("tls.key_file", "is empty, though certificate_file is given"),
            (true, false) => self.wrong("tls.certificate_file", "is empty, though key_file is given"),
            _ => {}
        }
        for (position, server) in self.config.dns.servers.iter().enumerate() {
            if server.parse::<IpAddr>().is_err() && server.parse::<SocketAddr>().is_err() {
                let message = format!("\"{server}\" is no address such as 192.168.1.1 or 192.168.1.1:53");
                self.wrong(format!("dns.servers[{position}]"), message);
            }
        }
    }
}

/// A host or domain name; an address literal is none.
fn is_domain(text: &str) -> bool {
    text.is_ascii() && !text.starts_with('[') && Address::parse(&format!("x@{text}")).is_ok()
}

fn is_domain_or_address_pattern(entry: &str) -> bool {
    let filled = entry.replace(['*', '?'], "x");
    is_domain(&filled) || Address::parse(&filled).is_ok_and(|address| !address.domain().is_empty())
}

#[cfg(test)]
mod tests;
