//! The JSON Schema (draft 2020-12) of the settings, made from the structs.
//!
//! Beside the standard words it has `x-unit` (what a number counts), `x-secret`, `x-hidden` (not for a form: the numbers
//! under which things are kept), `x-inline` (written on one line in a file) and `x-keep` (stays when a page goes back to
//! its defaults: it is this office's alone). Each setting has a title, a description and a default; choices are a `oneOf`
//! of described constants.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value};

use super::Config;

/// The schema of the whole configuration, without references. Making it takes milliseconds, and nobody needs it while
/// settings stay as they are: it is shared for as long as somebody holds it, then made anew.
pub fn whole() -> Arc<Value> {
    static HELD: Mutex<Weak<Value>> = Mutex::new(Weak::new());
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let schema = Arc::new(make());
        *held = Arc::downgrade(&schema);
        schema
    })
}

fn make() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    Polish.transform(&mut schema);
    schema.to_value()
}

/// The schema of one page: a field of [`Config`].
pub fn page(name: &str) -> Option<Value> {
    whole().get("properties")?.get(name).cloned()
}

/// Names of the pages, in order.
pub fn pages() -> Vec<String> {
    let schema = whole();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys).cloned().collect()
}

/// Gives each setting a title, puts descriptions on one line, drops Rust's names of number types.
struct Polish;

impl Transform for Polish {
    fn transform(&mut self, schema: &mut schemars::Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        object.remove("format");
        if let Some(Value::String(description)) = object.get_mut("description") {
            *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        if let Some(Value::Object(properties)) = object.get_mut("properties") {
            for (name, property) in properties {
                let Some(property) = property.as_object_mut() else { continue };
                property.entry("title").or_insert_with(|| title(name).into());
            }
        }
    }
}

/// `max_recipients` → `Max recipients`.
fn title(name: &str) -> String {
    let words = name.replace(['_', '-'], " ");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// Whether a schema is that of a secret.
pub(super) fn is_secret(schema: &Value) -> bool {
    has_mark(schema, "x-secret")
}

pub(super) fn has_mark(schema: &Value, mark: &str) -> bool {
    schema.get(mark).and_then(Value::as_bool) == Some(true)
}

/// The schemas a value must fit one of; empty where there is no choice.
pub(super) fn choices(schema: &Value) -> &[Value] {
    schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The constants of a choice between words.
pub(super) fn words(schema: &Value) -> Vec<&str> {
    choices(schema).iter().filter_map(|choice| choice.get("const")?.as_str()).collect()
}

/// Names and schemas of an object's fields.
pub(super) fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

pub(super) fn field<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

/// Whether a value of this type ("object", "integer", …) is allowed.
pub(super) fn allows(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(kind)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `look` with the path and schema of each setting.
    fn each(schema: &Value, path: &str, look: &mut dyn FnMut(&str, &Value)) {
        for (name, field) in fields(schema) {
            let path = format!("{path}.{name}");
            look(&path, field);
            each(field, &path, look);
            if let Some(items) = field.get("items") {
                each(items, &path, look);
            }
            for choice in choices(field) {
                each(choice, &path, look);
            }
        }
    }

    #[test]
    fn each_setting_is_described() {
        let mut count = 0;
        each(&whole(), "", &mut |path, schema| {
            count += 1;
            // The fields of a choice are described by the choice.
            let is_choice = path.contains(".routing.");
            for word in ["title", "description", "default"] {
                assert!(is_choice || schema.get(word).is_some(), "{path} has no {word}");
            }
            if allows(schema, "integer") {
                assert!(schema.get("minimum").is_some() && schema.get("maximum").is_some(), "{path} has no range");
            }
        });
        assert!(count > 60, "only {count} settings");
    }

    /// `check` knows these words; a setting that is bounded by another one would go unchecked.
    #[test]
    fn no_word_goes_unchecked() {
        const KNOWN: [&str; 19] = [
            "type",
            "properties",
            "additionalProperties",
            "items",
            "oneOf",
            "const",
            "required",
            "minimum",
            "maximum",
            "title",
            "description",
            "default",
            "x-unit",
            "x-secret",
            "x-hidden",
            "x-inline",
            "x-keep",
            "x-target",
            "$schema",
        ];
        fn look(schema: &Value) {
            for word in schema.as_object().unwrap().keys() {
                assert!(KNOWN.contains(&word.as_str()), "{word} in {schema}");
            }
            fields(schema).map(|(_, field)| field).chain(choices(schema)).chain(schema.get("items")).for_each(look);
        }
        look(&whole());
    }

    #[test]
    fn pages_are_the_fields_of_the_configuration() {
        assert_eq!(
            pages(),
            [
                "general",
                "admin",
                "smtp",
                "pop3",
                "web",
                "connections",
                "schedule",
                "collectors",
                "download_rules",
                "users",
                "mappings",
                "domain_mappings",
                "lan",
                "security",
                "scripts",
                "tls",
                "dns",
                "appliance"
            ]
        );
        assert_eq!(page("dns").unwrap()["title"], "DNS");
        assert_eq!(page("smtp").unwrap()["items"]["properties"]["timeout"]["x-unit"], "seconds");
        assert_eq!(page("genral"), None);
    }

    #[test]
    fn secrets_are_marked() {
        let mut secrets = Vec::new();
        each(&whole(), "", &mut |path, schema| secrets.extend(is_secret(schema).then(|| path.to_string())));
        assert_eq!(
            secrets,
            [
                ".connections.sender.login.password",
                ".collectors.login.password",
                ".collectors.odmr.login.password",
                ".users.password",
                ".users.clear_password",
                ".lan.rules.login.password"
            ]
        );
    }
}
