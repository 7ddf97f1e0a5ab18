//! `mapping …` and `lan …`: where addresses lead.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::web::encoded;

use super::arguments::{Arguments, Usage};
use super::commands::{read, shown, shown_with, stored};

pub fn mapping(given: &Arguments, rest: &[&str]) -> anyhow::Result<()> {
    match rest {
        ["list"] => shown(given, "GET", "mappings", list),
        ["add", address, target] => {
            let kind = given.text("type")?.unwrap_or_else(|| "all".into());
            let comment = given.text("comment")?.unwrap_or_default();
            let body = json!({ "address": address, "target": target, "type": kind, "comment": comment });
            stored(given, "POST", "mappings", body.to_string().as_bytes())
        }
        ["remove", address] => stored(given, "DELETE", &format!("mappings?address={}", encoded(address)), b""),
        ["remove", address, target] => {
            let path = format!("mappings?address={}&target={}", encoded(address), encoded(target));
            stored(given, "DELETE", &path, b"")
        }
        ["import", file] => {
            let text = read(Path::new(file))?;
            shown_with(given, "POST", "mappings/import", text.as_bytes(), |answer| {
                format!("{} added\n", answer.get("added").and_then(Value::as_u64).unwrap_or(0))
            })
        }
        ["test", address] => shown(given, "GET", &format!("route?address={}", encoded(address)), ways),
        _ => Err(Usage(format!("mapping {} is not a whole command", rest.join(" "))).into()),
    }
}

pub fn lan(given: &Arguments, rest: &[&str]) -> anyhow::Result<()> {
    match rest {
        ["export-rules"] => {
            let server = given.text("server")?.map(|server| format!("?server={}", encoded(&server)));
            let path = format!("lan/rules{}", server.unwrap_or_default());
            shown(given, "GET", &path, |answer| text(answer, "toml").to_string())
        }
        _ => Err(Usage(format!("lan {} is not a whole command", rest.join(" "))).into()),
    }
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list(answer: &Value) -> String {
    let mut out = String::new();
    for mapping in answer.get("mappings").and_then(Value::as_array).into_iter().flatten() {
        let kind = Some(text(mapping, "type")).filter(|kind| *kind != "all");
        let notes = [kind.unwrap_or_default(), text(mapping, "comment")].join("  ");
        let line = format!("{} → {}  {notes}", text(mapping, "address"), text(mapping, "target"));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if out.is_empty() { "none yet: pillarbox mapping add ADDRESS TARGET\n".into() } else { out }
}

/// The three ways of a recipient, in words.
fn ways(answer: &Value) -> String {
    let mut out = String::new();
    let headings = [("local", "mail of the office"), ("smtp", "mail from outside"), ("pop3", "collected mail")];
    for (way, heading) in headings {
        let Some(way) = answer.get(way) else { continue };
        if out.is_empty() {
            let _ = writeln!(out, "{}", text(way, "address"));
        }
        let to: Vec<&str> =
            way.get("to").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let to = if to.is_empty() { "not taken".to_string() } else { to.join(", ") };
        let _ = writeln!(out, "  {heading}: {to}\n      {}", text(way, "why"));
    }
    out
}
