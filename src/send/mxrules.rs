//! `mxserverrules.lua`: which mail servers of a domain are used (spec lua-hooks §2). Without the script, and where it fails
//! or says nothing, those of DNS.

use std::time::Duration;

use crate::hooks::scripts::mx_server_rules::{CheckServer, FinalOverrides, GetCheckCache, GetOverrides};
use crate::hooks::scripts::mxout::ConnectionGlobals;
use crate::hooks::{Instance, Script, Value};

use super::Shared;
use super::lane::{Failed, Lane};
use super::mx;
use super::schedule;

/// Servers that a script may name.
const SERVERS: usize = 50;
/// Longest time a script may hold a message for, minutes: a week.
const LONGEST_HOLD: f64 = 7.0 * 24.0 * 60.0;

/// What the script is asked about: the mail that is to go first.
#[derive(Clone)]
struct About {
    domain: String,
    tries: i64,
    size: i64,
}

/// Names or addresses of the servers in the order they are to be asked, at least one.
pub async fn servers(shared: &Shared, lane: &Lane, domain: &str) -> Result<Vec<String>, Failed> {
    let line = &lane.line;
    let resolver = line.resolver.as_ref().unwrap_or(&shared.resolver);
    if !shared.hooks.has(Script::MxServerRules) {
        return mx::find(resolver, domain, &line.own_names).await;
    }
    let globals = ConnectionGlobals { id: Some(line.id.into()), name: Some(line.name.clone()) };
    let Some(mut script) = shared.hooks.open(Script::MxServerRules, None, globals).await else {
        return mx::find(resolver, domain, &line.own_names).await;
    };
    let first = lane.first();
    let about = About {
        domain: domain.to_string(),
        tries: first.as_ref().map_or(0, |entry| entry.tries().into()),
        size: first.as_ref().map_or(0, |entry| i64::try_from(entry.size).unwrap_or(i64::MAX)),
    };
    let About { domain, tries, size } = about.clone();
    let cached = script.call(GetCheckCache { domain, num_retries: tries, message_size: size }).await.check_cache;
    if cached == Some(false) {
        resolver.forget_mx(&about.domain);
    }
    let found = overrides(&mut script, &about).await?;
    let found = match found {
        Some(servers) => servers,
        None => mx::find(resolver, &about.domain, &line.own_names).await?,
    };
    let (usable, minutes) = checked(&mut script, &about, found).await;
    let About { domain, tries, size } = about.clone();
    let last = FinalOverrides { domain, num_retries: tries, message_size: size, servers: usable.clone() };
    let usable = match script.call(last).await.servers {
        Some(servers) => named(servers),
        None => usable,
    };
    if !usable.is_empty() {
        return Ok(usable);
    }
    let until = minutes.map(|minutes| format!(" for {minutes} minutes")).unwrap_or_default();
    let reason = format!("Kept in the queue{until}: mxserverrules.lua allows no server of {}", about.domain);
    let wanted = minutes.map(|minutes| (60_000.0 * minutes.clamp(0.0, LONGEST_HOLD)) as i64);
    // What is held for longer is asked about again.
    let hold = wanted.unwrap_or_else(|| schedule::first_step(&line.sender)).min(schedule::furthest(&line.sender));
    let hold = Duration::from_millis(u64::try_from(hold).unwrap_or(0));
    Err(Failed { reason: reason.into(), permanent: false, hold: Some(hold) })
}

/// `None`: those of DNS.
async fn overrides(script: &mut Instance, about: &About) -> Result<Option<Vec<String>>, Failed> {
    let About { domain, tries, size } = about.clone();
    let back = script.call(GetOverrides { domain, num_retries: tries, message_size: size }).await;
    if back.carry_on == Some(false) {
        let reason = format!("550 5.4.4 {} has no mail server, says mxserverrules.lua", about.domain);
        return Err(Failed { reason: reason.into(), permanent: true, hold: None });
    }
    Ok(back.servers.map(named).filter(|servers| !servers.is_empty()))
}

/// The servers that may be used, and for how many minutes the mail is to be held if none may.
async fn checked(script: &mut Instance, about: &About, found: Vec<String>) -> (Vec<String>, Option<f64>) {
    if !script.defines::<CheckServer>() {
        return (found, None);
    }
    let (mut usable, mut minutes) = (Vec::new(), None::<f64>);
    for server in found.into_iter().take(SERVERS) {
        let About { domain, tries, size } = about.clone();
        let check = CheckServer {
            domain,
            mx_server: server.clone(),
            num_retries: tries,
            message_size: size,
            default_result: true,
        };
        let back = script.call(check).await;
        if back.usable.unwrap_or(true) {
            usable.push(server);
        }
        let named = back.hold_minutes.filter(|named| *named > 0.0);
        minutes = minutes.into_iter().chain(named).reduce(f64::max);
    }
    (usable, minutes)
}

/// A list in order, or a table from preference to server or from server to preference.
fn named(servers: Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Bytes(bytes) => String::from_utf8(bytes.clone()).ok().map(|text| text.trim().to_string()),
        _ => None,
    };
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
        _ => None,
    };
    let mut found: Vec<(f64, String)> = match &servers {
        Value::List(list) => (0u32..).zip(list).filter_map(|(place, one)| Some((place.into(), text(one)?))).collect(),
        Value::Table(pairs) => {
            let pair = |(key, value): &(Value, Value)| match (number(key), text(value), number(value), text(key)) {
                (Some(preference), Some(server), ..) | (_, _, Some(preference), Some(server)) => {
                    Some((preference, server))
                }
                _ => None,
            };
            pairs.iter().filter_map(pair).collect()
        }
        other => text(other).map(|server| (0.0, server)).into_iter().collect(),
    };
    found.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let good = |server: &String| !server.is_empty() && server.len() <= 255 && !server.contains(char::is_whitespace);
    found.into_iter().map(|(_, server)| server).filter(good).take(SERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_in_all_their_forms() {
        let (a, b) = (|| Value::text("a.example"), || Value::text("b.example"));
        let expected = ["a.example", "b.example"];
        assert_eq!(named(Value::List(vec![a(), b()])), expected);
        assert_eq!(named(Value::Table(vec![(Value::Integer(20), b()), (Value::Integer(10), a())])), expected);
        assert_eq!(named(Value::Table(vec![(b(), Value::Number(20.0)), (a(), Value::text("10"))])), expected);
        assert_eq!(named(a()), ["a.example"]);
        for nothing in [Value::Nil, Value::List(Vec::new()), Value::Bool(true), Value::text(" "), Value::text("a b")] {
            assert_eq!(named(nothing), [""; 0]);
        }
    }
}
