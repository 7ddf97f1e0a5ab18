//! Secrets in values: put out of sight on the way out, put back on the way in.

use serde_json::Value;

use super::directory::lower;
use super::schema::{fields, is_secret};

/// Stands for a secret in answers; given back, it means "as it was".
pub const STARS: &str = "********";

/// Replaces each secret that is there by [`STARS`].
pub(super) fn cover(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, schema) in fields(schema) {
                match object.get_mut(name) {
                    Some(Value::String(secret)) if is_secret(schema) && !secret.is_empty() => *secret = STARS.into(),
                    Some(value) => cover(schema, value),
                    None => {}
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            list.iter_mut().for_each(|item| cover(items, item));
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
}
