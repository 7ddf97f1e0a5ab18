//! One collected message: who it is for, what its envelope is, and the commit.
//!
//! Its delivery and the note that it was seen are one commit. The return path is that of the Return-Path line the provider
//! wrote; where there is none, the address of Sender or From, so that a forwarded copy that fails comes back to its writer.

use std::sync::Arc;

use mail_parser::{HeaderName, MessageParser};

use super::job::{Job, Routing};
use crate::intake::{Draft, MailParams, Refusal};
use crate::mail::{Address, BodyType};
use crate::net::now_ms;
use crate::route;
use crate::store::{Change, Task, TaskKind};

/// A message that has come in whole.
pub(super) struct Arrived {
    pub number: u32,
    /// What it is remembered by.
    pub key: String,
    pub size: u64,
    pub eight_bit: bool,
    pub draft: Draft,
}

/// Commits it. On disk when this returns without a refusal.
pub(super) async fn deliver(job: Arc<Job>, message: Arrived) -> Result<(), Refusal> {
    let Arrived { key, eight_bit, draft, .. } = message;
    let at = now_ms();
    let header = draft.header();
    let return_path = return_path(header);
    let destinations = match &job.routing {
        Routing::To(destinations) => destinations.clone(),
        Routing::ByHeaders(accepted_domains) => route::by_headers(&job.config, accepted_domains, header),
    };
    let params = MailParams {
        smtputf8: return_path.as_ref().is_some_and(|address| !address.is_ascii()),
        return_path,
        body: if eight_bit { BodyType::EightBitMime } else { BodyType::SevenBit },
        ..MailParams::default()
    };
    let mut with = vec![Change::SeenUid { collector: job.collector.id, uid: key, at }];
    let lost = destinations.is_empty();
    if lost {
        let kind = TaskKind::RoutingError {
            mail: draft.mail_id(),
            collector: job.collector.id,
            reason:
                "None of the addresses in its To, Cc, Received, Apparently-To and Resent lines belongs to a user here."
                    .into(),
            to: String::new(),
        };
        with.push(Change::AddTask(Task { id: job.services.intake.store.task_id(), created_at: at, kind }));
    }
    draft.finish(params, destinations, with).await?;
    if lost {
        job.services.intake.signals.task_added();
    }
    Ok(())
}

fn return_path(header: &[u8]) -> Option<Address> {
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
