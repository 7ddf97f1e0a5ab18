//! What crosses between a script and the rest of the program: plain data, never a handle into a Lua state.
//!
//! Reading back from Lua is bounded in depth, in entries and in bytes, ignores metatables, and never fails on what a
//! script may put into a table: what has no plain form (functions, threads) is there by the name of its type.

use mlua::{Lua, Table};

/// Tables in tables.
const DEEPEST: usize = 16;
/// Entries of all tables of one value together.
const MOST_ENTRIES: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    #[default]
    Nil,
    Bool(bool),
    Integer(i64),
    Number(f64),
    /// A Lua string; not always UTF-8.
    Bytes(Vec<u8>),
    /// A table with the keys 1, 2, 3 … and no others.
    List(Vec<Value>),
    /// A table with other keys. From Lua, numbers come first, then words, each in order.
    Table(Vec<(Value, Value)>),
    /// What cannot leave Lua, by the name of its type: `function`, `thread`, `userdata`.
    Other(&'static str),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Value {
        Value::Bytes(text.into().into_bytes())
    }

    /// `a number`, `a table` …, as people read it.
    pub fn what(&self) -> &'static str {
        match self {
            Value::Nil => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Number(_) => "a number",
            Value::Bytes(_) => "a string",
            Value::List(_) | Value::Table(_) => "a table",
            Value::Other(what) => what,
        }
    }

    /// Takes the field of this name out of a table.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let Value::Table(pairs) = self else { return None };
        let at = pairs.iter().position(|(key, _)| matches!(key, Value::Bytes(key) if key == name.as_bytes()))?;
        Some(pairs.swap_remove(at).1)
    }

    pub(super) fn into_lua(self, lua: &Lua) -> mlua::Result<mlua::Value> {
        Ok(match self {
            Value::Nil | Value::Other(_) => mlua::Value::Nil,
            Value::Bool(value) => mlua::Value::Boolean(value),
            Value::Integer(value) => mlua::Value::Integer(value),
            Value::Number(value) => mlua::Value::Number(value),
            Value::Bytes(bytes) => mlua::Value::String(lua.create_string(bytes)?),
            Value::List(list) => {
                let table = lua.create_table_with_capacity(list.len(), 0)?;
                for (value, place) in list.into_iter().zip(1i64..) {
                    table.raw_set(place, value.into_lua(lua)?)?;
                }
                mlua::Value::Table(table)
            }
            Value::Table(pairs) => {
                let table = lua.create_table_with_capacity(0, pairs.len())?;
                for (key, value) in pairs {
                    let key = key.into_lua(lua)?;
                    if !key.is_nil() {
                        table.raw_set(key, value.into_lua(lua)?)?;
                    }
                }
                mlua::Value::Table(table)
            }
        })
    }

    /// Bounded by [`DEEPEST`], [`MOST_ENTRIES`] and `bytes`.
    pub(super) fn from_lua(value: &mlua::Value, bytes: usize) -> mlua::Result<Value> {
        Reader { entries: MOST_ENTRIES, bytes }.value(value, DEEPEST)
    }
}

/// What may still be read.
struct Reader {
    entries: usize,
    bytes: usize,
}

impl Reader {
    fn value(&mut self, value: &mlua::Value, depth: usize) -> mlua::Result<Value> {
        Ok(match value {
            mlua::Value::Nil => Value::Nil,
            mlua::Value::Boolean(value) => Value::Bool(*value),
            mlua::Value::Integer(value) => Value::Integer(*value),
            mlua::Value::Number(value) => Value::Number(*value),
            mlua::Value::String(text) => {
                let text = text.as_bytes();
                self.bytes = self.bytes.checked_sub(text.len()).ok_or_else(|| too_much("too many bytes"))?;
                Value::Bytes(text.to_vec())
            }
            mlua::Value::Table(table) => self.table(table, depth)?,
            mlua::Value::Function(_) => Value::Other("a function"),
            mlua::Value::Thread(_) => Value::Other("a thread"),
            _ => Value::Other("userdata"),
        })
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<Value> {
        let depth = depth.checked_sub(1).ok_or_else(|| too_much("tables too deep in each other"))?;
        let mut pairs = Vec::new();
        table.for_each(|key: mlua::Value, value: mlua::Value| {
            self.entries = self.entries.checked_sub(1).ok_or_else(|| too_much("too many entries"))?;
            if let mlua::Value::Integer(_) | mlua::Value::Number(_) | mlua::Value::String(_) = key {
                pairs.push((self.value(&key, depth)?, self.value(&value, depth)?));
            }
            Ok(())
        })?;
        pairs.sort_by(|(a, _), (b, _)| order(a, b));
        let is_list = pairs.iter().zip(1..).all(|((key, _), place)| *key == Value::Integer(place));
        Ok(match is_list {
            true => Value::List(pairs.into_iter().map(|(_, value)| value).collect()),
            false => Value::Table(pairs),
        })
    }
}

fn too_much(what: &str) -> mlua::Error {
    mlua::Error::runtime(format!("the values given back are too large: {what}"))
}

fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Integer(_) => 0,
        Value::Number(_) => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: &str) -> mlua::Result<Value> {
        let lua = Lua::new();
        Value::from_lua(&lua.load(code).eval::<mlua::Value>()?, 1000)
    }

    #[test]
    fn tables_are_lists_or_pairs_in_order() {
        let text = Value::text;
        for (code, expected) in [
            ("nil", Value::Nil),
            ("{}", Value::List(vec![])),
            ("{1, 'a', false}", Value::List(vec![Value::Integer(1), text("a"), Value::Bool(false)])),
            ("{b=1, a=2.5}", Value::Table(vec![(text("a"), Value::Number(2.5)), (text("b"), Value::Integer(1))])),
            (
                "{[3]='c', x=1, [1]='a'}",
                Value::Table(vec![
                    (Value::Integer(1), text("a")),
                    (Value::Integer(3), text("c")),
                    (text("x"), Value::Integer(1)),
                ]),
            ),
            ("{print, [print]=1, [true]=2}", Value::List(vec![Value::Other("a function")])),
        ] {
            assert_eq!(read(code).unwrap(), expected, "{code}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        for code in [
            "(function() local t = {} t.t = t return t end)()",
            "string.rep('x', 1001)",
            "{string.rep('x', 600), string.rep('x', 600)}",
            "(function() local t = {} for i = 1, 100001 do t[i] = i end return t end)()",
        ] {
            assert!(read(code).is_err(), "{code}");
        }
    }

    #[test]
    fn metatables_have_no_say() {
        let code = "setmetatable({1}, {__pairs = error, __index = error, __len = error})";
        assert_eq!(read(code).unwrap(), Value::List(vec![Value::Integer(1)]));
    }

    #[test]
    fn values_come_back_as_they_went() {
        let lua = Lua::new();
        let value = Value::Table(vec![
            (Value::text("deep"), Value::List(vec![Value::Bool(true), Value::Bytes(vec![0, 255]), Value::Number(0.5)])),
            (Value::text("empty"), Value::List(vec![])),
            (Value::text("n"), Value::Integer(i64::MIN)),
        ]);
        let there = value.clone().into_lua(&lua).unwrap();
        assert_eq!(Value::from_lua(&there, 1000).unwrap(), value);
    }
}
