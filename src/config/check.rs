//! Generic checks of a value against the schema: types, ranges, words to choose from, names that are no setting.

use serde_json::Value;

use super::Invalid;
use super::schema::{allows, choices, field, fields, words};

/// Longest text of one setting, bytes.
const LONGEST_TEXT: usize = 64 * 1024;
/// Most entries of one list.
const LONGEST_LIST: usize = 10_000;

/// Adds to `found` what of `value`, at `path`, does not fit the schema.
pub(super) fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<Invalid>) {
    let mut wrong = |message: String| found.push(Invalid::new(path, message));
    if value.is_null() && allows(schema, "null") {
        return;
    }
    if !choices(schema).is_empty() {
        return check_choice(schema, value, path, found);
    }
    match value {
        Value::Object(object) if allows(schema, "object") => {
            for (name, value) in object {
                let path = join(path, name);
                match field(schema, name) {
                    Some(schema) => check(schema, value, &path, found),
                    None => found.push(Invalid::new(path, format!("is no setting; there are {}", names(schema)))),
                }
            }
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
            {
                if !object.contains_key(name) {
                    found.push(Invalid::new(join(path, name), "is missing"));
                }
            }
        }
        Value::Array(list) if allows(schema, "array") => {
            if list.len() > LONGEST_LIST {
                return wrong(format!("has more than {LONGEST_LIST} entries"));
            }
            let Some(items) = schema.get("items") else { return };
            for (position, item) in list.iter().enumerate() {
                check(items, item, &format!("{path}[{position}]"), found);
            }
        }
        Value::String(text) if allows(schema, "string") => {
            if text.len() > LONGEST_TEXT {
                wrong(format!("is longer than {LONGEST_TEXT} bytes"));
            } else if text.contains(char::is_control) {
                wrong("has a control character in it".into());
            }
        }
        Value::Number(number) if allows(schema, "integer") => {
            let bound = |word| schema.get(word).and_then(Value::as_i64);
            // No setting goes beyond i64; what does is above every maximum.
            let Some(n) = number.as_i64().or(number.as_u64().map(|_| i64::MAX)) else {
                return wrong(format!("{number} is no whole number"));
            };
            if let Some(least) = bound("minimum").filter(|least| n < *least) {
                wrong(format!("{number} is below {least}"));
            } else if let Some(most) = bound("maximum").filter(|most| n > *most) {
                wrong(format!("{number} is above {most}"));
            }
        }
        Value::Bool(_) if allows(schema, "boolean") => {}
        _ => wrong(format!("should be {}, not {}", expected(schema), what(value))),
    }
}

/// A choice is between words, or between tables with one entry each.
fn check_choice(schema: &Value, value: &Value, path: &str, found: &mut Vec<Invalid>) {
    let words = words(schema);
    if !words.is_empty() {
        match value.as_str() {
            Some(word) if words.contains(&word) => {}
            Some(word) => found.push(Invalid::new(path, format!("\"{word}\" is none of {}", quoted(&words)))),
            None => found.push(Invalid::new(path, format!("should be one of {}, not {}", quoted(&words), what(value)))),
        }
        return;
    }
    let all: Vec<&str> = choices(schema).iter().flat_map(fields).map(|(name, _)| name.as_str()).collect();
    let chosen = value.as_object().filter(|object| object.len() == 1).and_then(|object| {
        let name = object.keys().next()?;
        choices(schema).iter().find(|choice| field(choice, name).is_some())
    });
    match chosen {
        Some(choice) => check(choice, value, path, found),
        None => found.push(Invalid::new(path, format!("should be a table with one of {}", quoted(&all)))),
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

fn names(schema: &Value) -> String {
    fields(schema).map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn expected(schema: &Value) -> &'static str {
    [
        ("object", "a table"),
        ("array", "a list"),
        ("string", "a text in quotes"),
        ("integer", "a whole number"),
        ("boolean", "true or false"),
    ]
    .into_iter()
    .find(|(kind, _)| allows(schema, kind))
    .map_or("something else", |(_, words)| words)
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema;
    use super::*;

    fn found(value: Value) -> Vec<String> {
        let mut found = Vec::new();
        check(&schema::whole(), &value, "", &mut found);
        found.iter().map(Invalid::to_string).collect()
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (value, expected) in [
            (json!({"smtp": [{"max_recipients": 5}]}), "smtp[0].max_recipients: 5 is below 100"),
            (json!({"smtp": [{}, {"timeout": 99999}]}), "smtp[1].timeout: 99999 is above 3600"),
            (
                json!({"smtp": [{"max_message_size": u64::MAX}]}),
                "smtp[0].max_message_size: 18446744073709551615 is above 10737418240",
            ),
            (json!({"smtp": [{"timeout": 30.5}]}), "smtp[0].timeout: 30.5 is no whole number"),
            (json!({"smtp": [{"max_errors": -1}]}), "smtp[0].max_errors: -1 is below 3"),
            (json!({"smtp": {}}), "smtp: should be a list, not a table"),
            (json!({"smtp": [{"timeout": "300"}]}), "smtp[0].timeout: should be a whole number, not a text"),
            (
                json!({"smtp": [{"encryption": "tls"}]}),
                "smtp[0].encryption: \"tls\" is none of \"optional\", \"required\", \"implicit\", \"none\"",
            ),
            (
                json!({"smtp": [{"encryption": true}]}),
                "smtp[0].encryption: should be one of \"optional\", \"required\", \"implicit\", \"none\", not true or false",
            ),
            (json!({"dns": {"server": []}}), "dns.server: is no setting; there are servers, detect_servers, test_name"),
            (json!({"dns": {"servers": [1]}}), "dns.servers[0]: should be a text in quotes, not a number"),
            (json!({"web": {"enabled": null}}), "web.enabled: should be true or false, not nothing"),
            (json!({"general": {"host_name": "a\nb"}}), "general.host_name: has a control character in it"),
            (
                json!({"collectors": [{"routing": "bob"}]}),
                "collectors[0].routing: should be a table with one of \"send-to\", \"by-headers\", \
                 \"single-address\", \"subject-marker\"",
            ),
            (
                json!({"collectors": [{"routing": {"by-headers": {}}}]}),
                "collectors[0].routing.by-headers.accepted_domains: is missing",
            ),
            (
                json!({"connections": [{"sender": {"hosts": [{"port": 0}]}}]}),
                "connections[0].sender.hosts[0].port: 0 is below 1",
            ),
        ] {
            assert_eq!(found(value.clone()), [expected], "{value}");
        }
        assert!(found(json!({"mtp": []}))[0].starts_with("mtp: is no setting; there are general, admin, smtp"));
        let several = found(json!({"web": 1, "dns": 2, "tls": {"x": 1, "y": 2}}));
        assert_eq!(several.len(), 4, "{several:?}");
    }

    #[test]
    fn lets_through_what_fits() {
        for value in [
            json!({}),
            json!({"connections": [{"sender": null}, {"sender": {"login": null}}]}),
            json!({"collectors": [{"routing": {"send-to": "bob"}}]}),
            json!({"smtp": [{"encryption": "implicit", "max_message_size": 0}], "dns": {"servers": ["192.0.2.1"]}}),
        ] {
            assert_eq!(found(value.clone()), [""; 0], "{value}");
        }
    }
}
