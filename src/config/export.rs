//! Settings as a TOML file with the help of each setting above it, once.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::check::join;
use super::schema::{choices, field, fields, has_mark, is_secret, whole, words};
use super::{Config, secrets};

/// Longest line of help, characters.
const WIDTH: usize = 100;

impl Config {
    /// The import file that makes these settings, numbers under which things are kept left out. Without `secrets` those
    /// are left out too; an import then keeps the ones it finds.
    pub fn to_toml(&self, secrets: bool) -> String {
        let (mut value, schema) = (self.to_settings(), whole());
        if !secrets {
            secrets::cover_targets(&schema, &mut value);
        }
        let mut file = File { text: String::new(), secrets, explained: HashSet::new() };
        if let Value::Object(object) = &value {
            file.table(&schema, object, "");
        }
        file.text
    }
}

struct File {
    text: String,
    secrets: bool,
    /// Paths without positions whose help has been written.
    explained: HashSet<String>,
}

impl File {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// First what stands on lines of this table, then the tables inside it, as TOML wants it.
    fn table(&mut self, schema: &Value, object: &Map<String, Value>, path: &str) {
        let shown = |schema: &Value, secrets| !has_mark(schema, "x-hidden") && (secrets || !is_secret(schema));
        let entries = fields(schema).filter_map(|(name, schema)| Some((name, schema, object.get(name)?)));
        let entries: Vec<_> = entries.filter(|(_, schema, _)| shown(schema, self.secrets)).collect();
        for (name, schema, value) in entries.iter().filter(|(_, schema, value)| !is_section(schema, value)) {
            if let Some(value) = on_a_line(schema, value) {
                self.explain(schema, &join(path, name), true);
                self.line(&format!("{name} = {value}"));
            }
        }
        for (name, schema, value) in entries.iter().filter(|(_, schema, value)| is_section(schema, value)) {
            let path = join(path, name);
            match (value, schema.get("items")) {
                (Value::Object(object), _) => self.section(schema, schema, object, &path, &format!("[{path}]")),
                (Value::Array(list), Some(items)) => {
                    for object in list.iter().filter_map(Value::as_object) {
                        self.section(schema, items, object, &path, &format!("[[{path}]]"));
                    }
                }
                _ => {}
            }
        }
    }

    fn section(&mut self, about: &Value, schema: &Value, object: &Map<String, Value>, path: &str, header: &str) {
        if !self.text.is_empty() {
            self.line("");
        }
        self.explain(about, path, false);
        self.line(header);
        self.table(schema, object, path);
    }

    /// The help of a setting, the first time it comes.
    fn explain(&mut self, schema: &Value, path: &str, with_range: bool) {
        if !self.explained.insert(path.to_string()) {
            return;
        }
        let help = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        for line in wrap(help) {
            self.line(&format!("# {line}"));
        }
        if let Some(range) = Some(range(schema)).filter(|range| with_range && !range.is_empty()) {
            self.line(&format!("# {range}."));
        }
    }
}

/// Whether a value is written as a section of its own.
fn is_section(schema: &Value, value: &Value) -> bool {
    let inline = |schema: &Value| has_mark(schema, "x-inline");
    match value {
        Value::Object(_) => !inline(schema),
        Value::Array(list) => list.first().is_some_and(Value::is_object) && !schema.get("items").is_some_and(inline),
        _ => false,
    }
}

/// `seconds, 10 to 3600` or `one of "none", "ssl"`; empty where there is nothing to say.
pub(super) fn range(schema: &Value) -> String {
    let unit = schema.get("x-unit").and_then(Value::as_str);
    let bounds = match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        _ => None,
    };
    let words = words(schema);
    if !words.is_empty() {
        let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        return format!("One of {}", words.join(", "));
    }
    match (unit, bounds) {
        (Some(unit), Some(bounds)) => format!("{bounds} {unit}"),
        (None, Some(bounds)) => bounds,
        _ => String::new(),
    }
}

/// A value as TOML on one line; nothing for null, which TOML lacks.
pub(super) fn on_a_line(schema: &Value, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(toml::Value::from(text.as_str()).to_string()),
        Value::Array(list) => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            let items: Vec<String> = list.iter().filter_map(|item| on_a_line(items, item)).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        Value::Object(object) => {
            let inner = |name: &str| {
                let chosen = choices(schema).iter().find_map(|choice| field(choice, name));
                field(schema, name).or(chosen).unwrap_or(&Value::Null)
            };
            let entry = |(name, value): (&String, &Value)| Some(format!("{name} = {}", on_a_line(inner(name), value)?));
            Some(format!("{{ {} }}", object.iter().filter_map(entry).collect::<Vec<_>>().join(", ")))
        }
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}
