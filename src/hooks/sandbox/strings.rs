//! `string.find`, `match`, `gmatch` and `gsub` over the bounded matcher of [`super::pattern`].

use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Function, IntoLua, Lua, LuaString, MultiValue, Table, Value};

use super::super::limits::Meter;
use super::pattern::{Capture, Match, Pattern, PatternError, Ticker};

/// Largest result of `gsub`, bytes; it is built outside of the memory that Lua counts.
const LARGEST: usize = 16 << 20;

/// Puts the functions into the table `string`.
pub fn install(lua: &Lua, string: &Table, meter: &Arc<Meter>) -> mlua::Result<()> {
    let clock = meter.clone();
    let find = move |lua: &Lua, (text, pattern, from, plain): FindArguments| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let Some(from) = start(from, text.len()) else { return nothing() };
        if plain.is_some_and(|plain| plain.as_boolean() != Some(false) && !plain.is_nil()) || is_plain(&pattern) {
            let rest = text.get(from..).unwrap_or_default();
            let Some(at) = memchr::memmem::find(rest, &pattern) else { return nothing() };
            let at = from + at;
            return (at + 1, at + pattern.len()).into_lua_multi(lua);
        }
        match search(&pattern, &text, from, &clock)? {
            None => nothing(),
            Some(found) => {
                let mut values = captures(lua, &text, &found.captures)?;
                values.push_front(found.end.into_lua(lua)?);
                values.push_front((found.start + 1).into_lua(lua)?);
                Ok(values)
            }
        }
    };
    string.raw_set("find", lua.create_function(find)?)?;
    let clock = meter.clone();
    let matched = move |lua: &Lua, (text, pattern, from): (LuaString, LuaString, Option<i64>)| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let Some(from) = start(from, text.len()) else { return nothing() };
        match search(&pattern, &text, from, &clock)? {
            None => nothing(),
            Some(found) => captures(lua, &text, &found.given()),
        }
    };
    string.raw_set("match", lua.create_function(matched)?)?;
    let clock = meter.clone();
    let gmatch = move |lua: &Lua, (text, pattern, from): (LuaString, LuaString, Option<i64>)| {
        each_match(lua, text, &pattern.as_bytes(), from, clock.clone())
    };
    string.raw_set("gmatch", lua.create_function(gmatch)?)?;
    let clock = meter.clone();
    let gsub = move |lua: &Lua, (text, pattern, with, most): (LuaString, LuaString, Value, Option<i64>)| {
        replaced(lua, &text.as_bytes(), &pattern.as_bytes(), &with, most, &clock)
    };
    string.raw_set("gsub", lua.create_function(gsub)?)
}

type FindArguments = (LuaString, LuaString, Option<i64>, Option<Value>);

use mlua::IntoLuaMulti;

fn nothing() -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_vec(vec![Value::Nil]))
}

