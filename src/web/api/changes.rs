//! `POST config/changes`: single settings, entries of lists, and their order. What the forms of the page send.
//!
//! A change names what was there before, so that two people who change the same thing do not overwrite each other.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::operation::{Body, Gives, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, Caller, read};

pub const OPERATIONS: &[Operation] = &[Operation {
    method: "POST",
    path: "config/changes",
    summary: "Changes single settings, all of them or none",
    body: Body::Json(schema_of::<Changes>),
    gives: Gives::Object("stored:boolean restart:array"),
    run: |api, call| Box::pin(async move { api.change(call.caller, read(call.body)?).await }),
    ..PLAIN
}];

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    changes: Vec<One>,
}

/// One of `to`, `add`, `remove`, `move`.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    /// Such as `general.host_name`, `users`, `users[2].name`.
    path: String,
    /// What the caller believes is there.
    #[serde(default, deserialize_with = "present")]
    was: Option<Value>,
    /// The new value.
    #[serde(default, deserialize_with = "present")]
    to: Option<Value>,
    /// A new last entry of the list.
    #[serde(default)]
    add: Option<Value>,
    /// The entry goes.
    #[serde(default)]
    remove: bool,
    /// The entry goes to this place of its list, from 0.
    #[serde(default, rename = "move")]
    place: Option<usize>,
}

/// Null is a value here too: no login, no sender.
fn present<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

impl Api {
    async fn change(&self, caller: &Caller, wish: Changes) -> Answer {
        let _alone = self.changing.lock().await;
        let mut changed = self.config.current().to_json_covered();
        let mut touched = Map::new();
        for one in &wish.changes {
            apply(&mut changed, one)?;
        }
        for one in &wish.changes {
            let section = one.path.split(['.', '[']).next().unwrap_or_default();
            if let Some(value) = changed.get(section) {
                touched.insert(section.to_string(), value.clone());
            }
        }
        self.put_sections_alone(caller, Value::Object(touched)).await
    }
}

fn apply(all: &mut Value, one: &One) -> Result<(), ApiError> {
    let unknown = || ApiError::Unknown(format!("setting {}", one.path));
    let wishes = [one.to.is_some(), one.add.is_some(), one.remove, one.place.is_some()];
    if wishes.iter().filter(|wish| **wish).count() != 1 {
        return Err(ApiError::Bad(format!("{}: one of to, add, remove, move is needed", one.path)));
    }
    let pointer = pointer(&one.path).ok_or_else(unknown)?;
    let present = all.pointer(&pointer).ok_or_else(unknown)?;
    if one.was.as_ref().is_some_and(|was| was != present) {
        let why = "has been changed meanwhile by somebody else; look at it again before you save";
        return Err(ApiError::Conflict(format!("{} {why}", one.path)));
    }
    if let Some(to) = &one.to {
        if let Some(value) = all.pointer_mut(&pointer) {
            *value = to.clone();
        }
        return Ok(());
    }
    if let Some(new) = &one.add {
        let list = all.pointer_mut(&pointer).and_then(Value::as_array_mut).ok_or_else(unknown)?;
        list.push(new.clone());
        return Ok(());
    }
    let (parent, place) = pointer.rsplit_once('/').ok_or_else(unknown)?;
    let list = all.pointer_mut(parent).and_then(Value::as_array_mut).ok_or_else(unknown)?;
    let place: usize = place.parse().ok().filter(|place| *place < list.len()).ok_or_else(unknown)?;
    let entry = list.remove(place);
    if let Some(to) = one.place {
        list.insert(to.min(list.len()), entry);
    }
    Ok(())
}

/// `users[2].name` is `/users/2/name`.
fn pointer(path: &str) -> Option<String> {
    let mut pointer = String::with_capacity(path.len() + 2);
    for name in path.split('.') {
        let mut parts = name.split('[');
        pointer.push('/');
        pointer.push_str(parts.next().filter(|name| !name.is_empty() && !name.contains(['/', '~']))?);
        for index in parts {
            let index: usize = index.strip_suffix(']')?.parse().ok()?;
            pointer.push_str(&format!("/{index}"));
        }
    }
    Some(pointer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(wish: Value) -> Result<Value, String> {
        let mut all = json!({ "general": { "a": 1 }, "users": [{ "name": "anna" }, { "name": "bob" }], "x": null });
        let one: One = serde_json::from_value(wish).map_err(|error| error.to_string())?;
        apply(&mut all, &one).map(|()| all).map_err(|error| error.to_string())
    }

    #[test]
    fn one_thing_is_changed() {
        assert_eq!(changed(json!({ "path": "general.a", "was": 1, "to": 2 })).unwrap()["general"]["a"], 2);
        assert_eq!(changed(json!({ "path": "general.a", "to": null })).unwrap()["general"]["a"], Value::Null);
        assert_eq!(changed(json!({ "path": "users[1].name", "to": "carl" })).unwrap()["users"][1]["name"], "carl");
        assert_eq!(changed(json!({ "path": "users", "add": {} })).unwrap()["users"].as_array().unwrap().len(), 3);
        assert_eq!(
            changed(json!({ "path": "users[0]", "remove": true })).unwrap()["users"],
            json!([{ "name": "bob" }])
        );
        assert_eq!(changed(json!({ "path": "users[1]", "move": 0 })).unwrap()["users"][0]["name"], "bob");
        assert_eq!(changed(json!({ "path": "users[0]", "move": 99 })).unwrap()["users"][1]["name"], "anna");
    }

    #[test]
    fn what_is_not_there_or_not_as_it_was_is_refused() {
        for (wish, words) in [
            (json!({ "path": "general.a", "was": 7, "to": 2 }), "general.a has been changed meanwhile"),
            (json!({ "path": "general.b", "to": 2 }), "there is no setting general.b"),
            (json!({ "path": "users[2]", "remove": true }), "there is no setting users[2]"),
            (json!({ "path": "general", "add": 1 }), "there is no setting general"),
            (json!({ "path": "general.a", "remove": true }), "there is no setting general.a"),
            (json!({ "path": "general.a" }), "general.a: one of to, add"),
            (json!({ "path": "users[0]", "remove": true, "to": 1 }), "users[0]: one of to, add"),
            (json!({ "path": "users[-1]", "remove": true }), "there is no setting users[-1]"),
            (json!({ "path": "", "to": 1 }), "there is no setting"),
        ] {
            let error = changed(wish).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
