//! Checks that look at more than one setting, or at what a text means: names, domains, addresses, networks.

mod appliance;
mod collectors;
mod connections;
mod lan;
mod mappings;
mod rules;
mod schedule;
mod senders;
mod services;
mod users;

use std::net::{IpAddr, SocketAddr};

use crate::config::{Config, Invalid};
use crate::mail::Address;

/// Adds to `found` what is wrong with settings that each for itself are right.
pub(super) fn check(config: &Config, found: &mut Vec<Invalid>) {
    let mut checks = Checks { config, found };
    checks.general();
    checks.services();
    checks.users();
    checks.connections();
    checks.schedule();
    checks.collectors();
    checks.rules();
    checks.lan();
    checks.mappings();
    checks.tls_and_dns();
    checks.appliance();
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
        if !general.time_zone.is_empty() && jiff::tz::TimeZone::get(&general.time_zone).is_err() {
            let message = format!("\"{}\" is no time zone such as Europe/Berlin", general.time_zone);
            self.wrong("general.time_zone", message);
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

    fn tls_and_dns(&mut self) {
        let tls = &self.config.tls;
        match (tls.certificate_file.is_empty(), tls.key_file.is_empty()) {
            (false, true) => self.wrong("tls.key_file", "is empty, though certificate_file is given"),
            (true, false) => self.wrong("tls.certificate_file", "is empty, though key_file is given"),
            _ => {}
        }
        let dns = &self.config.dns;
        self.name_servers("dns.servers", &dns.servers);
        if dns.servers.is_empty() && !dns.detect_servers {
            self.wrong("dns.servers", "is empty, and servers are not detected either");
        }
        let is_good = is_domain(&dns.test_name) && dns.test_name.contains('.');
        if !dns.test_name.is_empty() && !is_good {
            self.wrong("dns.test_name", format!("\"{}\" is no name such as example.com", dns.test_name));
        }
    }

    fn name_servers(&mut self, path: &str, servers: &[String]) {
        for (position, server) in servers.iter().enumerate() {
            if server.parse::<IpAddr>().is_err() && server.parse::<SocketAddr>().is_err() {
                let message = format!("\"{server}\" is no address such as 192.168.1.1 or 192.168.1.1:53");
                self.wrong(format!("{path}[{position}]"), message);
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
