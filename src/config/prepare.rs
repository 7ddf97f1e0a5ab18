//! From settings as somebody gave them to settings that can be put in force: checked, numbered, passwords hashed.

use std::collections::{HashMap, HashSet};

use super::directory::lower;
use super::{Config, Ids, Invalid, Secret, User, check, cross, password, schema};

impl Config {
    /// Checks the whole, gives numbers where there are none (the number of `previous` where the name is the same),
    /// hashes passwords given in clear, names a main administrator where none is named. `previous` is the configuration
    /// in force, `None` on a new box.
    ///
    /// A password in clear costs a hash (see [`password::hash`]): call it on the blocking pool.
    pub fn prepare(self, previous: Option<&Config>) -> Result<Config, Vec<Invalid>> {
        let mut found = Vec::new();
        let value = self.to_settings();
        check::check(&schema::whole(), &value, "", &mut found);
        if !found.is_empty() {
            return Err(found);
        }
        // Copies have no lookup tables: neither those from before a change by the caller, nor those the checks make, may
        // stay in what is put in force.
        let mut config = self.clone();
        if let Some(previous) = previous {
            config.follow_renamed_connections(previous);
        }
        config.name_main_administrator();
        cross::check(&config.clone(), &mut found);
        let none = Config::default();
        config.number(previous.unwrap_or(&none), previous.is_some(), &mut found);
        if !found.is_empty() {
            return Err(found);
        }
        config.hash_passwords(previous.unwrap_or(&none));
        Ok(config)
    }

    fn name_main_administrator(&mut self) {
        if self.general.main_administrator.is_empty() {
            let mut enabled = self.users.iter().filter(|user| user.enabled);
            let first = enabled.clone().find(|user| user.administrator).or_else(|| enabled.next());
            self.general.main_administrator = first.map(|user| user.name.clone()).unwrap_or_default();
        }
    }

    /// Those who name a Connection by the name it had before mean the one that has its number now.
    fn follow_renamed_connections(&mut self, previous: &Config) {
        let is_there = |name: &str| self.connections.iter().any(|now| lower(&now.name) == lower(name));
        let renamed: HashMap<String, String> = previous
            .connections
            .iter()
            .filter(|before| !is_there(&before.name))
            .filter_map(|before| {
                let now = self.connections.iter().find(|now| now.id != 0 && now.id == before.id)?;
                Some((lower(&before.name).into_owned(), now.name.clone()))
            })
            .collect();
        let of_collectors = self.collectors.iter_mut().flat_map(|collector| &mut collector.connections);
        let of_items = self.schedule.items.iter_mut().flat_map(|item| &mut item.connections);
        for name in of_collectors.chain(of_items) {
            if let Some(now) = renamed.get(&*lower(name)) {
                name.clone_from(now);
            }
        }
    }

    fn number(&mut self, previous: &Config, is_known: bool, found: &mut Vec<Invalid>) {
        let key = |name: &str| lower(name).into_owned();
        let (keys, keys_before) = (self.service_keys(), previous.service_keys());
        let Ids { users, connections, collectors, services } = &mut self.ids;

        let known = keys_before.into_iter().zip(previous.smtp.iter().map(|service| service.id)).collect();
        let mut numbers = Numbers::new(known, is_known, services, previous.ids.services);
        let mut all: Vec<_> = keys.into_iter().zip(self.smtp.iter_mut().map(|service| &mut service.id)).collect();
        numbers.give("smtp", &mut all, found);

        let known = previous.users.iter().map(|user| (key(&user.name), user.id)).collect();
        let mut numbers = Numbers::new(known, is_known, users, previous.ids.users);
        let mut all: Vec<_> = self.users.iter_mut().map(|user| (key(&user.name), &mut user.id)).collect();
        numbers.give("users", &mut all, found);

        let known = previous.connections.iter().map(|connection| (key(&connection.name), connection.id)).collect();
        let mut numbers = Numbers::new(known, is_known, connections, previous.ids.connections);
        let mut all: Vec<_> =
            self.connections.iter_mut().map(|connection| (key(&connection.name), &mut connection.id)).collect();
        numbers.give("connections", &mut all, found);

        let known = previous.collectors.iter().map(|collector| (key(&collector.name), collector.id)).collect();
        let mut numbers = Numbers::new(known, is_known, collectors, previous.ids.collectors);
        let mut all: Vec<_> =
            self.collectors.iter_mut().map(|collector| (key(&collector.name), &mut collector.id)).collect();
        numbers.give("collectors", &mut all, found);
    }

    /// SMTP services; of those with the same name, the first is the first.
    fn service_keys(&self) -> Vec<String> {
        let mut seen = HashMap::new();
        let key = |name: &str| {
            let name = lower(name).into_owned();
            let count = seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(0u32);
            format!("{name}/{count}")
        };
        self.smtp.iter().map(|service| service.name.as_str()).map(key).collect()
    }

