//! Checks that look at more than one setting, or at what a text means: names, domains, addresses, networks.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use super::directory::lower;
use super::networks::{LOCAL_NETWORKS, Network};
use super::pattern::is_pattern;
use super::{
    Authentication, Collector, CollectorRouting, Config, Connection, Invalid, Login, Sender, SmtpService, User,
    password,
};
use crate::mail::Address;

/// Longest user name, characters (spec users-lists-admin §1.2).
const LONGEST_NAME: usize = 32;
/// Longest password, bytes.
const LONGEST_PASSWORD: usize = 256;

/// Adds to `found` what is wrong with settings that each for itself are right.
pub(super) fn check(config: &Config, found: &mut Vec<Invalid>) {
    let mut checks = Checks { config, found };
    checks.general();
    checks.services();
    checks.users();
    checks.connections();
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

    fn users(&mut self) {
        let config = self.config;
        let mut names = HashMap::new();
        for (position, user) in config.users.iter().enumerate() {
            let path = format!("users[{position}]");
            if let Some(problem) = name_problem(&user.name) {
                self.wrong(format!("{path}.name"), problem);
            } else if let Some(other) = names.insert(lower(&user.name), position) {
                let message = format!("\"{}\" is the name of users[{other}] already", user.name);
                self.wrong(format!("{path}.name"), message);
            }
            self.passwords(&path, user);
            self.aliases(&path, user);
        }
    }

    fn passwords(&mut self, path: &str, user: &User) {
        let clear = [("password", Some(&user.password)), ("clear_password", user.clear_password.as_ref())];
        for (field, secret) in clear {
            let Some(secret) = secret.filter(|secret| !password::is_hash(secret)) else { continue };
            if secret.reveal().starts_with("$argon2") {
                self.wrong(
                    format!("{path}.{field}"),
                    "looks like a hash, but is no whole Argon2 hash this box can use",
                );
            } else if secret.reveal().len() > LONGEST_PASSWORD {
                self.wrong(format!("{path}.{field}"), format!("is longer than {LONGEST_PASSWORD} bytes"));
            }
        }
    }

    fn aliases(&mut self, path: &str, user: &User) {
        let mut seen = HashSet::new();
        for (position, alias) in user.aliases.iter().enumerate() {
            let path = format!("{path}.aliases[{position}]");
            let address = Address::parse(alias).ok().filter(|_| !is_pattern(alias));
            let Some(address) = address else {
                self.wrong(path, format!("\"{alias}\" is no name or address"));
                continue;
            };
            let other = self.config.user_named(address.as_str()).filter(|other| other.name != user.name);
            if let Some(other) = other {
                self.wrong(path, format!("\"{alias}\" is the name of the user \"{}\"", other.name));
            } else if !seen.insert(lower(alias)) {
                self.wrong(path, format!("\"{alias}\" is listed twice"));
            }
        }
    }

    fn connections(&mut self) {
        let config = self.config;
        let mut names = HashMap::new();
        for (position, connection) in config.connections.iter().enumerate() {
            let path = format!("connections[{position}]");
            self.unique(&path, &connection.name, names.insert(lower(&connection.name), path.clone()));
            if let Some(sender) = &connection.sender {
                self.sender(&format!("{path}.sender"), sender, connection.enabled);
            }
            self.collectors(&path, connection);
        }
    }

    /// What numbers are kept by must have a name of its own.
    fn unique(&mut self, path: &str, name: &str, other: Option<String>) {
        if name.trim().is_empty() {
            self.wrong(format!("{path}.name"), "is empty");
        } else if let Some(other) = other {
            self.wrong(format!("{path}.name"), format!("\"{name}\" is the name of {other} already"));
        }
    }

    fn sender(&mut self, path: &str, sender: &Sender, enabled: bool) {
        if enabled && sender.hosts.is_empty() {
            self.wrong(format!("{path}.hosts"), "is empty; name at least one relay host");
        }
        for (position, host) in sender.hosts.iter().enumerate() {
            self.host(&format!("{path}.hosts[{position}].host"), &host.host);
        }
        if !sender.helo_name.is_empty() && !is_domain(&sender.helo_name) {
            self.wrong(format!("{path}.helo_name"), format!("\"{}\" is no host name", sender.helo_name));
        }
        if let Some(login) = &sender.login {
            self.login(&format!("{path}.login"), login);
        }
        let mut age = 0;
        for (position, step) in sender.retry.iter().enumerate() {
            let path = format!("{path}.retry[{position}].until");
            let is_last = position + 1 == sender.retry.len();
            match step.until {
                0 if is_last => {}
                0 => self.wrong(path, "only the last step may go on until the mail is given up (0)"),
                _ if is_last => self.wrong(path, "the last step must go on until the mail is given up (0)"),
                until if until <= age => self.wrong(path, format!("{until} is not above the {age} of the step before")),
                until => age = until,
            }
        }
        if sender.retry.is_empty() {
            self.wrong(format!("{path}.retry"), "is empty; one step at least is needed");
        }
    }

    fn collectors(&mut self, path: &str, connection: &Connection) {
        let mut names = HashMap::new();
        for (position, collector) in connection.collectors.iter().enumerate() {
            let path = format!("{path}.collectors[{position}]");
            self.unique(&path, &collector.name, names.insert(lower(&collector.name), path.clone()));
            if connection.enabled && collector.enabled {
                self.host(&format!("{path}.host"), &collector.host);
                self.login(&format!("{path}.login"), &collector.login);
                self.routing(&format!("{path}.routing"), collector);
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

    fn host(&mut self, path: &str, host: &str) {
        if host.is_empty() {
            self.wrong(path, "is empty; name the server");
        } else if !is_domain(host) && host.parse::<IpAddr>().is_err() {
            self.wrong(path, format!("\"{host}\" is no host name and no address"));
        }
    }

    fn login(&mut self, path: &str, login: &Login) {
        if login.user.is_empty() {
            self.wrong(format!("{path}.user"), "is empty");
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

fn name_problem(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return Some("is empty".into());
    }
    if name.len() > LONGEST_NAME {
        return Some(format!("\"{name}\" is longer than {LONGEST_NAME} characters"));
    }
    // Also refuses a dot at an end or two in a row: no mail could be addressed to it.
    (!name.chars().all(allowed) || Address::parse(name).is_err())
        .then(|| format!("\"{name}\" may have letters, digits, \".\", \"_\" and \"-\" only, and no dot at an end"))
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

#[cfg(test)]
#[path = "cross_tests.rs"]
mod tests;
