//! Tells the main administrator, or whom the collector names, of a collected mail that found nobody, with the mail itself.

use std::fmt::Write;
use std::io::Read;

use jiff::tz::TimeZone;

use crate::intake::{Draft, Intake, MailParams, Source};
use crate::mail::{BodyType, date, dsn};
use crate::net::now_ms;
use crate::route;
use crate::store::{Body, Change, MailId, StoreError};

use super::text::{self, About, ERROR, ROUTING, Text};
use super::{TaskError, boundary, encoded, own_address};

const PIECE: usize = 64 * 1024;

pub async fn write(
    intake: &Intake,
    task: u64,
    mail: MailId,
    collector: u32,
    reason: &str,
    to: &str,
) -> Result<(), TaskError> {
    let config = intake.config.current();
    let (to, destinations) = [to, &config.general.main_administrator]
        .into_iter()
        .find_map(|name| Some((name, route::target(&config, name).filter(|found| !found.is_empty())?)))
        .ok_or(TaskError::NoWay("there is no main administrator"))?;
    let name = config.collector(collector).map_or("a removed collector", |c| c.name.as_str());
    let mut text = Text {
        title: "Collected mail for nobody known".into(),
        message: format!(
            "The collector {name} has collected a mail that belongs to nobody here:\n  {reason}\n\nThe mail is enclosed. \
             Pass it on to whom it is for, or give that address to a user."
        ),
        target: to.to_string(),
        sender: own_address(&config),
    };
    let about = About { component: ROUTING, id: collector.into(), severity: ERROR, connect_error: false };
    if !text.scripted(&intake.hooks, about).await {
        return Err(TaskError::NoWay("errors.lua has suppressed it"));
    }
    let changed = Some(&text.target).filter(|changed| *changed != to);
    let changed = changed.and_then(|name| route::target(&config, name).filter(|found| !found.is_empty()));
    let destinations = changed.unwrap_or(destinations);
    let boundary = boundary();
    let head = head(&text, &boundary);
    let mut draft = intake.begin(Source::Own, None)?;
    draft.write(head.as_bytes()).await?;
    copy(intake, mail, &mut draft).await?;
    draft.write(format!("\r\n--{boundary}--\r\n").as_bytes()).await?;
    let params = MailParams { body: BodyType::EightBitMime, ..MailParams::default() };
    draft.finish(params, route::as_error(destinations), vec![Change::RemoveTask { id: task }]).await?;
    Ok(())
}

/// All up to the enclosed mail.
fn head(text: &Text, boundary: &str) -> String {
    let Text { title, message, target: administrator, sender: from } = text;
    let mut out = String::new();
    dsn::line(&mut out, "From", &format!("Mail delivery <{from}>"));
    let domain = from.split_once('@').map_or("", |(_, domain)| domain);
    let to = if administrator.contains('@') { administrator.to_string() } else { format!("{administrator}@{domain}") };
    dsn::line(&mut out, "To", &format!("<{to}>"));
    dsn::line(&mut out, "Subject", &encoded(title));
    dsn::line(&mut out, "Date", &date::rfc5322(now_ms(), &TimeZone::system()));
    dsn::line(&mut out, "Auto-Submitted", "auto-generated");
    dsn::line(&mut out, "MIME-Version", "1.0");
    let _ = write!(out, "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n");
    out.push_str("This is a message in MIME format.\r\n");
    dsn::part(&mut out, boundary, "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit");
    text::body(&mut out, message);
    dsn::part(&mut out, boundary, "message/rfc822\r\nContent-Transfer-Encoding: 8bit");
    out
}

/// The whole mail, whatever its size.
async fn copy(intake: &Intake, mail: MailId, draft: &mut Draft) -> Result<(), TaskError> {
    match intake.store.body(mail)? {
        None => draft.write(b"Subject: (the mail is gone)\r\n\r\n").await?,
        Some(Body::Inline(bytes)) => draft.write(&bytes).await?,
        Some(Body::File { mut file, .. }) => loop {
            let (back, piece) = smol::unblock(move || {
                let mut piece = vec![0; PIECE];
                let read = file.read(&mut piece).map(|n| {
                    piece.truncate(n);
                    piece
                });
                (file, read)
            })
            .await;
            file = back;
            let piece = piece.map_err(|error| StoreError::io("a body", error))?;
            if piece.is_empty() {
                break;
            }
            draft.write(&piece).await?;
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    #[test]
    fn the_mail_is_enclosed() {
        let words = Text {
            title: "Lost".into(),
            message: "The collector Gmail has collected\n  no address of ours: x@y.example".into(),
            target: "ann".into(),
            sender: "Mailer_Daemon@office.example".into(),
        };
        let mut text = head(&words, "=_b");
        text.push_str("Subject: lost\r\n\r\nhello\r\n\r\n--=_b--\r\n");
        let message = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert!(message.body_text(0).unwrap().contains("The collector Gmail has collected"));
        let enclosed = message.attachment(0).and_then(|part| part.message()).unwrap();
        assert_eq!(enclosed.subject(), Some("lost"));
        assert_eq!(message.to().and_then(|to| to.first()).and_then(|to| to.address()), Some("ann@office.example"));
    }
}
