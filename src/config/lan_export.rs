//! The LAN forwarding rules another server needs to forward the mail of this one's people to it.

use super::{Config, Lan, LanRule};
use crate::mail::Address;
use crate::rules::pattern::is_pattern;

/// Most entries of one rule.
const MOST_ADDRESSES: usize = 10_000;

impl Config {
    /// As a part of an import file: one rule with the address of each enabled user at each local domain that is no
    /// pattern, and the aliases. Mappings are not in it; the other server asks this one anyway.
    pub fn lan_rules_for_others(&self, server: &str) -> String {
        let mut domains: Vec<&str> = vec![&self.general.default_domain];
        domains.extend(self.general.local_domains.iter().map(String::as_str));
        domains.retain(|domain| !domain.is_empty() && !domain.contains('@') && !is_pattern(domain));
        let mut addresses: Vec<String> = Vec::new();
        let mut add = |address: String| {
            if addresses.len() < MOST_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        };
        for user in self.users.iter().filter(|user| user.enabled) {
            for name in std::iter::once(&user.name).chain(&user.aliases) {
                let Ok(address) = Address::parse(name) else { continue };
                if !address.domain().is_empty() {
                    add(address.to_string());
                    continue;
                }
                for domain in &domains {
                    add(address.clone().or_domain(domain).to_string());
                }
            }
        }
        let rule = LanRule { name: server.into(), server: server.into(), addresses, ..LanRule::default() };
        let config = Config { lan: Lan { rules: vec![rule], ..Lan::default() }, ..Config::default() };
        let whole = config.to_toml(false);
        let start = whole.find("[[lan.rules]]").unwrap_or_default();
        let rest = whole.get(start..).unwrap_or_default();
        // Sections after it are none of the rule's.
        let end = rest.find("\n[").map_or(rest.len(), |at| at + 1);
        let lines = rest.get(..end).unwrap_or_default().lines();
        lines.filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{General, User};

    #[test]
    fn the_rule_has_everybody_and_can_be_imported() {
        let user = |name: &str, aliases: &[&str], enabled| User {
            name: name.into(),
            aliases: aliases.iter().map(|alias| alias.to_string()).collect(),
            enabled,
            ..User::default()
        };
        let config = Config {
            general: General {
                default_domain: "office.example".into(),
                local_domains: vec!["*.x.example".into(), "office.com".into(), "a@b.example".into()],
                ..General::default()
            },
            users: vec![user("anna", &["boss", "anna@home.example"], true), user("gone", &[], false)],
            ..Config::default()
        };
        let toml = config.lan_rules_for_others("box.office.example");
        assert!(toml.starts_with("[[lan.rules]]\n"), "{toml}");
        let other = Config::fresh().from_toml(&toml).unwrap();
        assert_eq!(
            other.lan.rules[0].addresses,
            ["anna@office.example", "anna@office.com", "boss@office.example", "boss@office.com", "anna@home.example"]
        );
        assert_eq!((other.lan.rules[0].server.as_str(), other.lan.rules[0].port), ("box.office.example", 25));
    }
}
