//! Secrets in values: put out of sight on the way out, put back on the way in.

use serde_json::Value;

use super::directory::lower;
use super::schema::{choices, fields, has_mark, is_secret};
use crate::rules::LanTarget;

/// Stands for a secret in answers; given back, it means "as it was".
pub use crate::rules::lan_target::STARS;

/// Replaces each secret that is there by [`STARS`].
pub(super) fn cover(schema: &Value, value: &mut Value) {
    cover_fields(schema, value);
    cover_targets(schema, value);
}

fn cover_fields(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, schema) in fields(schema) {
                match object.get_mut(name) {
                    Some(Value::String(secret)) if is_secret(schema) && !secret.is_empty() => *secret = STARS.into(),
                    Some(value) => cover_fields(schema, value),
                    None => {}
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            list.iter_mut().for_each(|item| cover_fields(items, item));
        }
        _ => {}
    }
}

/// Takes secrets that are left out, or are [`STARS`], from what was there before. Entries of lists are the same entry
/// when they have the same number, else the same name.
pub(super) fn keep(schema: &Value, value: &mut Value, before: Option<&Value>) {
    match value {
        Value::Object(object) => {
            for (name, schema) in fields(schema) {
                let before = before.and_then(|before| before.get(name));
                if !is_secret(schema) {
                    if let Some(value) = object.get_mut(name) {
                        keep(schema, value, before);
                    }
                    continue;
                }
                let left_out = object.get(name).is_none_or(|secret| secret.as_str() == Some(STARS));
                match before {
                    Some(before) if left_out => drop(object.insert(name.clone(), before.clone())),
                    None if left_out => drop(object.remove(name)),
                    _ => {}
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            let before = before.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for item in list {
                let same = before.iter().find(|before| is_same(before, item));
                keep(items, item, same);
            }
        }
        _ => {}
    }
}

/// Calls `change` with each text that may be a target with a password in it.
fn each_target(schema: &Value, value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) if has_mark(schema, "x-target") => change(text),
        Value::Object(object) => {
            for (name, schema) in fields(schema).chain(choices(schema).iter().flat_map(fields)) {
                if let Some(value) = object.get_mut(name) {
                    each_target(schema, value, change);
                }
            }
        }
        Value::Array(list) if has_mark(schema, "x-target") => {
            list.iter_mut().for_each(|item| {
                if let Value::String(text) = item {
                    change(text)
                }
            });
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            // A list of targets carries the mark itself.
            let schema = if has_mark(schema, "x-target") { schema } else { items };
            list.iter_mut().for_each(|item| each_target(schema, item, change));
        }
        _ => {}
    }
}

/// Puts [`STARS`] for the passwords in targets.
pub(super) fn cover_targets(schema: &Value, value: &mut Value) {
    each_target(schema, value, &mut |text| {
        if let Ok(target) = LanTarget::parse(text) {
            *text = target.covered();
        }
    });
}

/// Puts passwords back for [`STARS`] in targets: those that the same target has anywhere in `before`.
pub(super) fn keep_targets(schema: &Value, value: &mut Value, before: &Value) {
    let is_covered = |target: &LanTarget| target.password == STARS;
    let mut known: Option<Vec<LanTarget>> = None;
    each_target(schema, value, &mut |text| {
        let Some(target) = LanTarget::parse(text).ok().filter(is_covered) else { return };
        let known = known.get_or_insert_with(|| {
            let mut known = Vec::new();
            each_target(schema, &mut before.clone(), &mut |text| known.extend(LanTarget::parse(text).ok()));
            known
        });
        if let Some(same) = known.iter().find(|known| known.server == target.server) {
            *text = target.with_password(&same.password);
        }
    });
}

