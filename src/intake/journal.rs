//! The journal rows of a mail that has come in.

use super::Source;
use super::copies::Copy;
use crate::config::Config;
use crate::mail::{Address, Recipient};
use crate::store::{JournalRow, MailId};

/// Longest list of addresses in a row, bytes.
const MAX_LIST: usize = 500;

/// What a row says of the mail as a whole.
pub(super) struct Arrival<'a> {
    pub source: &'a Source,
    pub mail: MailId,
    /// Unix milliseconds.
    pub at: i64,
    pub return_path: Option<&'a Address>,
    pub size: u64,
}

/// One row for the arrival, one for the mailboxes it went to, one for recipients whose copy is thrown away, if there are any.
pub(super) fn rows(
    config: &Config,
    arrival: &Arrival,
    copies: &[Copy],
    recipients: &[Recipient],
    thrown_away: &[Address],
) -> impl Iterator<Item = JournalRow> + use<> {
    let local = copies.iter().flat_map(|copy| &copy.originals);
    let out = recipients.iter().map(|recipient| &recipient.address);
    let to = list(local.chain(out).chain(thrown_away).map(Address::as_str));
    let (event, detail) = describe(arrival);
    let arrived = row(arrival, event, to, detail);
    let name = |copy: &Copy| config.user(copy.user).map_or("?", |user| &user.name);
    let delivered =
        (!copies.is_empty()).then(|| row(arrival, "delivered", list(copies.iter().map(name)), String::new()));
    let discarded = (!thrown_away.is_empty()).then(|| {
        let to = list(thrown_away.iter().map(Address::as_str));
        row(arrival, "discarded", to, "mapped to No-one, or from outside and mapped to *REMOTE".into())
    });
    [Some(arrived), delivered, discarded].into_iter().flatten()
}

fn row(arrival: &Arrival, event: &str, to: String, detail: String) -> JournalRow {
    let from = arrival.return_path.map_or(String::new(), Address::to_string);
    JournalRow { at: arrival.at, mail: Some(arrival.mail), event: event.into(), from, to, detail }
}

fn describe(arrival: &Arrival) -> (&'static str, String) {
    let size = arrival.size;
    match arrival.source {
        Source::Smtp { client, auth_user: Some(user), with, .. } => {
            ("accepted", format!("{size} bytes from {client}, user {user}, {with}"))
        }
        Source::Smtp { client, with, .. } => ("accepted", format!("{size} bytes from {client}, {with}")),
        Source::Collector { name, .. } => ("collected", format!("{size} bytes by {name}")),
        Source::Own => ("notified", format!("{size} bytes")),
    }
}

/// As many as fit, and the number of the others.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut left_out = 0;
    for name in names {
        if text.len() + name.len() > MAX_LIST {
            left_out += 1;
            continue;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    if left_out > 0 {
        text.push_str(&format!(" and {left_out} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let names = vec!["somebody@office.example"; 100];
        let text = list(names.iter().copied());
        assert!(text.len() < MAX_LIST + 60, "{}", text.len());
        assert!(text.ends_with("and 81 more") || text.contains(" more"), "{text}");
        assert_eq!(list(["a", "b"].into_iter()), "a, b");
    }
}
