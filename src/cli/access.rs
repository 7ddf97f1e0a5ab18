//! `access` and `block`: who may use a service, and who is kept out.

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::config::read_file;
use crate::net::now_ms;
use crate::web::encoded;

use super::arguments::{Arguments, Usage};
use super::commands::{shown, shown_with, stored};
use super::show::{list, number, span, text};

pub(super) fn access(given: &Arguments, words: &[&str]) -> anyhow::Result<()> {
    let (service, file) = match words {
        ["import", service, file] => (service, file),
        ["lan", service] => return stored(given, "POST", &format!("access/{}/lan", encoded(service)), b""),
        _ => return Err(Usage("access import SERVICE FILE, access lan SERVICE".into()).into()),
    };
    let path = Path::new(file);
    let text = read_file(path).with_context(|| path.display().to_string())?;
    let imported = stored(given, "PUT", &format!("access/{}", encoded(service)), text.as_bytes());
    imported.with_context(|| path.display().to_string())
}

pub(super) fn block(given: &Arguments, words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["list"] => shown(given, "GET", "blocks", blocks),
        ["events"] => shown(given, "GET", "events", events),
        ["add", network, minutes] => {
            let minutes: u32 = minutes.parse().map_err(|_| Usage(format!("{minutes} is not a number of minutes")))?;
            let body = json!({ "network": network, "minutes": minutes }).to_string();
            shown_with(given, "POST", "blocks", body.as_bytes(), |_| String::new())
        }
        ["remove", network] => shown(given, "DELETE", &format!("blocks/{}", encoded(network)), |_| String::new()),
        _ => Err(Usage("block list, block events, block add NETWORK MINUTES, block remove NETWORK".into()).into()),
    }
}

fn blocks(answer: &Value) -> String {
    let now = now_ms();
    let line = |row: &Value| {
        let left = span(number(row, "until") - now);
        format!("{}  {left} left  {}\n", text(row, "network"), text(row, "reason"))
    };
    let all: String = list(answer, "blocks").iter().map(line).collect();
    if all.is_empty() { "nobody is kept out\n".into() } else { all }
}

fn events(answer: &Value) -> String {
    let now = now_ms();
    let line = |row: &Value| {
        let ago = span(now - number(row, "time"));
        format!("{ago} ago  {}  {}  {}\n", text(row, "address"), text(row, "name"), text(row, "data"))
    };
    list(answer, "log").iter().map(line).collect()
}
