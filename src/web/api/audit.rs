//! `audit`: who changed which setting, when, from what to what. Lines of the journal with the event `changed`, stored in
//! the commit that carries the change. Secrets are stars in them, old and new.

use serde_json::{Value, json};

use crate::config::{Config, STARS};
use crate::net::now_ms;
use crate::store::{Change, JournalRow};

use super::operation::{Gives, Operation, PLAIN};
use super::{Answer, Api};

/// The event of these lines in the journal.
const EVENT: &str = "changed";
/// Lines of one change at most, and bytes of one value.
const LINES: usize = 200;
const LONGEST: usize = 400;
/// Rows of the journal looked through, and given.
const SEARCHED: usize = 50_000;
const GIVEN: usize = 500;

pub const OPERATIONS: &[Operation] = &[Operation {
    path: "audit",
    summary: "Who changed which setting, the newest first",
    gives: Gives::Object("changes:array"),
    run: |api, _| Box::pin(async { api.audit().await }),
    ..PLAIN
}];

impl Api {
    async fn audit(&self) -> Answer {
        self.store.settled().await?;
        let rows = self.store.journal(SEARCHED)?.into_iter().filter(|row| row.event == EVENT).take(GIVEN);
        let rows: Vec<Value> = rows
            .map(|row| {
                let (old, new) = row.detail.split_once(ARROW).unwrap_or((row.detail.as_str(), ""));
                json!({ "at": row.at, "who": row.from, "setting": row.to, "old": old, "new": new })
            })
            .collect();
        Ok(json!({ "changes": rows }))
    }
}

const ARROW: &str = " → ";

/// A row for each setting that differs.
pub fn lines(before: &Config, after: &Config, by: &str) -> Vec<Change> {
    let at = now_ms();
    let row = |(path, old, new): (String, String, String)| {
        let detail = format!("{old}{ARROW}{new}");
        Change::Journal(JournalRow { at, mail: None, event: EVENT.into(), from: by.into(), to: path, detail })
    };
    differences(before, after).into_iter().take(LINES).map(row).collect()
}

fn differences(before: &Config, after: &Config) -> Vec<(String, String, String)> {
    let open = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    let (old, new) = (open(before), open(after));
    let (old_covered, new_covered) = (before.to_json_covered(), after.to_json_covered());
    let mut found = Vec::new();
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return found };
    for (name, value) in new.iter().filter(|(name, _)| *name != "ids") {
        let old = Seen { open: old.get(name), covered: old_covered.get(name) };
        let new = Seen { open: Some(value), covered: new_covered.get(name) };
        differ(name, old, new, &mut found);
    }
    found
}

/// A value, and the same with stars for secrets.
#[derive(Clone, Copy)]
struct Seen<'a> {
    open: Option<&'a Value>,
    covered: Option<&'a Value>,
}

impl<'a> Seen<'a> {
    fn member(self, name: &str) -> Seen<'a> {
        let of = |value: Option<&'a Value>| value.and_then(|value| value.get(name));
        Seen { open: of(self.open), covered: of(self.covered) }
    }

    fn item(self, place: usize) -> Seen<'a> {
        let of = |value: Option<&'a Value>| value.and_then(|value| value.get(place));
        Seen { open: of(self.open), covered: of(self.covered) }
    }

    fn items(self) -> Option<&'a [Value]> {
        self.open.and_then(Value::as_array).map(Vec::as_slice)
    }

    fn shown(self) -> String {
        let text = match self.covered {
            None | Some(Value::Null) => "nothing".to_string(),
            Some(Value::String(text)) if text.is_empty() => "empty".to_string(),
            Some(Value::String(text)) => text.clone(),
            // A secret that was not there has no stars to hide behind.
            Some(other) => other.to_string(),
        };
        match text.get(..text.floor_char_boundary(LONGEST)) {
            Some(start) if start.len() < text.len() => format!("{start}…"),
            _ => text,
        }
    }
}