    fn hash_passwords(&mut self, previous: &Config) {
        let before: HashMap<u32, &User> = previous.users.iter().map(|user| (user.id, user)).collect();
        for user in &mut self.users {
            hash_password(user, before.get(&user.id).copied(), self.general.reversible_passwords);
        }
    }
}

fn hash_password(user: &mut User, before: Option<&User>, reversible: bool) {
    if user.password.is_empty()
        && let Some(clear) = &user.clear_password
    {
        user.password = clear.clone();
    }
    if !user.password.is_empty() && !password::is_hash(&user.password) {
        let clear = std::mem::take(&mut user.password);
        // The same file may be applied at each start: the hash stays, and with it remembered logins.
        let same = before.filter(|before| password::verify(&before.password, clear.reveal()));
        user.password = same.map_or_else(|| password::hash(clear.reveal()), |before| before.password.clone());
        user.clear_password = Some(clear);
    } else if let Some(before) = before
        && before.password != user.password
        && before.clear_password == user.clear_password
    {
        // The hash is new, the clear text is left over.
        user.clear_password = None;
    }
    let keep = |clear: &Secret| reversible && !clear.is_empty() && !user.password.is_empty();
    user.clear_password = user.clear_password.take().filter(keep);
}

/// The numbers of one kind of thing.
struct Numbers<'a> {
    /// By name, as in the configuration in force.
    known: HashMap<String, u32>,
    /// Whether there is a configuration in force: then only its numbers may be given in a file.
    is_known: bool,
    highest: &'a mut u32,
}

