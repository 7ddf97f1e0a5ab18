//! A delivery status notification to the return path of a mail (RFC 3461 §6, RFC 3464).

use jiff::tz::TimeZone;

use crate::config::Config;
use crate::intake::{Intake, MailParams, Source};
use crate::mail::{BodyType, Header, Recipient, Ret, date, dsn};
use crate::net::now_ms;
use crate::proto::smtp::client::enhanced;
use crate::route;
use crate::store::{Change, DsnAction, QueueEntry};

use super::{MAX_HEADER, TaskError, boundary, own_address, read_start};

/// A larger mail is not returned, only its header.
const MAX_RETURNED: u64 = 1024 * 1024;

pub async fn write(
    intake: &Intake,
    task: u64,
    entry: &QueueEntry,
    about: &[u32],
    action: DsnAction,
) -> Result<(), TaskError> {
    let Some(to) = &entry.return_path else { return Err(TaskError::NoWay("it has no return path")) };
    let destinations = intake.recipient(&Source::Own, Recipient::new(to.clone()))?;
    let returned = returned(intake, entry, action).await?;
    let report = build(&intake.config.current(), entry, about, action, &returned, now_ms());
    let mut draft = intake.begin(Source::Own, Some(to))?;
    draft.write(&report).await?;
    let body = if report.is_ascii() { BodyType::SevenBit } else { BodyType::EightBitMime };
    let params = MailParams { body, smtputf8: !to.is_ascii(), ..MailParams::default() };
    draft.finish(params, route::as_error(destinations), vec![Change::RemoveTask { id: task }]).await?;
    Ok(())
}

/// What of the mail goes back.
struct Returned {
    bytes: Vec<u8>,
    whole: bool,
}

/// The whole mail only with a failure (RFC 3461 §4.3), and only where it is not too large.
async fn returned(intake: &Intake, entry: &QueueEntry, action: DsnAction) -> Result<Returned, TaskError> {
    let whole = action == DsnAction::Failed && entry.ret != Some(Ret::Headers) && entry.size <= MAX_RETURNED;
    let (mut bytes, all) = read_start(&intake.store, entry.mail, if whole { MAX_RETURNED } else { MAX_HEADER }).await?;
    if !(whole && all) {
        bytes.truncate(crate::mail::header::body_offset(&bytes).unwrap_or(bytes.len()));
    }
    Ok(Returned { bytes, whole: whole && all })
}

fn build(
    config: &Config,
    entry: &QueueEntry,
    about: &[u32],
    action: DsnAction,
    returned: &Returned,
    now: i64,
) -> Vec<u8> {
    let zone = TimeZone::system();
    let retry_until = match action {
        DsnAction::Delayed { until } => Some(date::rfc5322(until, &zone)),
        _ => None,
    };
    let message_id = Header::of(&returned.bytes).first("Message-ID").map(|field| field.unfolded());
    let places = about.iter().filter_map(|&place| entry.recipients.get(usize::try_from(place).ok()?));
    let report = dsn::Report {
        from: &own_address(config),
        to: entry.return_path.as_ref().map_or("", |address| address.as_str()),
        reporting_mta: &config.general.host_name,
        action: match action {
            DsnAction::Failed => dsn::Action::Failed,
            DsnAction::Delayed { .. } => dsn::Action::Delayed,
            DsnAction::Relayed => dsn::Action::Relayed,
            DsnAction::Delivered => dsn::Action::Delivered,
        },
        envid: entry.envid.as_deref(),
        now: &date::rfc5322(now, &zone),
        arrival: &date::rfc5322(entry.accepted_at, &zone),
        retry_until: retry_until.as_deref(),
        message_id: message_id.as_deref().map(str::trim).filter(|id| is_message_id(id)),
        recipients: places
            .map(|recipient| dsn::Reported {
                address: recipient.address.as_str(),
                orcpt: recipient.orcpt.as_deref(),
                status: status(&recipient.reply, action),
                reason: &recipient.reply,
            })
            .collect(),
        original: &returned.bytes,
        whole: returned.whole,
        boundary: &boundary(),
    };
    report.build()
}

