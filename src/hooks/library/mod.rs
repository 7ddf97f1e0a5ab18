//! The functions that the program adds for scripts: the tables `VPOP3` and `Pillarbox` (spec lua-hooks §23).
//!
//! A function that cannot do what it is asked gives nothing, as in the reference product, and says why in the log.

mod digest;
mod query;
mod sql;

use std::sync::Arc;

use mlua::{Lua, LuaString};

use super::limits::Meter;
use super::manage::Mailboxes;
use super::output::{ERRORS, Output};
use super::sandbox::Find;

/// What library functions work on. Cheap to clone.
#[derive(Clone)]
pub(super) struct Library {
    pub find: Find,
    pub mailboxes: Mailboxes,
}

/// Puts the tables into a fresh state.
pub(super) fn install(lua: &Lua, library: &Library, meter: &Arc<Meter>, output: &Output) -> mlua::Result<()> {
    let vpop3 = lua.create_table()?;
    digest::install(lua, &vpop3)?;
    let (store, clock, said) = (library.mailboxes.store.clone(), meter.clone(), output.clone());
    let query = move |lua: &Lua, text: LuaString| {
        let text = text.to_string_lossy();
        let rows = match store.get() {
            Some(store) => clock.waiting(|left| query::run(store, &text, left)),
            None => Err("there is no data here".into()),
        };
        match rows {
            Ok(rows) => query::table(lua, rows).map(Some),
            Err(why) => {
                said.file_line(ERRORS, &format!("VPOP3.PostgresQuery: {why}: {text}"));
                Ok(None)
            }
        }
    };
    vpop3.raw_set("PostgresQuery", lua.create_function(query)?)?;
    lua.globals().raw_set("VPOP3", vpop3)?;
    let own = lua.create_table()?;
    let said = output.clone();
    let log = move |_: &Lua, text: LuaString| {
        said.log(&text.to_string_lossy());
        Ok(())
    };
    own.raw_set("Log", lua.create_function(log)?)?;
    lua.globals().raw_set("Pillarbox", own)
}
