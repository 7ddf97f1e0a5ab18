//! `config`: the settings as a file, checked, printed, put in force; pages back at their defaults.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::config::Config;
use crate::web::encoded;
use crate::web::settings::SettingsError;

use super::arguments::{Arguments, Usage};
use super::client::Client;
use super::commands::{read, restart_note, shown, stored};
use super::print;
use super::show::{list, text};

pub(super) fn config(given: &Arguments, words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["check", file] => check(Path::new(file)),
        ["export"] => export(given),
        ["import", file] => import(given, Path::new(file)),
        ["restore-defaults", page] => restore_defaults(given, page),
        _ => {
            Err(Usage("config check FILE, export, import FILE, restore-defaults PAGE are what there is".into()).into())
        }
    }
}

/// Against the settings of a new box: nothing else is needed to check a file.
fn check(file: &Path) -> anyhow::Result<()> {
    Config::fresh()
        .from_toml(&read(file)?)
        .map_err(SettingsError::Wrong)
        .with_context(|| file.display().to_string())?;
    print(&format!("{}: good\n", file.display()))
}

fn export(given: &Arguments) -> anyhow::Result<()> {
    if given.json {
        return shown(given, "GET", "config", Value::to_string);
    }
    let path = if given.has("secrets") { "config/file?secrets=yes" } else { "config/file" };
    shown(given, "GET", path, |answer| answer.get("toml").and_then(Value::as_str).unwrap_or_default().into())
}

fn import(given: &Arguments, file: &Path) -> anyhow::Result<()> {
    let text = read(file)?;
    stored(given, "PUT", "config/file", text.as_bytes()).with_context(|| file.display().to_string())
}

fn restore_defaults(given: &Arguments, page: &str) -> anyhow::Result<()> {
    let answer =
        Client::connect(&given.data(), true)?.call("POST", &format!("config/{}/defaults", encoded(page)), b"")?;
    if given.json {
        return print(&format!("{answer}\n"));
    }
    let line = |row: &Value| {
        let value = |field| row.get(field).map(Value::to_string).unwrap_or_default();
        format!("{}: {} → {}\n", text(row, "setting"), value("before"), value("after"))
    };
    let changed: String = list(&answer, "changed").iter().map(line).collect();
    let changed = if changed.is_empty() { "all is at its default already\n".into() } else { changed };
    print(&(changed + &restart_note(&answer)))
}
