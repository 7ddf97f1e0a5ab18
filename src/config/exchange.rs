//! Settings as values and files: JSON as it is stored and answered, TOML as it is imported.
//!
//! An imported section replaces the present one as a whole, what it leaves out is at its default; a section that is not
//! there stays as it is. Numbers are kept by name, secrets that are left out too (see `secrets`).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::check::{check, join};
use super::schema::{fields, whole};
use super::{Config, Invalid, secrets};

/// Largest file, bytes.
const LARGEST: usize = 8 * 1024 * 1024;
/// Deepest nesting of a file that is looked into; settings need five.
const DEEPEST: usize = 32;

/// The text of an import file. A device or a log given by mistake is not read into memory.
pub fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST as u64 + 1).read_to_string(&mut text)?;
    if text.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "this is far too large for a configuration"));
    }
    Ok(text)
}

impl Config {
    /// As it is stored, with secrets and numbers.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    /// Reads what [`Config::to_json`] wrote, also an older version of this program: what it did not know is at its
    /// default, what is gone since is dropped. Checks no more than types.
    pub fn from_json(text: &str) -> Result<Config, Invalid> {
        let wrong = |error: serde_json::Error| Invalid::new("", format!("the stored settings cannot be read: {error}"));
        let mut value: Value = serde_json::from_str(text).map_err(wrong)?;
        let ids = value.as_object_mut().and_then(|object| object.remove("ids"));
        drop_unknown(&whole(), &mut value, "");
        if let (Some(object), Some(ids)) = (value.as_object_mut(), ids) {
            object.insert("ids".into(), ids);
        }
        serde_json::from_value(value).map_err(wrong)
    }

    /// For answers: the settings with stars for secrets.
    pub fn to_json_covered(&self) -> Value {
        let mut value = self.to_settings();
        secrets::cover(&whole(), &mut value);
        value
    }

    /// This configuration with some sections replaced, ready to be put in force (see [`Config::prepare`]).
    pub fn with(&self, sections: Value) -> Result<Config, Vec<Invalid>> {
        let schema = whole();
        let mut found = Vec::new();
        check(&schema, &sections, "", &mut found);
        let Value::Object(sections) = sections else { return Err(found) };
        if !found.is_empty() {
            return Err(found);
        }
        let mut value = self.to_value();
        for (name, section_schema) in fields(&schema) {
            let Some(section) = sections.get(name) else { continue };
            let mut section = section.clone();
            secrets::keep(section_schema, &mut section, value.get(name));
            if let Some(object) = value.as_object_mut() {
                object.insert(name.clone(), section);
            }
        }
        let before = self.to_value();
        secrets::keep_targets(&schema, &mut value, &before);
        let config: Config =
            serde_json::from_value(value).map_err(|error| vec![Invalid::new("", error.to_string())])?;
        config.prepare(Some(self))
    }

    /// Reads an import file on top of this configuration, ready to be put in force (see [`Config::prepare`]). Errors name
    /// the line.
    pub fn from_toml(&self, text: &str) -> Result<Config, Vec<Invalid>> {
        if text.len() > LARGEST {
            return Err(vec![Invalid::new("", format!("the file is larger than {LARGEST} bytes"))]);
        }
        let lines = Lines::of(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let invalid = |error: &toml::de::Error| Invalid {
                line: error.span().map(|span| lines.at(span.start)),
                ..Invalid::new("", error.message())
            };
            return Err(in_order(errors.iter().map(invalid)));
        }
        let mut positions = HashMap::new();
        let sections = table(document.get_ref(), "", &lines, &mut positions, 0);
        self.with(sections).map_err(|found| in_order(found.into_iter().map(|one| with_line(one, &positions))))
    }

    /// All fields, also those that are no settings.
    fn to_value(&self) -> Value {
        // Maps with text keys, numbers, texts: nothing JSON lacks.
        serde_json::to_value(self).expect("settings are JSON")
    }

    /// The settings alone.
    pub(super) fn to_settings(&self) -> Value {
        let mut value = self.to_value();
        if let Some(object) = value.as_object_mut() {
            object.remove("ids");
        }
        value
    }
}

fn drop_unknown(schema: &Value, value: &mut Value, path: &str) {
    match value {
        Value::Object(object) if schema.get("properties").is_some() => {
            object.retain(|name, _| {
                let known = super::schema::field(schema, name).is_some();
                if !known {
                    log::warn!("the stored setting {} is not known to this version and is dropped", join(path, name));
                }
                known
            });
            for (name, schema) in fields(schema) {
                if let Some(value) = object.get_mut(name) {
                    drop_unknown(schema, value, &join(path, name));
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.get("items") else { return };
            for (position, item) in list.iter_mut().enumerate() {
                drop_unknown(items, item, &format!("{path}[{position}]"));
            }
        }
        _ => {}
    }
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The number of the line, from 1, that has the byte at `offset`.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

/// Lines by path.
type Positions = HashMap<String, usize>;

fn table(table: &DeTable<'_>, path: &str, lines: &Lines, positions: &mut Positions, depth: usize) -> Value {
    let mut object = Map::new();
    for (key, entry) in table.iter() {
        let path = join(path, key.get_ref());
        positions.insert(path.clone(), lines.at(key.span().start));
        object.insert(key.get_ref().to_string(), value(entry.get_ref(), &path, lines, positions, depth + 1));
    }
    Value::Object(object)
}

fn value(from: &DeValue<'_>, path: &str, lines: &Lines, positions: &mut Positions, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    match from {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.into(),
            Err(_) => i64::MAX.into(),
        },
        // No setting is a fraction; the check says so.
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(list) => {
            let mut items = Vec::new();
            for (position, item) in list.iter().enumerate() {
                let path = format!("{path}[{position}]");
                positions.insert(path.clone(), lines.at(item.span().start));
                items.push(value(item.get_ref(), &path, lines, positions, depth + 1));
            }
            Value::Array(items)
        }
        DeValue::Table(inner) => table(inner, path, lines, positions, depth),
    }
}

/// From top to bottom.
fn in_order(found: impl Iterator<Item = Invalid>) -> Vec<Invalid> {
    let mut found: Vec<Invalid> = found.collect();
    found.sort_by_key(|invalid| invalid.line);
    found
}

/// The line of the setting, or of the nearest thing around it that stands in the file.
fn with_line(mut invalid: Invalid, positions: &Positions) -> Invalid {
    let mut path = invalid.path.as_str();
    while !path.is_empty() {
        if let Some(line) = positions.get(path) {
            invalid.line = Some(*line);
            break;
        }
        path = path.rfind(['.', '[']).and_then(|end| path.get(..end)).unwrap_or_default();
    }
    invalid
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