fn is_message_id(id: &str) -> bool {
    id.len() < 250 && id.starts_with('<') && id.ends_with('>') && id.bytes().all(|b| b.is_ascii_graphic())
}

/// RFC 3463: as the server gave it, else what its reply and the action say.
fn status(reason: &str, action: DsnAction) -> String {
    let (_, words) = dsn::split_said(reason);
    let (code, text) = match words.split_once(' ') {
        Some((code, text)) if code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()) => (code, text),
        _ if words.len() == 3 => (words, ""),
        _ => ("", words),
    };
    if let Some(enhanced) = enhanced(text) {
        return enhanced.to_string();
    }
    let class = match (action, code.chars().next()) {
        (DsnAction::Relayed | DsnAction::Delivered, _) => '2',
        (_, Some(class @ ('4' | '5'))) => class,
        // No server has refused it: it could not be connected to, or broke off (RFC 3463 §3.5).
        (DsnAction::Failed | DsnAction::Delayed { .. }, _) => return "4.4.1".to_string(),
    };
    format!("{class}.0.0")
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;
    use crate::mail::{Address, Notify};
    use crate::store::{Hold, MailId, QueueRecipient, RecipientState};

    #[test]
    fn status_codes() {
        for (reason, action, expected) in [
            ("h said: 550 5.1.1 no such user", DsnAction::Failed, "5.1.1"),
            ("h said: 550 no such user", DsnAction::Failed, "5.0.0"),
            ("h said: 451 later (given up after 72 hours)", DsnAction::Failed, "4.0.0"),
            ("5.3.4 too large (relay h)", DsnAction::Failed, "5.3.4"),
            ("The relay h is gone", DsnAction::Delayed { until: 0 }, "4.4.1"),
            ("250", DsnAction::Relayed, "2.0.0"),
            ("", DsnAction::Relayed, "2.0.0"),
        ] {
            assert_eq!(status(reason, action), expected, "{reason}");
        }
    }

    #[test]
    fn only_those_it_is_about_are_reported() {
        let recipient = |address: &str, reply: &str| QueueRecipient {
            address: Address::parse(address).unwrap(),
            notify: Notify::default(),
            orcpt: None,
            lan: None,
            state: RecipientState::Failed,
            reply: reply.into(),
            due: 0,
            tries: 1,
            delay_notified: false,
        };
        let entry = QueueEntry {
            mail: MailId(1),
            return_path: Address::parse("ann@office.example").ok(),
            recipients: vec![recipient("a@x.example", "ok"), recipient("b@x.example", "h.example said: 550 5.7.1 no")],
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envid: None,
            size: 10,
            accepted_at: 1_800_000_000_000,
            priority: 50,
            hold: Hold::No,
            delete_after: None,
            auth_user: None,
            client: None,
        };
        let returned = Returned { bytes: b"Message-ID: <m@x>\r\nSubject: s\r\n\r\n".to_vec(), whole: false };
        let built = build(&Config::default(), &entry, &[1], DsnAction::Failed, &returned, 1_800_000_100_000);
        let message = MessageParser::default().parse(&built).unwrap();
        assert_eq!(message.in_reply_to().as_text(), Some("m@x"));
        let text = String::from_utf8(built.clone()).unwrap();
        assert!(text.contains("Final-Recipient: rfc822; b@x.example\r\nAction: failed\r\nStatus: 5.7.1\r\n"));
        assert!(!text.contains("a@x.example"));
        assert!(text.contains("Content-Type: text/rfc822-headers\r\n") && !text.contains("Will-Retry-Until"));
        // It is the sender that holds the mail who says how long it tries.
        let until = 1_800_000_000_000 + 5 * 3_600_000;
        let built = build(&Config::default(), &entry, &[1], DsnAction::Delayed { until }, &returned, 1_800_000_100_000);
        let date = date::rfc5322(until, &TimeZone::system());
        assert!(String::from_utf8(built).unwrap().contains(&format!("Will-Retry-Until: {date}\r\n")));
    }
}