fn is_same(before: &Value, now: &Value) -> bool {
    let id = |value: &Value| value.get("id").and_then(Value::as_u64).unwrap_or_default();
    if id(now) != 0 {
        return id(now) == id(before);
    }
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(|name| lower(name).into_owned());
    name(now).is_some() && name(now) == name(before)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema;
    use super::*;

    fn kept(mut now: Value, before: &Value) -> Value {
        keep(&schema::whole(), &mut now, Some(before));
        now
    }

    #[test]
    fn secrets_are_covered() {
        let mut value = json!({
            "users": [{"name": "bob", "password": "$argon2id$", "clear_password": null}, {"name": "al", "password": ""}],
            "connections": [{"sender": {"login": {"user": "u", "password": "p"}}}, {"sender": null}],
        });
        cover(&schema::whole(), &mut value);
        assert_eq!(
            value,
            json!({
                "users": [{"name": "bob", "password": STARS, "clear_password": null}, {"name": "al", "password": ""}],
                "connections": [{"sender": {"login": {"user": "u", "password": STARS}}}, {"sender": null}],
            })
        );
    }

    #[test]
    fn passwords_in_targets_are_covered_and_kept() {
        let open = json!({"mappings": [{"target": "bob"}, {"target": "SMTP:a@b.example@u:pw@s:26"}]});
        let mut value = open.clone();
        cover(&schema::whole(), &mut value);
        assert_eq!(value["mappings"][1]["target"], format!("SMTP:a@b.example@u:{STARS}@s:26"));
        value["mappings"][0]["target"] = format!("SMTP:other@b.example@u:{STARS}@s:26").into();
        keep_targets(&schema::whole(), &mut value, &open);
        assert_eq!(value["mappings"][0]["target"], "SMTP:other@b.example@u:pw@s:26");
        assert_eq!(value["mappings"][1]["target"], "SMTP:a@b.example@u:pw@s:26");
    }

    #[test]
    fn no_target_shows_its_password() {
        let target = "SMTP:a@b.example@u:pw@s";
        let mut value = json!({
            "mappings": [{"target": target}],
            "collectors": [
                {"routing": {"send-to": target}, "routing_errors": {"user": target}},
                {"routing": {"single-address": {"address": "x", "otherwise": target}}},
                {"routing": {"subject-marker": {"marker": "x", "otherwise": target}}},
            ],
            "download_rules": [{"addresses": [target]}],
            "smtp": [{"rules": [{"addresses": ["bob", target]}]}],
        });
        let open = value.clone();
        let config: crate::config::Config = serde_json::from_value(open.clone()).unwrap();
        cover(&schema::whole(), &mut value);
        assert!(!value.to_string().contains("pw"), "{value}");
        keep_targets(&schema::whole(), &mut value, &open);
        assert_eq!(value, open);
        // Each of these places counts for the sender too.
        let server = LanTarget::parse(target).unwrap().server;
        let places: [fn(&mut crate::config::Config); 4] = [
            |config| config.mappings.clear(),
            |config| config.collectors.clear(),
            |config| config.download_rules = Vec::new().into(),
            |config| config.smtp.clear(),
        ];
        for kept in 0..places.len() {
            let mut config = config.clone();
            places.iter().enumerate().filter(|(place, _)| *place != kept).for_each(|(_, clear)| clear(&mut config));
            assert!(config.lan_password(&server).is_some(), "{kept}");
        }
    }

    #[test]
    fn left_out_secrets_are_kept() {
        let before = json!({
            "users": [{"id": 1, "name": "Bob", "password": "b"}, {"id": 2, "name": "al", "password": "a"}],
            "collectors": [
                {"id": 7, "name": "x", "login": {"user": "u", "password": "px"}},
                {"id": 8, "name": "y", "login": {"user": "u", "password": "py"}},
            ],
        });
        let now = json!({"users": [{"name": "AL"}, {"id": 1, "name": "robert", "password": STARS}, {"name": "new", "password": STARS}]});
        assert_eq!(
            kept(now, &before)["users"],
            json!([{"name": "AL", "password": "a"}, {"id": 1, "name": "robert", "password": "b"}, {"name": "new"}])
        );
        let now = json!({"collectors": [
            {"name": "Y", "login": {"user": "u"}}, {"name": "x", "login": {"user": "u", "password": "new"}}]});
        let now = kept(now, &before);
        assert_eq!(now["collectors"][0]["login"]["password"], "py");
        assert_eq!(now["collectors"][1]["login"]["password"], "new");
        let elsewhere = json!({"collectors": [{"name": "z", "login": {"user": "u"}}]});
        assert_eq!(kept(elsewhere.clone(), &before), elsewhere);
    }

    #[test]
    fn targets_of_collectors_and_rules_are_covered() {
        let lan = "SMTP:bob@a.example@u:geheim@192.0.2.1";
        let mut value = json!({
            "collectors": [
                {"routing": {"send-to": lan}, "routing_errors": {"user": lan}},
                {"routing": {"subject-marker": {"marker": "[*]", "otherwise": lan}}},
            ],
            "download_rules": [{"addresses": ["bob", lan]}],
        });
        let before = value.clone();
        cover(&schema::whole(), &mut value);
        assert!(!value.to_string().contains("geheim"), "{value}");
        keep_targets(&schema::whole(), &mut value, &before);
        assert_eq!(value, before);
    }
}
