//! Answers of the API as text for people.

use std::fmt::Write;

use serde_json::Value;

/// A field as text; control characters (a subject may hold any) do not reach the terminal.
pub(super) fn text(of: &Value, field: &str) -> String {
    let text = of.get(field).and_then(Value::as_str).unwrap_or_default();
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

pub(super) fn number(of: &Value, field: &str) -> i64 {
    of.get(field).and_then(Value::as_i64).unwrap_or_default()
}

pub(super) fn list<'a>(of: &'a Value, field: &str) -> &'a [Value] {
    of.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn flag(of: &Value, field: &str) -> bool {
    of.get(field).and_then(Value::as_bool).unwrap_or_default()
}

pub fn status(status: &Value) -> String {
    let now = number(status, "now");
    let mut out = format!("Pillarbox {} · {}", text(status, "version"), text(status, "host_name"));
    if flag(status, "running") {
        let _ = writeln!(out, " · has run for {}", span(now - number(status, "started_at")));
    } else {
        out.push_str(" · not running\n");
    }
    let rows = list(status, "listening");
    table(&mut out, "Listening", rows, |row| [text(row, "service"), text(row, "address"), text(row, "encryption")]);
    table(&mut out, "Connections", list(status, "connections"), |row| {
        [text(row, "name"), text(row, "state"), run_times(row, now)]
    });
    if let Some(schedule) = status.get("schedule").filter(|schedule| flag(schedule, "paused")) {
        let _ = writeln!(out, "The schedule is {}", text(schedule, "state"));
    }
    table(&mut out, "Collectors", list(status, "collectors"), |row| connector(row, "collected_total", "collected"));
    table(&mut out, "Senders", list(status, "senders"), |row| connector(row, "relayed_total", "relayed"));
    if let Some(queue) = status.get("queue") {
        let _ = write!(out, "Queue: {} waiting", number(queue, "length"));
        match queue.get("next_due").and_then(Value::as_i64) {
            Some(due) if due > now => drop(writeln!(out, ", next try in {}", span(due - now))),
            _ => out.push('\n'),
        }
    }
    if let Some(sessions) = status.get("sessions") {
        let _ = writeln!(out, "Sessions: {} · mails taken: {}", number(sessions, "count"), number(status, "accepted"));
    }
    if let Some(names) = status.get("name_servers").filter(|names| !flag(names, "ok")) {
        let _ = writeln!(out, "Name servers: {}", text(names, "state"));
    }
    if let Some(store) = status.get("store") {
        let _ = write!(out, "Data: {}, {} free", text(status, "data"), size(number(store, "disk_free")));
        out.push_str(if flag(store, "full") { " — FULL, no mail is taken\n" } else { "\n" });
    }
    let problems = list(status, "problems");
    table(&mut out, "Last problems", problems.get(..problems.len().min(10)).unwrap_or_default(), |row| {
        let times = match number(row, "times") {
            0 | 1 => String::new(),
            times => format!(" ({times} times)"),
        };
        [format!("{} ago", span(now - number(row, "at"))), text(row, "place"), text(row, "text") + &times]
    });
    out
}

/// When a Connection ran, and runs next.
pub(super) fn run_times(row: &Value, now: i64) -> String {
    let time = |field| row.get(field).and_then(Value::as_i64);
    let last = time("last_run").map_or("has not run yet".into(), |at| format!("ran {} ago", span(now - at)));
    let next = time("next_run").map_or(String::new(), |at| format!(", next run in {}", span(at - now)));
    last + &next
}

fn connector(row: &Value, count: &str, word: &str) -> [String; 3] {
    [text(row, "name"), text(row, "state"), format!("{} {word}", number(row, count))]
}

pub fn queue(answer: &Value) -> String {
    let mails = list(answer, "mails");
    if mails.is_empty() {
        return "nothing waits\n".into();
    }
    let mut out = String::new();
    for mail in mails {
        queue_row(&mut out, mail, |to| !text(to, "reply").is_empty());
    }
    let more = number(answer, "length") - i64::try_from(mails.len()).unwrap_or(0);
    if more > 0 {
        let _ = writeln!(out, "and {more} more");
    }
    out
}

/// One mail with all its recipients and the latest attempts.
pub fn queued_mail(answer: &Value) -> String {
    let mut out = String::new();
    let now = crate::net::now_ms();
    if let Some(mail) = answer.get("mail") {
        queue_row(&mut out, mail, |_| true);
        let _ = writeln!(out, "    priority {}", number(mail, "priority"));
        if let Some(at) = mail.get("delete_after").and_then(Value::as_i64) {
            let _ = writeln!(out, "    is deleted in {}", span(at - now));
        }
    }
    for attempt in list(answer, "attempts") {
        let ago = span(now - number(attempt, "starttime"));
        let server = or_empty(text(attempt, "server"), "no server");
        let _ = writeln!(out, "    {ago} ago at {server}: {}", text(attempt, "result"));
    }
    out
}