impl<'a> Numbers<'a> {
    fn new(known: HashMap<String, u32>, is_known: bool, highest: &'a mut u32, before: u32) -> Numbers<'a> {
        *highest = known.values().copied().fold((*highest).max(before), u32::max);
        Numbers { known, is_known, highest }
    }

    fn give(&mut self, kind: &str, all: &mut [(String, &mut u32)], found: &mut Vec<Invalid>) {
        let valid: HashSet<u32> = self.known.values().copied().collect();
        let mut taken = HashSet::new();
        for (name, id) in all.iter() {
            if **id == 0 {
                continue;
            }
            if self.is_known && !valid.contains(id) {
                found.push(Invalid::new(
                    kind,
                    format!("{id} is no number of this box (at \"{name}\"); leave out the id"),
                ));
            } else if !taken.insert(**id) {
                found.push(Invalid::new(kind, format!("the id {id} is there twice")));
            }
            *self.highest = (*self.highest).max(if self.is_known { 0 } else { **id });
        }
        for (name, id) in all.iter_mut().filter(|(_, id)| **id == 0) {
            let kept = self.known.get(name).copied().filter(|id| *id != 0 && taken.insert(*id));
            **id = match (kept, self.highest.checked_add(1)) {
                (Some(kept), _) => kept,
                (None, Some(next)) => {
                    *self.highest = next;
                    next
                }
                (None, None) => return found.push(Invalid::new(kind, "there is no number left")),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Collector, CollectorRouting, Connection, Login};

    fn user(name: &str) -> User {
        User { name: name.into(), ..User::default() }
    }

    fn with(users: &[&str]) -> Config {
        Config { users: users.iter().map(|name| user(name)).collect(), ..Config::fresh() }
    }

    fn ids(config: &Config) -> Vec<(&str, u32)> {
        config.users.iter().map(|user| (user.name.as_str(), user.id)).collect()
    }

    #[test]
    fn numbers_stay_and_never_come_back() {
        let first = with(&["anna", "bob", "carl"]).prepare(None).unwrap();
        assert_eq!(ids(&first), [("anna", 1), ("bob", 2), ("carl", 3)]);
        let second = with(&["dora", "BOB"]).prepare(Some(&first)).unwrap();
        assert_eq!(ids(&second), [("dora", 4), ("BOB", 2)]);
        let third = with(&["carl", "bob"]).prepare(Some(&second)).unwrap();
        assert_eq!(ids(&third), [("carl", 5), ("bob", 2)], "another Carl, another mailbox");
        let none = with(&[]).prepare(Some(&third)).unwrap();
        assert_eq!(with(&["eve"]).prepare(Some(&none)).unwrap().users[0].id, 6);
    }

    #[test]
    fn given_numbers_must_be_known_and_single() {
        let first = with(&["anna", "bob"]).prepare(None).unwrap();
        let mut renamed = first.clone();
        renamed.users[1].name = "robert".into();
        assert_eq!(ids(&renamed.clone().prepare(Some(&first)).unwrap()), [("anna", 1), ("robert", 2)]);
        renamed.users[1].id = 1;
        let found = renamed.clone().prepare(Some(&first)).unwrap_err();
        assert_eq!(found[0].to_string(), "users: the id 1 is there twice");
        renamed.users[1].id = 9;
        let found = renamed.prepare(Some(&first)).unwrap_err();
        assert_eq!(found[0].to_string(), "users: 9 is no number of this box (at \"robert\"); leave out the id");
    }

    /// An office with these collectors, each run by the Connection after the slash.
    fn collecting(connections: &[&str], collectors: &[&str]) -> Config {
        let mut config = with(&["anna"]);
        let connection = |name: &&str| Connection { name: (*name).into(), ..Connection::default() };
        config.connections = connections.iter().map(connection).collect();
        let collector = |name: &str, connection: &str| Collector {
            name: name.into(),
            connections: vec![connection.into()],
            host: "pop.provider.example".into(),
            login: Login { user: "u".into(), password: Secret::new("p") },
            routing: CollectorRouting::SendTo("anna".into()),
            ..Collector::default()
        };
        let split = collectors.iter().filter_map(|text| text.split_once('/'));
        config.collectors = split.map(|(name, connection)| collector(name, connection)).collect();
        config
    }

    #[test]
    fn connections_and_collectors_are_known_by_name() {
        let numbers = |config: &Config| -> (Vec<u32>, Vec<u32>) {
            (config.connections.iter().map(|c| c.id).collect(), config.collectors.iter().map(|c| c.id).collect())
        };
        let first = collecting(&["P", "Q"], &["x/P", "y/P"]).prepare(None).unwrap();
        assert_eq!(numbers(&first), (vec![1, 2], vec![1, 2]));
        let second = collecting(&["q", "R"], &["z/Q", "X/R"]).prepare(Some(&first)).unwrap();
        assert_eq!(numbers(&second), (vec![2, 3], vec![3, 1]));
    }

    #[test]
    fn a_renamed_connection_keeps_its_collectors() {
        let first = collecting(&["P", "Q"], &["x/P", "y/q"]).prepare(None).unwrap();
        let mut renamed = first.clone();
        renamed.connections[0].name = "Line".into();
        let renamed = renamed.prepare(Some(&first)).unwrap();
        assert_eq!(renamed.collectors[0].connections, ["Line"]);
        assert_eq!(renamed.collectors[1].connections, ["q"]);
        let mut gone = renamed.clone();
        gone.connections.remove(0);
        let found = gone.prepare(Some(&renamed)).unwrap_err();
        assert_eq!(found[0].to_string(), "collectors[0].connections[0]: there is no Connection \"Line\"");
    }

    #[test]
    fn passwords_are_hashed_once() {
        let mut config = with(&["anna"]);
        config.users[0].password = Secret::new("secret");
        let first = config.clone().prepare(None).unwrap();
        let hash = first.users[0].password.clone();
        assert!(password::verify(&hash, "secret"));
        assert_eq!(first.users[0].clear_password, None);
        let again = config.clone().prepare(Some(&first)).unwrap();
        assert_eq!(again.users[0].password, hash, "the same password keeps its hash");
        assert_eq!(first.clone().prepare(Some(&first)).unwrap(), first);
        config.users[0].password = Secret::new("other");
        let changed = config.prepare(Some(&first)).unwrap();
        assert!(password::verify(&changed.users[0].password, "other"));
    }

    #[test]
    fn clear_passwords_are_kept_only_on_wish_and_while_they_fit() {
        let mut config = with(&["anna"]);
        config.general.reversible_passwords = true;
        config.users[0].password = Secret::new("secret");
        let first = config.clone().prepare(None).unwrap();
        assert_eq!(first.users[0].clear_password, Some(Secret::new("secret")));
        assert_eq!(first.clone().prepare(Some(&first)).unwrap(), first);

        let mut new_hash = first.clone();
        new_hash.users[0].password = password::hash("other");
        assert_eq!(new_hash.prepare(Some(&first)).unwrap().users[0].clear_password, None);

        let mut off = first.clone();
        off.general.reversible_passwords = false;
        assert_eq!(off.prepare(Some(&first)).unwrap().users[0].clear_password, None);

        config.users[0].password = Secret::default();
        let nobody = config.prepare(None).unwrap();
        assert!(nobody.users[0].password.is_empty(), "no password is no login, not an empty one");
    }

    #[test]
    fn lookups_made_before_a_change_do_not_stay() {
        let mut config = with(&["anna"]);
        assert!(config.user_named("bob").is_none());
        config.users.push(user("bob"));
        assert_eq!(config.prepare(None).unwrap().user_named("bob").map(|bob| bob.id), Some(2));
    }

    #[test]
    fn somebody_is_main_administrator() {
        let mut config = with(&["anna", "bob"]);
        assert_eq!(config.clone().prepare(None).unwrap().general.main_administrator, "anna");
        config.users[1].administrator = true;
        assert_eq!(config.clone().prepare(None).unwrap().general.main_administrator, "bob");
        config.general.main_administrator = "carl".into();
        let found = config.prepare(None).unwrap_err();
        assert_eq!(found[0].to_string(), "general.main_administrator: there is no user \"carl\"");
    }
}