/// The argument `init`, counted from 0; `None` behind the end.
fn start(from: Option<i64>, length: usize) -> Option<usize> {
    let from = from.unwrap_or(1);
    let at = match from {
        1.. => usize::try_from(from - 1).unwrap_or(usize::MAX),
        0 => 0,
        _ => length.saturating_sub(usize::try_from(from.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    (at <= length).then_some(at)
}

fn is_plain(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| b"^$*+?.([%-".contains(byte))
}

fn error(error: PatternError) -> mlua::Error {
    mlua::Error::runtime(error)
}

fn search(pattern: &[u8], text: &[u8], from: usize, meter: &Meter) -> mlua::Result<Option<Match>> {
    let pattern = Pattern::read(pattern, true).map_err(error)?;
    pattern.find(text, from, &mut Ticker::new(&mut || !meter.is_over())).map_err(error)
}

fn capture(lua: &Lua, text: &[u8], capture: Capture) -> mlua::Result<Value> {
    match capture {
        Capture::Text(start, end) => lua.create_string(text.get(start..end).unwrap_or_default())?.into_lua(lua),
        Capture::Position(at) => (at + 1).into_lua(lua),
    }
}

fn captures(lua: &Lua, text: &[u8], of: &[Capture]) -> mlua::Result<MultiValue> {
    of.iter().map(|one| capture(lua, text, *one)).collect()
}

/// Where a walk through all matches is.
#[derive(Clone, Copy, Default)]
struct Walk {
    at: usize,
    /// End of the last match: none that is empty begins there.
    last: Option<usize>,
}

impl Walk {
    /// The next match at or after the place, the place moved behind it.
    fn next(&mut self, pattern: &Pattern, text: &[u8], ticker: &mut Ticker<'_>) -> Result<Option<Match>, PatternError> {
        while self.at <= text.len() {
            match pattern.at(text, self.at, ticker)? {
                Some(found) if self.last != Some(found.end) => {
                    self.at = found.end;
                    self.last = Some(found.end);
                    return Ok(Some(found));
                }
                _ => self.at += 1,
            }
        }
        Ok(None)
    }
}

fn each_match(
    lua: &Lua,
    text: LuaString,
    pattern: &[u8],
    from: Option<i64>,
    meter: Arc<Meter>,
) -> mlua::Result<Function> {
    let pattern = Pattern::read(pattern, false).map_err(error)?;
    let length = text.as_bytes().len();
    let walk = Mutex::new(Walk { at: start(from, length).unwrap_or(length + 1), last: None });
    lua.create_function(move |lua, _: MultiValue| {
        let text = text.as_bytes();
        let mut walk = walk.lock().unwrap_or_else(PoisonError::into_inner);
        let found = walk.next(&pattern, &text, &mut Ticker::new(&mut || !meter.is_over())).map_err(error)?;
        found.map_or_else(nothing, |found| captures(lua, &text, &found.given()))
    })
}

fn replaced(
    lua: &Lua,
    text: &[u8],
    pattern: &[u8],
    with: &Value,
    most: Option<i64>,
    meter: &Meter,
) -> mlua::Result<(LuaString, usize)> {
    let pattern = Pattern::read(pattern, true).map_err(error)?;
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(0));
    let mut out = Vec::with_capacity(text.len());
    let (mut copied, mut count) = (0, 0);
    let mut walk = Walk::default();
    while count < most {
        let mut tick = || !meter.is_over();
        let mut ticker = Ticker::new(&mut tick);
        let found = match pattern.is_anchored() {
            true if count > 0 => None,
            true => pattern.at(text, 0, &mut ticker).map_err(error)?,
            false => walk.next(&pattern, text, &mut ticker).map_err(error)?,
        };
        let Some(found) = found else { break };
        count += 1;
        out.extend_from_slice(text.get(copied..found.start).unwrap_or_default());
        substitute(lua, text, &found, with, &mut out)?;
        copied = found.end;
        if out.len() > LARGEST {
            return Err(mlua::Error::runtime("not enough memory"));
        }
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    Ok((lua.create_string(out)?, count))
}

/// Appends what takes the place of a match.
fn substitute(lua: &Lua, text: &[u8], found: &Match, with: &Value, out: &mut Vec<u8>) -> mlua::Result<()> {
    let given = found.given();
    let first = given.first().map_or(Ok(Value::Nil), |first| capture(lua, text, *first));
    let value: Value = match with {
        Value::String(_) | Value::Integer(_) | Value::Number(_) => {
            let template = lua.coerce_string(with.clone())?;
            return match template {
                Some(template) => fill_in(lua, &template.as_bytes(), text, found, out),
                None => Ok(()),
            };
        }
        Value::Table(table) => table.get(first?)?,
        Value::Function(function) => function.call(captures(lua, text, &given)?)?,
        other => {
            let what = format!("bad argument #3 to 'gsub' (string/function/table expected, got {})", other.type_name());
            return Err(mlua::Error::runtime(what));
        }
    };
    let whole = text.get(found.start..found.end).unwrap_or_default();
    match &value {
        Value::Nil | Value::Boolean(false) => out.extend_from_slice(whole),
        Value::String(text) => out.extend_from_slice(&text.as_bytes()),
        Value::Integer(_) | Value::Number(_) => {
            out.extend(lua.coerce_string(value)?.iter().flat_map(|text| text.as_bytes().to_vec()));
        }
        other => return Err(mlua::Error::runtime(format!("invalid replacement value (a {})", other.type_name()))),
    }
    Ok(())
}

/// A replacement with `%0` to `%9` in it.
fn fill_in(lua: &Lua, template: &[u8], text: &[u8], found: &Match, out: &mut Vec<u8>) -> mlua::Result<()> {
    let given = found.given();
    let mut bytes = template.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        match bytes.next() {
            Some(b'%') => out.push(b'%'),
            Some(b'0') => out.extend_from_slice(text.get(found.start..found.end).unwrap_or_default()),
            Some(digit @ b'1'..=b'9') => {
                let one = given.get(usize::from(digit - b'1')).copied().ok_or_else(|| {
                    mlua::Error::runtime(format!("invalid capture index %{} in replacement string", digit - b'0'))
                })?;
                let value = lua.coerce_string(capture(lua, text, one)?)?;
                out.extend(value.iter().flat_map(|value| value.as_bytes().to_vec()));
            }
            _ => return Err(mlua::Error::runtime("invalid use of '%' in replacement string")),
        }
    }
    Ok(())
}