/// A mail, and those of its recipients that are of interest.
fn queue_row(out: &mut String, mail: &Value, of_interest: impl Fn(&Value) -> bool) {
    let now = crate::net::now_ms();
    let to: Vec<String> = list(mail, "to").iter().map(|to| text(to, "address")).collect();
    let mut state = text(mail, "state");
    if state == "held on a timer" {
        state = format!("held for {}", span(number(mail, "held_until") - now));
    }
    let _ = writeln!(
        out,
        "{}  {state}  {} → {}  {}  {} ago  {}",
        text(mail, "id"),
        or_empty(text(mail, "from"), "<>"),
        to.join(", "),
        size(number(mail, "size")),
        span(now - number(mail, "sent")),
        or_empty(text(mail, "subject"), "(no subject)"),
    );
    for to in list(mail, "to").iter().filter(|to| of_interest(to)) {
        let (due, pending) = (number(to, "due") - now, text(to, "state") == "pending");
        let next = match pending {
            true if due > 0 => format!("next try in {}", span(due)),
            true => "due".into(),
            false => text(to, "state"),
        };
        let way = to.get("way").and_then(Value::as_str).map(|way| format!(" by {way}")).unwrap_or_default();
        let reply = or_empty(text(to, "reply"), "not tried yet");
        let _ = writeln!(out, "    {} tried, {next}: {}{way}: {reply}", number(to, "tries"), text(to, "address"));
    }
}

/// One line a server, below it the two names it was asked for.
pub fn name_servers(answer: &Value) -> String {
    let mut out = format!("Name servers: {}\n", text(answer, "state"));
    for server in list(answer, "servers") {
        let origin = if flag(server, "detected") { " (of the system)" } else { "" };
        let _ = writeln!(out, "  {}{origin}: {}", text(server, "address"), text(server, "state"));
        for lookup in ["existing", "missing"].iter().filter_map(|name| server.get(name).filter(|row| row.is_object())) {
            let (name, answer, took) = (text(lookup, "name"), text(lookup, "answer"), number(lookup, "took"));
            let _ = writeln!(out, "    {name}: {answer}, after {took} ms");
        }
    }
    if let Some(at) = answer.get("tested_at").and_then(Value::as_i64) {
        let _ = writeln!(out, "  tested {} ago", span(crate::net::now_ms() - at));
    }
    out
}

pub fn users(answer: &Value) -> String {
    let users = list(answer, "users");
    if users.is_empty() {
        return "nobody yet: pillarbox user add NAME\n".into();
    }
    let mut out = String::new();
    for user in users {
        let aliases: Vec<&str> = list(user, "aliases").iter().filter_map(Value::as_str).collect();
        let mut notes = Vec::new();
        if flag(user, "administrator") {
            notes.push("administrator".to_string());
        }
        if !flag(user, "enabled") {
            notes.push("switched off".to_string());
        }
        if !aliases.is_empty() {
            notes.push(format!("also {}", aliases.join(", ")));
        }
        let line = format!("{}  {}  {}", text(user, "name"), text(user, "full_name"), notes.join("; "));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn or_empty(text: String, empty: &str) -> String {
    if text.is_empty() { empty.to_string() } else { text }
}

/// Rows in columns under a heading; nothing where there are none.
fn table(out: &mut String, heading: &str, rows: &[Value], columns: impl Fn(&Value) -> [String; 3]) {
    if rows.is_empty() {
        return;
    }
    let rows: Vec<[String; 3]> = rows.iter().map(columns).collect();
    let width = |column: fn(&[String; 3]) -> &String| rows.iter().map(|r| column(r).chars().count()).max().unwrap_or(0);
    let (first, second) = (width(|[a, _, _]| a), width(|[_, b, _]| b));
    let _ = writeln!(out, "{heading}:");
    for [a, b, c] in &rows {
        let _ = writeln!(out, "  {a:first$}  {b:second$}  {c}");
    }
}

/// Milliseconds as people say it.
pub(super) fn span(ms: i64) -> String {
    match ms.max(0) / 1000 {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn size(bytes: i64) -> String {
    match bytes {
        ..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{} GiB", bytes / 1_073_741_824),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_subject_cannot_steer_the_terminal() {
        let answer =
            json!({ "length": 1, "mails": [{ "id": "1F", "subject": "\u{1b}[2Jhi", "to": [{ "address": "b@c" }] }] });
        let shown = queue(&answer);
        assert!(shown.contains("\u{fffd}[2Jhi") && !shown.contains('\u{1b}'), "{shown}");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows =
            [json!({ "service": "SMTP", "address": "a:25" }), json!({ "service": "POP3 TLS", "address": "a:995" })];
        let shown = status(&json!({ "version": "1", "host_name": "box", "listening": rows }));
        assert!(shown.contains("  SMTP      a:25 \n") || shown.contains("  SMTP      a:25   \n"), "{shown}");
    }
}
