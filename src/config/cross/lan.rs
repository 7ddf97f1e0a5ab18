//! LAN forwarding: names, addresses, servers.

use std::collections::HashMap;

use super::{Checks, is_domain};
use crate::config::directory::lower;
use crate::config::{LanRule, Secret};
use crate::mail::{Address, LanServer};
use crate::rules::AddressForm;

impl Checks<'_> {
    pub(super) fn lan(&mut self) {
        let config = self.config;
        let mut names = HashMap::new();
        let mut logins: HashMap<LanServer, (&Secret, String)> = HashMap::new();
        for (position, rule) in config.lan.rules.iter().enumerate() {
            let path = format!("lan.rules[{position}]");
            self.unique(&path, &rule.name, names.insert(lower(&rule.name), path.clone()));
            self.host(&format!("{path}.server"), &rule.server);
            self.addresses(&path, rule);
            self.rewrite_address(&format!("{path}.rewrite_address"), rule);
            let Some(login) = &rule.login else { continue };
            self.login(&format!("{path}.login"), login);
            let other = logins.get(&rule.target()).filter(|(password, _)| **password != login.password);
            if let Some((_, other)) = other {
                let message = format!("is not the one that {other} has for this login at this server");
                self.wrong(format!("{path}.login.password"), message);
            }
            logins.insert(rule.target(), (&login.password, path));
        }
    }

    fn addresses(&mut self, path: &str, rule: &LanRule) {
        if rule.addresses.is_empty() {
            self.wrong(format!("{path}.addresses"), "is empty; no mail would be forwarded");
        }
        for (position, address) in rule.addresses.iter().enumerate() {
            let path = format!("{path}.addresses[{position}]");
            match AddressForm::parse(address) {
                Err(mistake) => self.mistake(path, &mistake),
                Ok(AddressForm::Name(_) | AddressForm::NamePattern(_)) if !self.config.lan.allow_bare_names => {
                    self.wrong(path, format!("\"{address}\" has no domain; give it one, or turn allow_bare_names on"));
                }
                Ok(_) => {}
            }
        }
    }

    fn rewrite_address(&mut self, path: &str, rule: &LanRule) {
        let text = rule.rewrite_address.as_str();
        let good = match text.strip_prefix("*@") {
            Some(domain) => is_domain(domain),
            None => text.is_empty() || Address::parse(text).is_ok_and(|address| !address.domain().is_empty()),
        };
        if !good {
            self.wrong(path, format!("\"{text}\" is no address, and not * with a domain such as *@branch.example"));
        }
    }
}
