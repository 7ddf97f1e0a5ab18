//! What a change of the settings changes, setting by setting, for people: secrets are stars.

use serde::Serialize;
use serde_json::Value;

use super::Config;
use super::check::join;

/// One setting that is another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// As in error messages: `smtp[0].timeout`.
    pub setting: String,
    /// Null where it was not there, or is not any more.
    pub before: Value,
    pub after: Value,
}

impl Config {
    /// From `before` to this one, in the order of the pages. A changed secret is a difference from stars to stars.
    pub fn differences(&self, before: &Config) -> Vec<Difference> {
        let mut found = Vec::new();
        let open = (before.to_settings(), self.to_settings());
        let covered = (before.to_json_covered(), self.to_json_covered());
        compare("", (&open.0, &open.1), (&covered.0, &covered.1), &mut found);
        found
    }
}

/// Compares what is there, and tells what may be seen.
fn compare(path: &str, open: (&Value, &Value), covered: (&Value, &Value), found: &mut Vec<Difference>) {
    if open.0 == open.1 {
        return;
    }
    match open {
        (Value::Object(before), Value::Object(after)) => {
            let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
            for name in names {
                let of = |value: &'_ Value| value.get(name).cloned().unwrap_or_default();
                compare(&join(path, name), (&of(open.0), &of(open.1)), (&of(covered.0), &of(covered.1)), found);
            }
        }
        // Entries that came or went shift the others: then the list as a whole is another.
        (Value::Array(before), Value::Array(after))
            if before.len() == after.len() && before.iter().all(Value::is_object) =>
        {
            for place in 0..after.len() {
                let of = |value: &'_ Value| value.get(place).cloned().unwrap_or_default();
                let path = format!("{path}[{place}]");
                compare(&path, (&of(open.0), &of(open.1)), (&of(covered.0), &of(covered.1)), found);
            }
        }
        _ => {
            let (before, after) = (covered.0.clone(), covered.1.clone());
            found.push(Difference { setting: path.to_string(), before, after });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Secret, User};

    #[test]
    fn settings_are_named_and_secrets_are_not_told() {
        let mut before = Config::fresh();
        before.users = vec![User { name: "ann".into(), password: Secret::new("old"), ..User::default() }];
        let mut after = before.clone();
        assert_eq!(after.differences(&before), []);
        after.general.max_hops = 50;
        after.smtp[1].timeout = 20;
        after.users[0].password = Secret::new("new");
        after.dns.servers = vec!["192.0.2.1".into()];
        let all: Vec<(String, Value, Value)> =
            after.differences(&before).into_iter().map(|one| (one.setting, one.before, one.after)).collect();
        let stars = json!(crate::config::STARS);
        let timeout = json!(before.smtp[1].timeout);
        let expected = [
            ("dns.servers", json!([]), json!(["192.0.2.1"])),
            ("general.max_hops", json!(100), json!(50)),
            ("smtp[1].timeout", timeout, json!(20)),
            ("users[0].password", stars.clone(), stars),
        ];
        assert_eq!(all.len(), expected.len(), "{all:?}");
        for (setting, before, after) in expected {
            assert!(all.contains(&(setting.into(), before, after)), "{setting}: {all:?}");
        }
    }
}
