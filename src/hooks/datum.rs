//! Between Rust's types and what a script sees: how each is given, and how forgivingly it is read back.
//!
//! Booleans as the reference product takes them: nothing, false, the number 0 and the empty string are false, anything
//! else is true. Numbers may come as strings and strings as numbers, as everywhere in Lua. What does not fit is noted and
//! counts as not given. (spec lua-hooks §0)

use super::declare::{Kind, Record};
use super::value::Value;

/// A type that arguments, fields and returned values have.
pub trait Datum: Sized {
    const KIND: Kind;

    fn give(self) -> Value;

    /// `None` for nothing and for what does not fit; the latter is noted.
    fn read(value: Value, reading: &mut Reading) -> Option<Self>;
}

/// Notes of what did not fit, while the values of one call are read.
#[derive(Debug, Default)]
pub struct Reading {
    at: Vec<&'static str>,
    notes: Vec<String>,
}

/// Notes kept of one call.
const MOST_NOTES: usize = 20;

impl Reading {
    pub fn notes(self) -> Vec<String> {
        self.notes
    }

    /// Reads a value or field that has this name.
    pub fn field<T: Datum>(&mut self, name: &'static str, value: Option<Value>) -> Option<T> {
        let value = value.filter(|value| *value != Value::Nil)?;
        self.at.push(name);
        let read = T::read(value, self);
        self.at.pop();
        read
    }

    fn wrong<T>(&mut self, expected: &str, value: &Value) -> Option<T> {
        self.note(format!("should be {expected}, not {}", value.what()))
    }

    /// Notes what is wrong with the value being read.
    pub fn note<T>(&mut self, what: impl std::fmt::Display) -> Option<T> {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(format!("{}: {what}", self.at.join(".")));
        }
        None
    }
}

impl Datum for bool {
    const KIND: Kind = Kind::Boolean;

    fn give(self) -> Value {
        Value::Bool(self)
    }

    fn read(value: Value, _reading: &mut Reading) -> Option<bool> {
        Some(match value {
            Value::Nil => return None,
            Value::Bool(value) => value,
            Value::Integer(value) => value != 0,
            Value::Number(value) => value != 0.0,
            Value::Bytes(value) => !value.is_empty(),
            Value::List(_) | Value::Table(_) | Value::Other(_) => true,
        })
    }
}

impl Datum for i64 {
    const KIND: Kind = Kind::Number;

    fn give(self) -> Value {
        Value::Integer(self)
    }

    fn read(value: Value, reading: &mut Reading) -> Option<i64> {
        // Towards zero, and to the nearest there is.
        f64::read(value.clone(), reading).map(|number| match value {
            Value::Integer(value) => value,
            _ => number as i64,
        })
    }
}

impl Datum for f64 {
    const KIND: Kind = Kind::Number;

    fn give(self) -> Value {
        Value::Number(self)
    }

    fn read(value: Value, reading: &mut Reading) -> Option<f64> {
        let number = match &value {
            Value::Integer(value) => Some(*value as f64),
            Value::Number(value) => Some(*value),
            Value::Bytes(text) => std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()),
            // A flag, where a number was meant.
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            _ => None,
        };
        number.filter(|number: &f64| !number.is_nan()).or_else(|| reading.wrong("a number", &value))
    }
}

impl Datum for String {
    const KIND: Kind = Kind::Text;

    fn give(self) -> Value {
        Value::text(self)
    }

    /// What is not UTF-8 in it is replaced by U+FFFD.
    fn read(value: Value, reading: &mut Reading) -> Option<String> {
        match value {
            Value::Bytes(bytes) => Some(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
            Value::Integer(number) => Some(number.to_string()),
            Value::Number(number) => Some(number.to_string()),
            other => reading.wrong("a string", &other),
        }
    }
}

/// Bytes as they are: a whole message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw(pub Vec<u8>);

impl Datum for Raw {
    const KIND: Kind = Kind::Text;

    fn give(self) -> Value {
        Value::Bytes(self.0)
    }

    fn read(value: Value, reading: &mut Reading) -> Option<Raw> {
        match value {
            Value::Bytes(bytes) => Some(Raw(bytes)),
            other => String::read(other, reading).map(|text| Raw(text.into_bytes())),
        }
    }
}

/// A value that may be a number or a string, and means different things.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberOrText {
    Number(f64),
    Text(String),
}

impl Default for NumberOrText {
    fn default() -> NumberOrText {
        NumberOrText::Text(String::new())
    }
}

impl Datum for NumberOrText {
    const KIND: Kind = Kind::NumberOrText;

    fn give(self) -> Value {
        match self {
            NumberOrText::Number(number) => number.give(),
            NumberOrText::Text(text) => text.give(),
        }
    }

    fn read(value: Value, reading: &mut Reading) -> Option<NumberOrText> {
        match value {
            Value::Integer(_) | Value::Number(_) => f64::read(value, reading).map(NumberOrText::Number),
            Value::Bytes(_) => String::read(value, reading).map(NumberOrText::Text),
            other => reading.wrong("a number or a string", &other),
        }
    }
}

/// Whatever it is.
impl Datum for Value {
    const KIND: Kind = Kind::Any;

    fn give(self) -> Value {
        self
    }

    fn read(value: Value, _reading: &mut Reading) -> Option<Value> {
        Some(value)
    }
}

