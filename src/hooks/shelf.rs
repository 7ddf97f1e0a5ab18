//! The stored scripts, compiled, as one snapshot.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mlua::Lua;

use super::scripts::Script;

/// A script that was left behind so often runs no more until it is saved again.
const STRIKES: u32 = 2;

/// One stored script. A saved script is a new one.
pub struct Stored {
    /// As it was saved: `mxout.lua`, `bob/delivery.lua`.
    pub name: String,
    pub text: Arc<str>,
    /// Compiled; or what is wrong in it.
    code: Result<Vec<u8>, String>,
    strikes: AtomicU32,
}

impl Stored {
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Stored {
        let (name, text) = (name.into(), text.into());
        let code = compile(&name, &text);
        Stored { name, text, code, strikes: AtomicU32::new(0) }
    }

    /// What is wrong in it, if it cannot be read.
    pub fn mistake(&self) -> Option<&str> {
        self.code.as_ref().err().map(String::as_str)
    }

    pub(super) fn code(&self) -> Option<&[u8]> {
        self.code.as_ref().ok().map(Vec::as_slice)
    }

    /// It had to be left behind. `true` when it is switched off by that.
    pub(super) fn strike(&self) -> bool {
        self.strikes.fetch_add(1, Ordering::Relaxed) + 1 == STRIKES
    }

    /// Switched off until it is saved again.
    pub fn is_off(&self) -> bool {
        self.strikes.load(Ordering::Relaxed) >= STRIKES
    }
}

/// Compiles a script's text; the error has name and line.
pub fn compile(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let chunk = Lua::new();
    let chunk = chunk.load(text).set_mode(mlua::chunk::ChunkMode::Text).set_name(format!("@{name}"));
    let function = chunk.into_function().map_err(|error| match error {
        mlua::Error::SyntaxError { message, .. } => message,
        other => other.to_string(),
    })?;
    Ok(function.dump(false))
}

/// All scripts, by name without regard to case.
#[derive(Default)]
pub struct Shelf {
    by_name: HashMap<String, Arc<Stored>>,
}

impl Shelf {
    pub fn new(scripts: impl IntoIterator<Item = Arc<Stored>>) -> Shelf {
        Shelf { by_name: scripts.into_iter().map(|stored| (stored.name.to_lowercase(), stored)).collect() }
    }

    pub fn named(&self, name: &str) -> Option<&Arc<Stored>> {
        self.by_name.get(&name.to_lowercase())
    }

    /// For `require` and `dofile`: with or without its ending.
    pub fn included(&self, name: &str) -> Option<&Arc<Stored>> {
        self.named(name).or_else(|| self.named(&format!("{name}.lua")))
    }

    /// The user's own, else the general one.
    pub fn of(&self, script: Script, user: Option<&str>) -> Option<&Arc<Stored>> {
        let name = script.file_name();
        let own = user.filter(|_| script.declaration().per_user);
        own.and_then(|user| self.named(&format!("{user}/{name}"))).or_else(|| self.named(&name))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.by_name.values()
    }

    /// One bit a script that is there, for anybody.
    pub(super) fn bits(&self) -> u64 {
        let known = self.iter().filter_map(|stored| Script::of_file(&stored.name));
        known.fold(0, |bits, script| bits | script.bit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(names: &[&str]) -> Shelf {
        Shelf::new(names.iter().map(|name| Arc::new(Stored::new(*name, ""))))
    }

    #[test]
    fn names_are_found_in_any_case() {
        let shelf = shelf(&["MXOut.LUA", "common.lua"]);
        assert!(shelf.of(Script::MxOut, None).is_some());
        assert!(shelf.included("Common").is_some() && shelf.included("common.lua").is_some());
        assert_eq!(shelf.bits(), Script::MxOut.bit());
    }

    #[test]
    fn a_user_s_own_comes_first() {
        let shelf = shelf(&["delivery.lua", "bob/Delivery.lua", "bob/mxout.lua"]);
        let name = |script, user| shelf.of(script, user).map(|stored| stored.name.clone());
        assert_eq!(name(Script::Delivery, Some("Bob")).as_deref(), Some("bob/Delivery.lua"));
        assert_eq!(name(Script::Delivery, Some("anna")).as_deref(), Some("delivery.lua"));
        assert_eq!(name(Script::Delivery, None).as_deref(), Some("delivery.lua"));
        assert_eq!(name(Script::MxOut, Some("bob")), None, "not one that users may have");
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let stored = Stored::new("mxout.lua", "x = 1\ny = = 2");
        assert_eq!(stored.mistake(), Some("mxout.lua:2: unexpected symbol near '='"));
    }

    #[test]
    fn two_strikes_switch_it_off() {
        let stored = Stored::new("a.lua", "");
        assert!(!stored.strike() && !stored.is_off());
        assert!(stored.strike() && stored.is_off());
        assert!(!stored.strike());
    }
}
