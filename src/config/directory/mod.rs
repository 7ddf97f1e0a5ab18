//! Lookup tables over users, aliases, mappings and domains, made once a snapshot: routing asks them for every recipient.
//!
//! Keys are in lower case. Disabled users are found by name and number, but get no aliases and are not the main
//! administrator. An external domain of the domain mappings counts as its internal one everywhere: in mappings, aliases
//! and rules, and in the addresses that are looked up.

mod forwarding;
mod table;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Config, MappingType, User};
use crate::mail::Address;
use crate::rules::AddressForm;
use crate::rules::pattern::{is_pattern, matches};
use forwarding::Forwarding;
use table::Table;
pub use table::{Entry, Lowered, Target};

#[derive(Default)]
pub struct Directory {
    names: HashMap<String, usize>,
    ids: HashMap<u32, usize>,
    /// Some user's sending is limited.
    limits: bool,
    mappings: Table,
    forwarding: Forwarding,
    /// External domain → internal domain, and back to the first.
    internal: HashMap<String, String>,
    external: HashMap<String, String>,
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
        for mapping in &config.domain_mappings {
            let key = |domain: &str| lower(without_dot(domain.trim())).into_owned();
            let (internal, external) = (key(&mapping.internal), key(&mapping.external));
            directory.external.entry(internal.clone()).or_insert_with(|| external.clone());
            directory.internal.entry(external).or_insert(internal);
        }
        for (position, user) in config.users.iter().enumerate() {
            directory.names.entry(lower(&user.name).into_owned()).or_insert(position);
            directory.ids.entry(user.id).or_insert(position);
            directory.limits |= !user.allow_sending || user.max_outgoing_message_size > 0;
            directory.limits |= user.hold_sent_messages > 0 || user.outgoing_priority != 50;
        }
        for (position, user) in config.users.iter().enumerate().filter(|(_, user)| user.enabled) {
            let entry = Entry { mail: MappingType::All, target: Target::User(position) };
            for alias in user.aliases.iter().filter_map(|alias| Address::parse(alias.trim()).ok()) {
                let text = lower(alias.as_str()).into_owned();
                let bare = alias.domain().is_empty();
                let form = if bare { AddressForm::Name(text) } else { AddressForm::Address(text) };
                directory.mappings.add(directory.canonical(form), entry.clone());
            }
        }
        directory.forwarding = Forwarding::new(config, |form| directory.canonical(form));
        directory.add_mappings(config);
        for entry in config.general.local_domains.iter().chain([&config.general.default_domain]) {
            directory.add_local(entry);
        }
        let named = directory.names.get(lower(&config.general.main_administrator).as_ref()).copied();
        let enabled = |position: &usize| config.users.get(*position).is_some_and(|user| user.enabled);
        directory.main_administrator =
            named.filter(enabled).or_else(|| config.users.iter().position(|user| user.enabled && user.administrator));
        directory
    }

    fn add_mappings(&mut self, config: &Config) {
        for mapping in &config.mappings {
            let Ok(form) = AddressForm::parse(&mapping.address) else { continue };
            let user = |name: &str| self.names.get(lower(name).as_ref()).copied();
            let Some(target) = table::target(config, user, &mapping.target) else { continue };
            self.mappings.add(self.canonical(form), Entry { mail: mapping.mail_type, target });
        }
    }

    /// With the internal domain where an external one stands.
    fn canonical(&self, form: AddressForm) -> AddressForm {
        let inside = |domain: &str| self.internal.get(domain).cloned();
        let whole = |address: &str| {
            let (local, domain) = address.rsplit_once('@')?;
            Some(format!("{local}@{}", inside(domain)?))
        };
        let changed = match &form {
            AddressForm::Address(address) => whole(address).map(AddressForm::Address),
            AddressForm::AddressPattern(pattern) => whole(pattern).map(AddressForm::AddressPattern),
            AddressForm::LastResort(domain) => inside(domain).map(AddressForm::LastResort),
            _ => None,
        };
        changed.unwrap_or(form)
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

    /// Whether some user may not send out of the office, or not all he likes.
    pub fn has_user_limits(&self) -> bool {
        self.directory().limits
    }

    /// The enabled user who gets error messages: the one named in General, else the first administrator.
    pub fn main_administrator(&self) -> Option<&User> {
        self.at(self.directory().main_administrator.as_ref())
    }

    /// Mappings and aliases of exactly this address; with `ours` also of its bare name, which counts at its domain.
    pub fn mappings_of(&self, address: &Lowered<'_>, ours: bool) -> impl Iterator<Item = &Entry> {
        self.directory().mappings.exact(address, ours)
    }

    /// Mappings with `*` or `?` that mean this address.
    pub fn mappings_by_pattern(&self, address: &Lowered<'_>, ours: bool) -> impl Iterator<Item = &Entry> {
        self.directory().mappings.by_pattern(address, ours)
    }

    /// Mappings of `~@` its domain.
    pub fn mappings_of_last_resort(&self, address: &Lowered<'_>) -> impl Iterator<Item = &Entry> {
        self.directory().mappings.last_resort(address)
    }

    /// The user a mapping leads to, also a disabled one.
    pub fn user_at(&self, position: usize) -> Option<&User> {
        self.users.get(position)
    }

    /// The internal domain of an external one (domain mappings); both in lower case.
    pub fn internal_domain(&self, domain: &str) -> Option<&str> {
        self.directory().internal.get(domain).map(String::as_str)
    }

    /// The external domain of an internal one.
    pub fn external_domain(&self, domain: &str) -> Option<&str> {
        self.directory().external.get(domain).map(String::as_str)
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