impl<T: Datum> Datum for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn give(self) -> Value {
        Value::List(self.into_iter().map(T::give).collect())
    }

    /// The entries under numbers, in the order of these; a lone value is a list of one. Entries that do not fit are left
    /// out and noted.
    fn read(value: Value, reading: &mut Reading) -> Option<Vec<T>> {
        let entries: Vec<Value> = match value {
            Value::List(list) => list,
            Value::Table(pairs) => {
                let numbered = |(key, value)| matches!(key, Value::Integer(_) | Value::Number(_)).then_some(value);
                pairs.into_iter().filter_map(numbered).collect()
            }
            Value::Bytes(_) => vec![value],
            other => return reading.wrong("a list", &other),
        };
        Some(entries.into_iter().filter_map(|entry| reading.field("entry", Some(entry))).collect())
    }
}

/// A table from words to values, such as header fields by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T: Datum> Datum for Named<T> {
    const KIND: Kind = Kind::Named(&T::KIND);

    fn give(self) -> Value {
        Value::Table(self.0.into_iter().map(|(name, value)| (Value::text(name), value.give())).collect())
    }

    fn read(value: Value, reading: &mut Reading) -> Option<Named<T>> {
        let pairs = match value {
            Value::List(list) => list.into_iter().zip(1..).map(|(value, n)| (Value::Integer(n), value)).collect(),
            Value::Table(pairs) => pairs,
            other => return reading.wrong("a table", &other),
        };
        let pair = |(name, value)| Some((String::read(name, reading)?, reading.field("entry", Some(value))?));
        Some(Named(pairs.into_iter().filter_map(pair).collect()))
    }
}

/// Given only where it is there.
impl<T: Datum> Datum for Option<T> {
    const KIND: Kind = T::KIND;

    fn give(self) -> Value {
        self.map_or(Value::Nil, T::give)
    }

    fn read(value: Value, reading: &mut Reading) -> Option<Option<T>> {
        T::read(value, reading).map(Some)
    }
}

/// A table with known fields, or a set of global variables.
pub trait Fields: Sized + Default {
    const RECORD: &'static Record;

    /// Names with values; fields that are not there are left out.
    fn pairs(self) -> Vec<(&'static str, Value)>;

    /// Field by field, from whatever `of` finds under a name.
    fn read_fields(of: &mut dyn FnMut(&'static str) -> Option<Value>, reading: &mut Reading) -> Self;

    /// This, and where it says nothing, `before`.
    fn or(self, before: Self) -> Self;
}

/// No variables.
impl Fields for () {
    const RECORD: &'static Record = &Record { name: "", meaning: "", fields: &[] };

    fn pairs(self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    fn read_fields(_of: &mut dyn FnMut(&'static str) -> Option<Value>, _reading: &mut Reading) {}

    fn or(self, _before: ()) {}
}

/// As [`Datum::give`] for a table with known fields.
pub(super) fn give_fields<T: Fields>(fields: T) -> Value {
    Value::Table(fields.pairs().into_iter().map(|(name, value)| (Value::text(name), value)).collect())
}

/// As [`Datum::read`] for a table with known fields; others in it are passed over.
pub(super) fn read_table<T: Fields>(mut value: Value, reading: &mut Reading) -> Option<T> {
    match value {
        Value::List(_) | Value::Table(_) => Some(T::read_fields(&mut |name| value.take(name), reading)),
        other => reading.wrong("a table", &other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Datum>(value: Value) -> (Option<T>, Vec<String>) {
        let mut reading = Reading::default();
        let read = reading.field("X", Some(value));
        (read, reading.notes())
    }

    #[test]
    fn booleans_are_as_in_the_reference_product() {
        for (value, expected) in [
            (Value::Bool(false), false),
            (Value::Integer(0), false),
            (Value::Number(0.0), false),
            (Value::text(""), false),
            (Value::Bool(true), true),
            (Value::Integer(1), true),
            (Value::Number(0.1), true),
            (Value::text("0"), true),
            (Value::List(vec![]), true),
            (Value::Other("a function"), true),
        ] {
            assert_eq!(read::<bool>(value.clone()), (Some(expected), vec![]), "{value:?}");
        }
        assert_eq!(read::<bool>(Value::Nil), (None, vec![]));
    }

    #[test]
    fn numbers_and_strings_stand_in_for_each_other() {
        assert_eq!(read::<i64>(Value::text(" 42 ")).0, Some(42));
        assert_eq!(read::<i64>(Value::Number(-2.9)).0, Some(-2));
        assert_eq!(read::<i64>(Value::Number(1e300)).0, Some(i64::MAX));
        assert_eq!(read::<i64>(Value::Integer(i64::MAX)).0, Some(i64::MAX));
        assert_eq!(read::<String>(Value::Integer(7)).0.as_deref(), Some("7"));
        assert_eq!(read::<String>(Value::Bytes(vec![b'a', 0xff])).0.as_deref(), Some("a\u{fffd}"));
        assert_eq!(read::<i64>(Value::Number(f64::NAN)).1, ["X: should be a number, not a number"]);
        assert_eq!(read::<i64>(Value::text("many")).1, ["X: should be a number, not a string"]);
        assert_eq!(read::<String>(Value::List(vec![])).1, ["X: should be a string, not a table"]);
    }

    #[test]
    fn a_list_takes_what_fits() {
        let odd = Value::Table(vec![(Value::Integer(2), Value::text("b")), (Value::text("x"), Value::text("no"))]);
        assert_eq!(read::<Vec<String>>(odd).0, Some(vec!["b".into()]));
        assert_eq!(read::<Vec<String>>(Value::text("one")).0, Some(vec!["one".into()]));
        let (list, notes) = read::<Vec<i64>>(Value::List(vec![Value::Integer(1), Value::text("x"), Value::Integer(3)]));
        assert_eq!((list, notes.len()), (Some(vec![1, 3]), 1));
    }
}