fn differ(path: &str, old: Seen<'_>, new: Seen<'_>, found: &mut Vec<(String, String, String)>) {
    if old.open == new.open {
        return;
    }
    if let (Some(Value::Object(_)), Some(Value::Object(members))) = (old.open, new.open) {
        for name in members.keys() {
            differ(&format!("{path}.{name}"), old.member(name), new.member(name), found);
        }
        return;
    }
    if let (Some(before), Some(after)) = (old.items(), new.items())
        && before.iter().chain(after).all(|item| key(item).is_some())
    {
        return differ_in_lists(path, (old, before), (new, after), found);
    }
    let changed_secret = old.covered == new.covered && old.covered.and_then(Value::as_str) == Some(STARS);
    let shown = if changed_secret { STARS.to_string() } else { old.shown() };
    found.push((path.to_string(), shown, new.shown()));
}

/// Entries are the same entry when they have the same number, else the same name.
fn differ_in_lists(
    path: &str,
    (old, before): (Seen<'_>, &[Value]),
    (new, after): (Seen<'_>, &[Value]),
    found: &mut Vec<(String, String, String)>,
) {
    let named = |item: &Value| {
        let name = item.get("name").or(item.get("address")).and_then(Value::as_str).unwrap_or("?");
        format!("{path}[{name}]")
    };
    for (place, item) in after.iter().enumerate() {
        match before.iter().position(|other| key(other) == key(item)) {
            Some(at) => differ(&named(item), old.item(at), new.item(place), found),
            None => found.push((named(item), "nothing".into(), new.item(place).shown())),
        }
    }
    for (place, item) in before.iter().enumerate() {
        if !after.iter().any(|other| key(other) == key(item)) {
            found.push((named(item), old.item(place).shown(), "removed".into()));
        }
    }
    let order = |items: &[Value], other: &[Value]| -> Vec<String> {
        let kept = items.iter().filter(|item| other.iter().any(|other| key(other) == key(item)));
        kept.filter_map(key).collect()
    };
    if order(before, after) != order(after, before) {
        found.push((path.to_string(), "order".into(), "another order".into()));
    }
}

fn key(item: &Value) -> Option<String> {
    if let Some(id) = item.get("id").and_then(Value::as_u64) {
        return Some(id.to_string());
    }
    let name = item.get("name").and_then(Value::as_str).map(str::to_lowercase);
    let address = || Some(format!("{}\n{}", item.get("address")?.as_str()?, item.get("target")?.as_str()?));
    name.or_else(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, User};

    fn user(id: u32, name: &str, password: &str) -> User {
        User { id, name: name.into(), password: Secret::new(password), ..User::default() }
    }

    #[test]
    fn changes_are_told_with_old_and_new() {
        let before =
            Config { users: vec![user(1, "anna", "geheim 1"), user(2, "bob", "geheim 2")], ..Config::default() };
        let mut after =
            Config { users: vec![user(1, "anna", "geheim 3"), user(3, "carl", "geheim 4")], ..before.clone() };
        after.general.default_domain = "office.example".into();
        let found = differences(&before, &after);
        let paths: Vec<&str> = found.iter().map(|(path, _, _)| path.as_str()).collect();
        assert_eq!(paths, ["general.default_domain", "users[anna].password", "users[carl]", "users[bob]"]);
        assert_eq!((found[0].1.as_str(), found[0].2.as_str()), ("empty", "office.example"));
        assert_eq!((found[1].1.as_str(), found[1].2.as_str()), (STARS, STARS));
        assert_eq!(found[3].2, "removed");
        let all = format!("{found:?}");
        assert!(!all.contains("geheim"), "no secret: {all}");
        assert!(differences(&after, &after).is_empty());
    }

    #[test]
    fn another_order_is_a_change() {
        let before = Config { users: vec![user(1, "anna", ""), user(2, "bob", "")], ..Config::default() };
        let after = Config { users: vec![user(2, "bob", ""), user(1, "anna", "")], ..Config::default() };
        assert_eq!(differences(&before, &after), [("users".into(), "order".into(), "another order".into())]);
    }
}
