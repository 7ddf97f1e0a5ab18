//! `connection`: what runs when, and by hand.

use std::fmt::Write;

use serde_json::Value;

use crate::net::now_ms;
use crate::web::encoded;

use super::arguments::{Arguments, Usage};
use super::commands::shown;
use super::show::{flag, list, run_times, text};

pub(super) fn connection(given: &Arguments, words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["list"] => shown(given, "GET", "connections", connections),
        ["start"] => shown(given, "POST", "connections/start", started),
        ["start", name] => shown(given, "POST", &format!("connections/{}/start", encoded(name)), started),
        [action @ ("pause" | "resume")] => shown(given, "POST", &format!("schedule/{action}"), paused),
        [action @ ("pause" | "resume"), name] => {
            shown(given, "POST", &format!("connections/{}/{action}", encoded(name)), paused)
        }
        _ => Err(Usage("connection list, connection start|pause|resume [NAME] are what there is".into()).into()),
    }
}

fn connections(answer: &Value) -> String {
    let now = now_ms();
    let mut out = String::new();
    for row in list(answer, "connections") {
        let _ = writeln!(out, "{}: {}", text(row, "name"), text(row, "state"));
        let _ = writeln!(out, "    {}", run_times(row, now));
        let names: Vec<&str> = list(row, "collectors").iter().filter_map(Value::as_str).collect();
        let sends = if flag(row, "sender") { "sends" } else { "sends nothing" };
        let collects =
            if names.is_empty() { "collects nothing".into() } else { format!("collects {}", names.join(", ")) };
        let default = if flag(row, "default") { ", a default Connection" } else { "" };
        let _ = writeln!(out, "    {sends}, {collects}{default}");
    }
    if out.is_empty() {
        return "there is no Connection yet\n".into();
    }
    if let Some(schedule) = answer.get("schedule") {
        let _ = writeln!(out, "The schedule: {}", text(schedule, "state"));
    }
    out
}

fn started(answer: &Value) -> String {
    list(answer, "started").iter().filter_map(Value::as_str).map(|name| format!("{name} starts\n")).collect()
}

fn paused(answer: &Value) -> String {
    match flag(answer, "by_file") {
        true => "the file CONNECT.PAUSE in the data directory still pauses the schedule; remove it\n".into(),
        false => String::new(),
    }
}
