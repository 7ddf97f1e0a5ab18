//! One collected message: who it is for, what its envelope is, and the commit.
//!
//! Its delivery and the note that it was seen are one commit. The return path is that of the Return-Path line the provider
//! wrote; where there is none, the address of Sender or From, so that a forwarded copy that fails comes back to its writer.

use std::sync::Arc;

use mail_parser::{HeaderName, MessageParser};

use super::job::Job;
use super::plan::{DAY, Orders};
use super::recipients::Recipients;
use super::routing;
use crate::intake::{Draft, MailParams, Refusal};
use crate::mail::{Address, BodyType};
use crate::net::now_ms;
use crate::store::{Change, JournalRow};

/// A message that has come in whole.
pub(super) struct Arrived {
    pub number: u32,
    /// What it is remembered by.
    pub key: String,
    pub size: u64,
    pub eight_bit: bool,
    pub draft: Draft,
    pub orders: Option<Box<Orders>>,
    /// Whom it is for, where that had to be found out before.
    pub recipients: Option<Recipients>,
    /// What its duplicates will be known by.
    pub marks: Vec<String>,
}

/// Commits it. On disk when this returns without a refusal.
pub(super) async fn deliver(job: Arc<Job>, message: Arrived) -> Result<(), Refusal> {
    let Arrived { key, size, eight_bit, draft, orders, recipients, marks, .. } = message;
    let header = draft.header();
    let return_path = return_path(header);
    let recipients = recipients.unwrap_or_else(|| Recipients::of(&job, header));
    let seen = seen(&job, key, orders.as_deref(), marks);
    let (destinations, with) = match orders.and_then(|orders| orders.destinations(&recipients)) {
        Some(destinations) => (destinations, Vec::new()),
        None if recipients.found.is_lost() => routing::error(&job, &recipients, &draft, return_path.as_ref()),
        None => (recipients.found.destinations, Vec::new()),
    };
    let params = MailParams {
        smtputf8: return_path.as_ref().is_some_and(|address| !address.is_ascii()),
        return_path,
        body: if eight_bit { BodyType::EightBitMime } else { BodyType::SevenBit },
        ..MailParams::default()
    };
    if destinations.is_empty() && with.is_empty() {
        // For people elsewhere only, or for nobody on purpose: neither kept nor a mistake.
        let (from, to) = (params.return_path.as_ref().map_or_else(String::new, Address::to_string), String::new());
        let detail = format!("{size} bytes by {}, for nobody here by the mappings", job.collector.name);
        let row = JournalRow { at: now_ms(), mail: None, event: "ignored".into(), from, to, detail };
        let changes = seen.into_iter().chain([Change::Journal(row)]).collect();
        let committed = job.services.intake.store.commit(changes).await;
        return committed.map_err(|error| if error.is_full() { Refusal::NoRoom } else { Refusal::Temporary });
    }
    job.log(|| {
        let from = params.return_path.as_ref().map_or("<>", Address::as_str);
        format!("mail {} of {size} bytes from {from}, {} recipients", draft.mail_id(), destinations.len())
    });
    let has_task = with.iter().any(|change| matches!(change, Change::AddTask(_)));
    draft.finish(params, destinations, seen.into_iter().chain(with).collect()).await?;
    if has_task {
        job.services.intake.signals.task_added();
    }
    Ok(())
}

/// That the message was taken, and is held no longer.
fn seen(job: &Job, key: String, orders: Option<&Orders>, marks: Vec<String>) -> Vec<Change> {
    let (collector, now) = (job.collector.id, now_ms());
    // One to be deleted at once is so also when this session's DELE does not come through.
    let days = if orders.is_some_and(|orders| orders.delete) { i64::from(job.collector.leave_days) } else { 0 };
    let mut changes = Vec::with_capacity(1 + marks.len());
    if orders.is_some_and(|orders| orders.held) {
        changes.push(Change::ReleaseMessages { collector, uids: vec![key.clone()] });
    }
    changes.push(Change::SeenUid { collector, uid: key, at: now - days * DAY });
    changes.extend(marks.into_iter().map(|uid| Change::SeenUid { collector, uid, at: now }));
    changes
}

pub(super) fn return_path(header: &[u8]) -> Option<Address> {
    let parser = MessageParser::new()
        .header_raw(HeaderName::ReturnPath)
        .header_address(HeaderName::Sender)
        .header_address(HeaderName::From)
        .default_header_ignore();
    let message = parser.parse_headers(header)?;
    if let Some(path) = message.header_raw(HeaderName::ReturnPath) {
        let path = path.trim().trim_start_matches('<').trim_end_matches('>');
        match Address::parse(path) {
            Ok(address) => return Some(address),
            // The null return path of a bounce: no answer may go anywhere.
            Err(_) if path.is_empty() => return None,
            Err(_) => {}
        }
    }
    let named = |name: HeaderName<'static>| {
        let list = message.header(name)?.as_address()?;
        Address::parse(list.first()?.address()?).ok()
    };
    named(HeaderName::Sender).or_else(|| named(HeaderName::From))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(header: &str) -> Option<String> {
        return_path(header.as_bytes()).map(|address| address.as_str().to_string())
    }

    #[test]
    fn return_path_of_collected_mail() {
        assert_eq!(path("Return-Path: <a@b.example>\r\nFrom: c@d.example\r\n\r\n").as_deref(), Some("a@b.example"));
        assert_eq!(path("Return-Path: <>\r\nFrom: c@d.example\r\n\r\n"), None);
        assert_eq!(path("From: Carl <c@d.example>\r\nSubject: x\r\n\r\n").as_deref(), Some("c@d.example"));
        assert_eq!(path("From: c@d.example\r\nSender: s@d.example\r\n\r\n").as_deref(), Some("s@d.example"));
        assert_eq!(path("Return-Path: <not an address>\r\nFrom: c@d.example\r\n\r\n").as_deref(), Some("c@d.example"));
        assert_eq!(path("Subject: nobody\r\n\r\n"), None);
        assert_eq!(path(""), None);
    }
}
