//! `pillarbox hooks …`: scripts of the administrator.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::web::encoded;

use super::arguments::{Arguments, Usage};
use super::client::Client;
use super::commands::{shown, shown_with};
use super::print;

pub fn hooks(given: &Arguments, words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["list"] => shown(given, "GET", "hooks", list),
        ["scripts"] => shown(given, "GET", "hooks/scripts", scripts),
        ["show", name] => shown(given, "GET", &path(name), |answer| text(answer, "text").into()),
        ["save", name, file] => save(given, name, Path::new(file)),
        ["remove", name] => shown(given, "DELETE", &path(name), |_| String::new()),
        ["import", dir] => import(given, Path::new(dir)),
        ["export", dir] => export(given, Path::new(dir)),
        ["check", file] => check(given, Path::new(file)),
        ["run", script] => run(given, script, ""),
        ["run", script, function] => run(given, script, function),
        _ => Err(Usage(format!("hooks {} is not a whole command", words.join(" "))).into()),
    }
}

fn path(name: &str) -> String {
    format!("hooks/scripts/{}", encoded(name))
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn items<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is(of: &Value, name: &str) -> bool {
    of.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn ask(given: &Arguments, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Value> {
    Client::connect(&given.data(), true)?.call(method, path, body)
}

fn list(answer: &Value) -> String {
    let mut out = String::new();
    for hook in items(answer, "hooks") {
        let _ = writeln!(out, "{}{}", text(hook, "script"), if is(hook, "stored") { "  (stored)" } else { "" });
        for function in items(hook, "functions") {
            let arguments: Vec<&str> = items(function, "arguments").iter().filter_map(Value::as_str).collect();
            let later = if is(function, "later") { "  (later)" } else { "" };
            let _ = writeln!(out, "  {}({}){later}", text(function, "name"), arguments.join(", "));
        }
    }
    out
}

fn scripts(answer: &Value) -> String {
    let mut out = String::new();
    for script in items(answer, "scripts") {
        let bytes = script.get("bytes").and_then(Value::as_u64).unwrap_or_default();
        let state = match (text(script, "mistake"), is(script, "off"), is(script, "called")) {
            ("", true, _) => "switched off until it is saved again",
            ("", false, true) => "",
            ("", false, false) => "not called by itself",
            (mistake, ..) => mistake,
        };
        let _ = writeln!(out, "{:<32} {bytes:>8} bytes  {state}", text(script, "name"));
    }
    out
}

fn lines(answer: &Value, name: &str) -> String {
    items(answer, name).iter().filter_map(Value::as_str).map(|line| format!("{line}\n")).collect()
}

fn save(given: &Arguments, name: &str, file: &Path) -> anyhow::Result<()> {
    let body = fs::read(file).with_context(|| file.display().to_string())?;
    shown_with(given, "PUT", &path(name), &body, |answer| lines(answer, "doubts"))
}

/// All `*.lua` of a folder, and of its subfolders as those of users.
fn import(given: &Arguments, dir: &Path) -> anyhow::Result<()> {
    let mut files = scripts_in(dir)?;
    for user in folders_in(dir)? {
        files.extend(scripts_in(&user)?);
    }
    if files.is_empty() {
        bail!("there is no *.lua in {}", dir.display());
    }
    let mut failed = 0;
    for file in &files {
        let name = file.strip_prefix(dir).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let body = fs::read(file).with_context(|| file.display().to_string())?;
        match ask(given, "PUT", &path(&name), &body) {
            Ok(answer) => print(&format!("{name}: saved\n{}", lines(&answer, "doubts")))?,
            Err(error) => {
                failed += 1;
                print(&format!("{name}: not saved: {error}\n"))?;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} scripts could not be saved", files.len());
    }
    Ok(())
}

fn scripts_in(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_script = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("lua"));
    let mut files: Vec<PathBuf> = entries(dir)?.into_iter().filter(|path| path.is_file() && is_script(path)).collect();
    files.sort();
    Ok(files)
}

fn folders_in(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = entries(dir)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

fn entries(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn export(given: &Arguments, dir: &Path) -> anyhow::Result<()> {
    let answer = ask(given, "GET", "hooks/scripts", b"")?;
    for script in items(&answer, "scripts") {
        let name = text(script, "name");
        // What is stored has good names; one that leads elsewhere is not written.
        if name.split('/').any(|step| step.is_empty() || step.starts_with('.')) {
            continue;
        }
        let file = dir.join(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let answer = ask(given, "GET", &path(name), b"")?;
        fs::write(&file, text(&answer, "text")).with_context(|| file.display().to_string())?;
        print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

/// Fails where something is found.
fn check(given: &Arguments, file: &Path) -> anyhow::Result<()> {
    let body = fs::read(file).with_context(|| file.display().to_string())?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let answer = ask(given, "POST", &format!("hooks/check/{}", encoded(&name)), &body)?;
    if given.json {
        print(&format!("{answer}\n"))?;
    }
    match lines(&answer, "found") {
        found if found.is_empty() && given.json => Ok(()),
        found if found.is_empty() => print(&format!("{name}: good\n")),
        found => bail!("{}", found.trim_end()),
    }
}

fn run(given: &Arguments, script: &str, function: &str) -> anyhow::Result<()> {
    let mail = match given.path("mail") {
        Some(file) => fs::read(&file).with_context(|| file.display().to_string())?,
        None => Vec::new(),
    };
    // A file in place of a stored script.
    let file = Path::new(script);
    let body = match fs::read(file) {
        Ok(text) => {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            json!({ "script": name, "function": function, "text": text, "mail": STANDARD.encode(mail) })
        }
        Err(_) => json!({ "script": script, "function": function, "mail": STANDARD.encode(mail) }),
    };
    shown_with(given, "POST", "hooks/run", body.to_string().as_bytes(), trial)
}

fn trial(answer: &Value) -> String {
    let mut out = String::new();
    let part = |out: &mut String, title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(out, "{title}:");
            out.extend(lines.iter().map(|line| format!("  {line}\n")));
        }
    };
    let values = |name| {
        let shown = |item: &Value| format!("{} = {}", text(item, "name"), item.get("value").unwrap_or(&Value::Null));
        items(answer, name).iter().map(shown).collect()
    };
    let texts = |name| items(answer, name).iter().filter_map(Value::as_str).map(String::from).collect();
    part(&mut out, "arguments", values("arguments"));
    part(&mut out, "printed", texts("printed"));
    part(&mut out, "returned", values("returned"));
    part(&mut out, "does not fit", texts("misfits"));
    part(&mut out, "effects", texts("effects"));
    part(&mut out, "error", text(answer, "error").lines().map(String::from).collect());
    let _ = writeln!(out, "time: {} µs", answer.get("took").and_then(Value::as_u64).unwrap_or_default());
    out
}
