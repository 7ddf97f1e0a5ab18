//! One Lua state with a script in it. Runs on whichever Lua thread has it; never on an executor thread.

use std::sync::Arc;

use mlua::{Lua, MultiValue};

use super::check::Defined;
use super::declare::Function;
use super::http;
use super::library::Library;
use super::limits::{Limits, Meter};
use super::manage;
use super::message::{self, Current};
use super::output::Output;
use super::sandbox;
use super::value::Value;

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no such function in the script.
    #[error("there is no function {0}")]
    Absent(String),
    /// What Lua says, with the place and the traceback.
    #[error("{0}")]
    Failed(String),
    /// The script did not end and was left behind, or there is no thread for it.
    #[error("the script did not end in time and was left behind")]
    Lost,
}

/// Returned values that are looked at.
const MOST_RETURNED: usize = 16;

pub(super) type Globals = Vec<(&'static str, Value)>;

pub(super) struct State {
    lua: Lua,
    pub meter: Arc<Meter>,
    pub limits: Limits,
    pub output: Output,
    pub message: Current,
}

impl State {
    /// With no script in it yet.
    pub fn fresh(limits: &Limits, output: &Output, library: &Library) -> mlua::Result<State> {
        let meter = Arc::new(Meter::default());
        let lua = sandbox::fresh(limits, &meter, output, library)?;
        let message = Current::default();
        let table = message::library(&lua)?;
        message::install(&lua, &table, &message)?;
        http::install(&lua, &library.mailboxes.config, &meter)?;
        manage::install(&lua, &table, &library.mailboxes, &meter)?;
        Ok(State { lua, meter, limits: limits.clone(), output: output.clone(), message })
    }

    /// Sets variables, then runs the script.
    pub fn load(&self, name: &str, code: &[u8], globals: Globals) -> Result<(), CallError> {
        let load = || {
            self.set(globals)?;
            let chunk = self.lua.load(code).set_mode(mlua::chunk::ChunkMode::Binary).set_name(format!("@{name}"));
            chunk.call::<()>(())
        };
        load().map_err(failed)
    }

    /// One bit for each of these functions that the script has, in their order.
    pub fn defined(&self, functions: &[&Function]) -> u64 {
        let globals = self.lua.globals();
        let has = |name| globals.raw_get::<mlua::Value>(name).is_ok_and(|value| value.is_function());
        let bit = |(place, function): (usize, &&Function)| u64::from(has(function.name)) << place;
        functions.iter().enumerate().map(bit).sum()
    }

    pub fn call(&self, function: &str, arguments: Vec<Value>, globals: Globals) -> Result<Vec<Value>, CallError> {
        let call = || {
            self.set(globals)?;
            let mlua::Value::Function(function) = self.lua.globals().raw_get(function)? else { return Ok(None) };
            let arguments = arguments.into_iter().map(|argument| argument.into_lua(&self.lua));
            let arguments: MultiValue = arguments.collect::<mlua::Result<_>>()?;
            let returned: MultiValue = function.call(arguments)?;
            let read = returned.iter().take(MOST_RETURNED).map(|value| Value::from_lua(value, self.limits.memory));
            read.collect::<mlua::Result<Vec<Value>>>().map(Some)
        };
        call().map_err(failed)?.ok_or_else(|| CallError::Absent(function.into()))
    }

    pub fn globals(&self, names: &[&'static str]) -> Result<Vec<(&'static str, Value)>, CallError> {
        let globals = self.lua.globals();
        let read = |name: &&'static str| {
            let value = globals.raw_get::<mlua::Value>(*name)?;
            Ok((*name, Value::from_lua(&value, self.limits.memory)?))
        };
        names.iter().map(read).collect::<mlua::Result<_>>().map_err(failed)
    }

    /// Global functions that come from scripts, by name.
    pub fn functions(&self) -> Vec<Defined> {
        let mut functions = Vec::new();
        let look = |name: mlua::Value, value: mlua::Value| {
            if let (mlua::Value::String(name), mlua::Value::Function(function)) = (name, value) {
                let info = function.info();
                if info.source.is_some_and(|source| source.starts_with('@')) {
                    functions.push(Defined {
                        name: name.to_string_lossy(),
                        arguments: usize::from(info.num_params),
                        any: info.is_vararg,
                        line: info.line_defined.unwrap_or_default(),
                    });
                }
            }
            Ok(())
        };
        let _ = self.lua.globals().for_each(look);
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        functions
    }

    fn set(&self, globals: Globals) -> mlua::Result<()> {
        let table = self.lua.globals();
        globals.into_iter().try_for_each(|(name, value)| table.raw_set(name, value.into_lua(&self.lua)?))
    }
}

/// What went wrong, in the words of Lua, bounded.
fn failed(error: mlua::Error) -> CallError {
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(8 * 1024));
    CallError::Failed(text)
}
