//! Lookup tables over users, aliases and local domains, made once a snapshot: routing asks them for every recipient.
//!
//! Keys are in lower case. Disabled users are found by name and number, but get no aliases and are not the main
//! administrator.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Config, User};
use crate::mail::Address;
use crate::rules::pattern::{is_pattern, matches};

/// Positions in `Config::users`.
type Positions = Vec<usize>;

#[derive(Default)]
pub struct Directory {
    names: HashMap<String, usize>,
    ids: HashMap<u32, usize>,
    /// Aliases that are a bare name.
    alias_names: HashMap<String, Positions>,
    /// Aliases that are a full address.
    alias_addresses: HashMap<String, Positions>,
    domains: HashSet<String>,
    addresses: HashSet<String>,
    domain_patterns: Vec<String>,
    address_patterns: Vec<String>,
    main_administrator: Option<usize>,
}

/// In lower case; borrowed where it is that already.
pub fn lower(text: &str) -> Cow<'_, str> {
    if text.chars().any(|c| c.is_ascii_uppercase() || !c.is_ascii()) {
        return Cow::Owned(text.to_lowercase());
    }
    Cow::Borrowed(text)
}

fn without_dot(domain: &str) -> &str {
    domain.strip_suffix('.').unwrap_or(domain)
}

impl Directory {
    fn new(config: &Config) -> Directory {
        let mut directory = Directory::default();
        for (position, user) in config.users.iter().enumerate() {
            directory.names.entry(lower(&user.name).into_owned()).or_insert(position);
            directory.ids.entry(user.id).or_insert(position);
            if user.enabled {
                directory.add_aliases(position, &user.aliases);
            }
        }
        for entry in config.general.local_domains.iter().chain([&config.general.default_domain]) {
            directory.add_local(entry);
        }
        let named = directory.names.get(lower(&config.general.main_administrator).as_ref()).copied();
        let enabled = |position: &usize| config.users.get(*position).is_some_and(|user| user.enabled);
        directory.main_administrator =
            named.filter(enabled).or_else(|| config.users.iter().position(|user| user.enabled && user.administrator));
        directory
    }

    fn add_aliases(&mut self, position: usize, aliases: &[String]) {
        for alias in aliases {
            let Ok(address) = Address::parse(alias.trim()) else { continue };
            let key = lower(without_dot(address.as_str())).into_owned();
            let table = if address.domain().is_empty() { &mut self.alias_names } else { &mut self.alias_addresses };
            let positions = table.entry(key).or_default();
            if positions.last() != Some(&position) {
                positions.push(position);
            }
        }
    }

    fn add_local(&mut self, entry: &str) {
        let entry = lower(without_dot(entry.trim())).into_owned();
        match (entry.contains('@'), is_pattern(&entry)) {
            _ if entry.is_empty() => {}
            (false, false) => drop(self.domains.insert(entry)),
            (false, true) => self.domain_patterns.push(entry),
            (true, false) => drop(self.addresses.insert(entry)),
            (true, true) => self.address_patterns.push(entry),
        }
    }
}

impl Config {
    fn directory(&self) -> &Directory {
        self.directory.get_or_make(|| Directory::new(self))
    }

    fn at(&self, position: Option<&usize>) -> Option<&User> {
        self.users.get(*position?)
    }

    /// By number, also a disabled one.
    pub fn user(&self, id: u32) -> Option<&User> {
        self.at(self.directory().ids.get(&id))
    }

    /// By name without regard to case, also a disabled one.
    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.at(self.directory().names.get(lower(name).as_ref()))
    }

    /// The enabled user who gets error messages: the one named in General, else the first administrator.
    pub fn main_administrator(&self) -> Option<&User> {
        self.at(self.directory().main_administrator.as_ref())
    }

    /// Enabled users who have this full address as an alias.
    pub fn users_with_address<'a>(&'a self, address: &Address) -> impl Iterator<Item = &'a User> + use<'a> {
        let found = self.directory().alias_addresses.get(lower(without_dot(address.as_str())).as_ref());
        found.into_iter().flatten().filter_map(|position| self.users.get(*position))
    }

    /// Enabled users who have this local part as an alias.
    pub fn users_with_alias<'a>(&'a self, local: &str) -> impl Iterator<Item = &'a User> + use<'a> {
        let found = self.directory().alias_names.get(lower(local).as_ref());
        found.into_iter().flatten().filter_map(|position| self.users.get(*position))
    }

    /// Whether mail for this address is kept here: its domain is the default domain or one of the local domains, or the
    /// address itself is listed there. So is a bare local part.
    pub fn is_local(&self, address: &Address) -> bool {
        let directory = self.directory();
        let domain = without_dot(address.domain());
        if domain.is_empty() || directory.domains.contains(domain) {
            return true;
        }
        if directory.domain_patterns.iter().any(|pattern| matches(pattern, domain)) {
            return true;
        }
        if directory.addresses.is_empty() && directory.address_patterns.is_empty() {
            return false;
        }
        let whole = lower(without_dot(address.as_str()));
        directory.addresses.contains(whole.as_ref()) || directory.address_patterns.iter().any(|p| matches(p, &whole))
    }
}
