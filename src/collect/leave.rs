//! Messages that are not downloaded: what stays behind of them here, and who is told (spec connectors-and-smtp §4.3, §4.8).

use mail_parser::{HeaderName, MessageParser};

use super::job::Job;
use super::recipients::Recipients;
use crate::net::now_ms;
use crate::store::{AtProvider, Change, NotDownloaded, Task, TaskKind};

/// A question is answered in vain when its message was first seen longer ago, milliseconds.
pub(super) const ANSWERABLE: i64 = 14 * 86_400_000;
/// Longest text of a header line in a notice, characters.
const SHOWN: usize = 300;

/// A message whose header is known.
pub(super) struct Header<'a> {
    pub size: Option<u64>,
    pub block: &'a [u8],
}

/// Who is told about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Those it is for; the main administrator where that is nobody.
    pub intended: bool,
    pub others: Vec<String>,
}

/// Asks whether `key` is to be downloaded. `None` without random numbers; then it is asked about in the next run.
pub(super) fn ask(job: &Job, key: &str, header: &Header, told: &Told, rule: Option<&str>) -> Option<[Change; 2]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let question = u128::from_be_bytes(bytes);
    let hold = Change::HoldMessage {
        collector: job.collector.id,
        uid: key.to_string(),
        at: now_ms(),
        question: Some(question),
    };
    let what = NotDownloaded::Asked { question, rule: rule.map(String::from) };
    Some([hold, tell(job, header, told, what)])
}

/// Says that the message is deleted.
pub(super) fn warn(job: &Job, header: &Header, told: &Told, rule: &str) -> Change {
    tell(job, header, told, NotDownloaded::Deleted { rule: rule.to_string() })
}

fn tell(job: &Job, header: &Header, told: &Told, what: NotDownloaded) -> Change {
    let mut to = if told.intended { Recipients::of(job, header.block).names(job) } else { Vec::new() };
    to.extend(told.others.iter().cloned());
    let kind = TaskKind::NotDownloaded { collector: job.collector.id, to, about: about(header), what };
    Change::AddTask(Task { id: job.services.intake.store.task_id(), created_at: now_ms(), kind })
}

fn about(header: &Header) -> AtProvider {
    let mut about = AtProvider { size: header.size, ..AtProvider::default() };
    let parser = MessageParser::new()
        .header_text(HeaderName::Subject)
        .header_address(HeaderName::From)
        .header_address(HeaderName::To)
        .header_raw(HeaderName::Date)
        .default_header_ignore();
    let Some(message) = parser.parse_headers(header.block) else { return about };
    about.subject = shown(message.subject().unwrap_or_default());
    about.date = shown(message.header_raw(HeaderName::Date).unwrap_or_default());
    for (name, field) in [(HeaderName::From, &mut about.from), (HeaderName::To, &mut about.to)] {
        let list = message.header(name).and_then(|value| value.as_address());
        let entries = list.into_iter().flat_map(|list| list.iter()).take(20).map(|entry| {
            match (entry.name(), entry.address().unwrap_or_default()) {
                (Some(name), address) => format!("{name} <{address}>"),
                (None, address) => address.to_string(),
            }
        });
        *field = shown(&entries.collect::<Vec<_>>().join(", "));
    }
    about
}

fn shown(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_what_the_message_is() {
        let block = b"From: =?utf-8?q?J=C3=BCrgen?= <j@far.example>\r\nTo: a@x.example, B <b@x.example>\r\n\
            Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sun, 22 Nov 2026 09:00:00 +0100\r\n\r\n";
        let about = about(&Header { size: Some(7), block });
        assert_eq!(about.from, "J\u{fc}rgen <j@far.example>");
        assert_eq!(about.to, "a@x.example, B <b@x.example>");
        assert_eq!(about.subject, "Gr\u{fc}\u{df}e");
        assert_eq!((about.date.as_str(), about.size), ("Sun, 22 Nov 2026 09:00:00 +0100", Some(7)));
    }
}
