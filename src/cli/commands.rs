//! One function a command: ask, then show.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::config::read_file;
use crate::gateway::{Options, process};
use crate::store::Store;
use crate::web::encoded;

use super::arguments::{Arguments, Usage};
use super::client::Client;
use super::{
    access, addresses, appliance, config, connections, demo, help, hooks, password, print, rules, run as service, show,
};

pub fn run(given: &Arguments) -> anyhow::Result<()> {
    if given.has("version") {
        return print(concat!("pillarbox ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    if given.has("help") {
        return print(help::HELP);
    }
    let words: Vec<&str> = given.words.iter().map(String::as_str).collect();
    let known: &[&str] = match words.as_slice() {
        ["run"] => &["config", "high-ports", "user", "appliance"],
        ["appliance", "run"] => &["state", "boot", "watchdog"],
        ["appliance", "rescue", ..] => &["log"],
        ["demo"] => &["once"],
        ["config", "export"] => &["secrets"],
        ["queue", "hold", ..] => &["for"],
        ["user", "add", ..] => &["full-name", "alias", "administrator", "password-stdin"],
        ["user", "passwd", ..] => &["password-stdin"],
        ["mapping", "add", ..] => &["type", "comment"],
        ["lan", "export-rules"] => &["server"],
        ["hooks", "run", ..] => &["mail"],
        _ => &[],
    };
    given.only(known)?;
    match words.as_slice() {
        ["run"] => service::run(&Options {
            data: given.data(),
            config: given.path("config"),
            high_ports: given.has("high-ports"),
            user: given.text("user")?,
            appliance: given.has("appliance"),
        }),
        ["appliance", rest @ ..] => appliance::appliance(given, rest),
        ["demo"] => demo::run(given.has("once")),
        ["status"] => shown(given, "GET", "status", show::status),
        ["collect"] => shown(given, "POST", "collect", |_| "collecting\n".into()),
        ["dns"] => shown(given, "GET", "dns", show::name_servers),
        ["dns", "test"] => shown(given, "POST", "dns/test", show::name_servers),
        ["queue", "list"] => shown(given, "GET", "queue?limit=1000", show::queue),
        ["queue", "retry"] => shown(given, "POST", "queue/retry", changed),
        ["queue", "show", mail] => shown(given, "GET", &format!("queue/{}", encoded(mail)), show::queued_mail),
        ["queue", "hold", mail] => {
            let time = given.text("for")?.map(|text| minutes(&text)).transpose()?;
            let query = time.map(|minutes| format!("?for={minutes}")).unwrap_or_default();
            shown(given, "POST", &format!("queue/{}/hold{query}", encoded(mail)), changed)
        }
        ["queue", "priority", mail, number] => {
            shown(given, "POST", &format!("queue/{}/priority/{}", encoded(mail), encoded(number)), changed)
        }
        ["queue", "delete-after", mail, when] => {
            let when = if *when == "never" { "never".to_string() } else { minutes(when)?.to_string() };
            shown(given, "POST", &format!("queue/{}/delete-after/{when}", encoded(mail)), changed)
        }
        ["queue", action @ ("retry" | "release"), mail] => {
            shown(given, "POST", &format!("queue/{}/{action}", encoded(mail)), changed)
        }
        ["queue", "remove", mail] => shown(given, "DELETE", &format!("queue/{}", encoded(mail)), changed),
        ["user", "list"] => shown(given, "GET", "users", show::users),
        ["user", "add", name] => add_user(given, name),
        ["user", "passwd", name] => {
            let password = password::new_password(name, given.has("password-stdin"))?;
            let body = json!({ "password": password.reveal() });
            stored(given, "PUT", &format!("users/{}/password", encoded(name)), body.to_string().as_bytes())
        }
        ["user", "remove", name] => stored(given, "DELETE", &format!("users/{}", encoded(name)), b""),
        ["config", rest @ ..] => config::config(given, rest),
        ["backup", to] => backup(given, Path::new(to)),
        ["restore", from] => restore(given, Path::new(from)),
        ["connection", rest @ ..] => connections::connection(given, rest),
        ["access", rest @ ..] => access::access(given, rest),
        ["rules", rest @ ..] => rules::rules(given, rest),
        ["mapping", rest @ ..] => addresses::mapping(given, rest),
        ["lan", rest @ ..] => addresses::lan(given, rest),
        ["hooks", rest @ ..] => hooks::hooks(given, rest),
        ["block", rest @ ..] => access::block(given, rest),
        [] => Err(Usage("a command is missing".into()).into()),
        ["queue" | "user" | "backup" | "restore", ..] | ["run" | "demo" | "status" | "collect" | "dns", _, ..] => {
            Err(Usage(format!("{} is not a whole command", words.join(" "))).into())
        }
        [word, ..] => Err(Usage(format!("there is no command {word}")).into()),
    }
}

/// Asks, and shows the answer as text or as it is.
pub(super) fn shown(
    given: &Arguments,
    method: &str,
    path: &str,
    text: impl Fn(&Value) -> String,
) -> anyhow::Result<()> {
    shown_with(given, method, path, b"", text)
}

pub(super) fn shown_with(
    given: &Arguments,
    method: &str,
    path: &str,
    body: &[u8],
    text: impl Fn(&Value) -> String,
) -> anyhow::Result<()> {
    let answer = Client::connect(&given.data(), false)?.call(method, path, body)?;
    if given.json { print(&format!("{answer}\n")) } else { print(&text(&answer)) }
}

/// `90`, `90m`, `2h` or `3d`.
fn minutes(text: &str) -> anyhow::Result<u64> {
    let (number, unit) = match text.chars().last() {
        Some('m') => (text.trim_end_matches('m'), 1),
        Some('h') => (text.trim_end_matches('h'), 60),
        Some('d') => (text.trim_end_matches('d'), 24 * 60),
        _ => (text, 1),
    };
    let minutes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|&minutes| minutes > 0);
    minutes.ok_or_else(|| Usage(format!("{text} is no time such as 90m, 2h or 3d")).into())
}

fn changed(answer: &Value) -> String {
    match answer.get("changed").and_then(Value::as_u64) {
        Some(1) => "1 mail\n".into(),
        count => format!("{} mails\n", count.unwrap_or(0)),
    }
}

/// Asks for a change of the configuration.
pub(super) fn stored(given: &Arguments, method: &str, path: &str, body: &[u8]) -> anyhow::Result<()> {
    let answer = Client::connect(&given.data(), true)?.call(method, path, body)?;
    if given.json {
        return print(&format!("{answer}\n"));
    }
    print(&restart_note(&answer))
}

pub(super) fn restart_note(answer: &Value) -> String {
    let restart = answer.get("restart").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let restart: Vec<&str> = restart.iter().filter_map(Value::as_str).collect();
    match restart.as_slice() {
        [] => String::new(),
        parts => format!("stored; takes effect when the program is started again: {}\n", parts.join(", ")),
    }
}

fn add_user(given: &Arguments, name: &str) -> anyhow::Result<()> {
    let password = password::new_password(name, given.has("password-stdin"))?;
    let body = json!({
        "name": name,
        "full_name": given.text("full-name")?.unwrap_or_default(),
        "password": password.reveal(),
        "administrator": given.has("administrator"),
        "aliases": given.texts("alias")?,
    });
    stored(given, "POST", "users", body.to_string().as_bytes())
}

pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    read_file(file).with_context(|| file.display().to_string())
}

/// The running program has another working directory.
fn full(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| path.display().to_string())
}

fn backup(given: &Arguments, to: &Path) -> anyhow::Result<()> {
    let to = full(to)?;
    let answer =
        Client::connect(&given.data(), false)?.call("POST", "backup", json!({ "to": to }).to_string().as_bytes())?;
    if given.json { print(&format!("{answer}\n")) } else { print(&format!("backup in {}\n", to.display())) }
}

fn restore(given: &Arguments, from: &Path) -> anyhow::Result<()> {
    let data = given.data();
    if !from.is_dir() {
        bail!("there is no backup in {}", from.display());
    }
    Store::restore(from, &data)?;
    process::hand_over(&data)?;
    if given.json {
        print(&format!("{}\n", json!({ "restored": data })))
    } else {
        print(&format!("{} is restored\n", data.display()))
    }
}
