//! A fresh Lua state as scripts find it: the standard library without what could break the limits, with what scripts for
//! Lua 5.2 and older use. `prelude.lua` does what Lua can do itself; the rest is here.
//!
//! What is closed, and how: an error that ends a call cannot be caught (`pcall`, `xpcall`, `coroutine.resume` and `close`
//! raise it again); string patterns are matched by [`pattern`], which has a clock; finalizers and `__close` are refused; functions that
//! loop inside of C are bounded; only text is loaded; `debug` and `package` are not there, `io` and most of `os` only where
//! scripts may use files and programs.

pub mod pattern;
mod strings;

use std::sync::{Arc, LazyLock};

use mlua::{HookTriggers, Lua, LuaOptions, StdLib, VmState};

use super::library::Library;
use super::limits::{Limits, Meter};
use super::output::Output;

/// Instructions between two looks at the clock.
const INSTRUCTIONS: u32 = 1000;

const PRELUDE: &str = include_str!("prelude.lua");

/// The prelude, compiled once.
static COMPILED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let compiled = Lua::new().load(PRELUDE).set_name("=prelude").into_function().map(|function| function.dump(false));
    compiled.unwrap_or_else(|error| {
        log::error!("hooks: {error}");
        Vec::new()
    })
});

/// The text of a stored script by its name, and the name it is stored under.
pub type Find = Arc<dyn Fn(&str) -> Option<(Arc<str>, String)> + Send + Sync>;

/// A state with its clock running in it.
pub(super) fn fresh(limits: &Limits, meter: &Arc<Meter>, output: &Output, library: &Library) -> mlua::Result<Lua> {
    let mut libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::UTF8 | StdLib::COROUTINE | StdLib::OS;
    if limits.files {
        libraries |= StdLib::IO;
    }
    let lua = Lua::new_with(libraries, LuaOptions::default())?;
    let clock = meter.clone();
    let ended = move || {
        clock.told_to_end();
        mlua::Error::runtime("the script has taken too long and was ended")
    };
    let (clock, end) = (meter.clone(), ended.clone());
    let triggers = HookTriggers::new().every_nth_instruction(INSTRUCTIONS);
    lua.set_global_hook(triggers, move |_, _| if clock.is_over() { Err(end()) } else { Ok(VmState::Continue) })?;
    strings::install(&lua, &lua.globals().get("string")?, meter)?;
    let clock = meter.clone();
    let over = lua.create_function(move |_, ()| Ok(clock.is_over()))?;
    let stop = lua.create_function(move |_, ()| Err::<(), _>(ended()))?;
    let printed = output.clone();
    let out = lua.create_function(move |_, line: mlua::LuaString| {
        printed.line(&line.to_string_lossy());
        Ok(())
    })?;
    let find = library.find.clone();
    let find = lua.create_function(move |lua, name: String| match find(&name) {
        Some((text, name)) => Ok((Some(lua.create_string(&*text)?), Some(name))),
        None => Ok((None, None)),
    })?;
    let prelude = lua.load(COMPILED.as_slice()).set_mode(mlua::chunk::ChunkMode::Binary).set_name("=prelude");
    prelude.call::<()>((over, stop, out, find, limits.files))?;
    super::library::install(&lua, library, meter, output)?;
    lua.set_memory_limit(limits.memory)?;
    Ok(lua)
}
