//! Mappings and aliases, sorted so that a recipient costs a few lookups, however many there are. Only those with `*` and
//! `?` are tried one after the other.

use std::collections::HashMap;

use crate::config::{Config, MappingType};
use crate::mail::{Address, LanServer};
use crate::rules::pattern::matches;
use crate::rules::{self, AddressForm};

/// Where a mapping leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Position in `Config::users`.
    User(usize),
    /// To be looked up once more.
    Address(Address),
    /// To this address at that server.
    Lan(Address, Box<LanServer>),
    /// The address is elsewhere.
    Remote,
    NoOne,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub mail: MappingType,
    pub target: Target,
}

/// In the order of the settings: aliases, user by user, then mappings.
#[derive(Default)]
pub(super) struct Table {
    names: HashMap<String, Vec<Entry>>,
    addresses: HashMap<String, Vec<Entry>>,
    patterns: Vec<Pattern>,
    last_domains: HashMap<String, Vec<Entry>>,
    last_patterns: Vec<(String, Entry)>,
}

struct Pattern {
    text: String,
    /// Of a bare name.
    bare: bool,
    entry: Entry,
}

impl Table {
    pub(super) fn add(&mut self, form: AddressForm, entry: Entry) {
        let push = |table: &mut HashMap<String, Vec<Entry>>, key: String| {
            let entries = table.entry(key).or_default();
            if !entries.contains(&entry) {
                entries.push(entry.clone());
            }
        };
        match form {
            AddressForm::Name(name) => push(&mut self.names, name),
            AddressForm::Address(address) => push(&mut self.addresses, address),
            AddressForm::NamePattern(text) => self.patterns.push(Pattern { text, bare: true, entry }),
            AddressForm::AddressPattern(text) => self.patterns.push(Pattern { text, bare: false, entry }),
            AddressForm::LastResort(domain) => push(&mut self.last_domains, domain),
            AddressForm::LastResortPattern(pattern) => self.last_patterns.push((pattern, entry)),
        }
    }

    /// Entries for exactly this address, in lower case; with `ours` also those for its bare name.
    pub(super) fn exact<'a>(&'a self, address: &Lowered<'_>, ours: bool) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let names = ours.then(|| self.names.get(address.local)).flatten();
        self.addresses.get(address.whole).into_iter().chain(names).flatten()
    }

    pub(super) fn by_pattern(&self, address: &Lowered<'_>, ours: bool) -> impl Iterator<Item = &Entry> {
        self.patterns.iter().filter_map(move |Pattern { text, bare, entry }| {
            let is_meant = if *bare { ours && matches(text, address.local) } else { matches(text, address.whole) };
            is_meant.then_some(entry)
        })
    }

    pub(super) fn last_resort(&self, address: &Lowered<'_>) -> impl Iterator<Item = &Entry> {
        let exact = self.last_domains.get(address.domain).into_iter().flatten();
        let open = self.last_patterns.iter().filter(|(pattern, _)| matches(pattern, address.domain));
        exact.chain(open.map(|(_, entry)| entry))
    }
}

/// An address in lower case, and its parts.
#[derive(Clone, Copy, Debug)]
pub struct Lowered<'a> {
    pub whole: &'a str,
    pub local: &'a str,
    /// Empty for a bare name.
    pub domain: &'a str,
}

impl<'a> Lowered<'a> {
    /// `address` is in lower case, its domain has no dot at the end.
    pub fn of(address: &'a str) -> Lowered<'a> {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        Lowered { whole: address, local, domain }
    }
}

/// The target of a text; `None` where it names nobody.
pub(super) fn target(config: &Config, user: impl Fn(&str) -> Option<usize>, text: &str) -> Option<Target> {
    Some(match rules::Target::parse(text).ok()? {
        rules::Target::Name(name) => match user(&name) {
            Some(position) => Target::User(position),
            None => Target::Address(Address::parse(&name).ok()?.or_domain(&config.general.default_domain)),
        },
        rules::Target::Address(address) => Target::Address(address),
        rules::Target::Lan(lan) => Target::Lan(lan.address, Box::new(lan.server)),
        rules::Target::Remote => Target::Remote,
        rules::Target::NoOne => Target::NoOne,
    })
}
