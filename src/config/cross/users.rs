//! Users: names, passwords, aliases.

use std::collections::{HashMap, HashSet};

use super::Checks;
use crate::config::directory::lower;
use crate::config::{User, password};
use crate::mail::Address;
use crate::rules::pattern::is_pattern;

/// Longest user name, characters (spec users-lists-admin §1.2).
const LONGEST_NAME: usize = 32;
/// Longest password, bytes.
const LONGEST_PASSWORD: usize = 256;

impl Checks<'_> {
    pub(super) fn users(&mut self) {
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
