//! Tells people of a message that a collector has left, or deleted, at the provider: the question whether to download it
//! (spec connectors-and-smtp §4.3), and the warning that a download rule deleted it (§4.8).

use std::fmt::Write;

use crate::config::Config;
use crate::intake::{Intake, MailParams, Source, question_address};
use crate::mail::{BodyType, dsn};
use crate::route::{self, Destination};
use crate::store::{AtProvider, Change, NotDownloaded};

use super::{TaskError, named, own_address, text_head};

pub async fn write(
    intake: &Intake,
    task: u64,
    collector: u32,
    to: &[String],
    about: &AtProvider,
    what: &NotDownloaded,
) -> Result<(), TaskError> {
    let config = intake.config.current();
    let destinations = destinations(&config, to).ok_or(TaskError::NoWay("there is no main administrator"))?;
    let name = config.collector(collector).map_or("a removed collector", |c| c.name.as_str());
    let text = text(&config, name, to, about, what);
    let mut draft = intake.begin(Source::Own, None)?;
    draft.write(text.as_bytes()).await?;
    let params = MailParams { body: BodyType::EightBitMime, ..MailParams::default() };
    draft.finish(params, destinations, vec![Change::RemoveTask { id: task }]).await?;
    Ok(())
}

/// The main administrator where none of them is anybody.
fn destinations(config: &Config, to: &[String]) -> Option<Vec<Destination>> {
    let found: Vec<Destination> = to.iter().filter_map(|name| route::target(config, name)).flatten().collect();
    if !found.is_empty() {
        return Some(found);
    }
    route::target(config, &config.general.main_administrator).filter(|found| !found.is_empty())
}

fn text(config: &Config, collector: &str, to: &[String], about: &AtProvider, what: &NotDownloaded) -> String {
    let (from, subject) = match what {
        NotDownloaded::Asked { question, .. } => (question_address(config, *question), "Download this message?"),
        NotDownloaded::Deleted { .. } => (own_address(config), "A message was deleted at the provider"),
    };
    let domain = from.split_once('@').map_or("", |(_, domain)| domain);
    let to: Vec<String> = match to {
        [] => vec![named(&config.general.main_administrator, domain)],
        to => to.iter().map(|name| named(name, domain)).collect(),
    };
    let subject = format!("{subject} {}", about.subject);
    let mut out = text_head(&format!("Mail collection <{from}>"), &to.join(", "), &subject, &config.time_zone());
    let reason = match what {
        NotDownloaded::Asked { rule: None, .. } => {
            format!("The collector {collector} has not downloaded this message, since it is large:")
        }
        NotDownloaded::Asked { rule: Some(rule), .. } => {
            format!("The collector {collector} has not downloaded this message, by the download rule \"{rule}\":")
        }
        NotDownloaded::Deleted { rule } => {
            format!(
                "The collector {collector} has deleted this message at the provider, by the download rule \"{rule}\":"
            )
        }
    };
    dsn::fold(&mut out, "", &reason);
    out.push_str("\r\n");
    for (name, value) in [("From", &about.from), ("To", &about.to), ("Subject", &about.subject), ("Date", &about.date)]
    {
        if !value.is_empty() {
            dsn::fold(&mut out, "  ", &format!("{name}: {value}"));
        }
    }
    if let Some(size) = about.size {
        let _ = write!(out, "  Size: {} KiB\r\n", size.div_ceil(1024));
    }
    out.push_str("\r\n");
    let advice = match what {
        NotDownloaded::Asked { .. } => {
            "To have it downloaded, reply to this mail, with any text. It comes with the next collection. After 14 days it \
             can no longer be asked for."
        }
        NotDownloaded::Deleted { .. } => "It cannot be fetched any more.",
    };
    dsn::fold(&mut out, "", advice);
    out
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    fn about() -> AtProvider {
        AtProvider {
            from: "Élise <e@far.example>".into(),
            to: "ann@office.example".into(),
            subject: "Grüße\r\nBcc: x@y.example und ein sehr langes Thema, das in keine Zeile paßt".into(),
            date: "Sun, 22 Nov 2026 09:00:00 +0100".into(),
            size: Some(5_000_000),
        }
    }

    fn config() -> Config {
        let mut config = Config::default();
        config.general.default_domain = "office.example".into();
        config.general.main_administrator = "boss".into();
        config
    }

    fn words(message: &mail_parser::Message) -> String {
        message.body_text(0).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_reply_goes_to_the_question() {
        let what = NotDownloaded::Asked { question: 7, rule: None };
        let text = text(&config(), "Gmail", &["ann".into()], &about(), &what);
        let message = MessageParser::default().parse(text.as_bytes()).unwrap();
        let from = message.from().unwrap().first().unwrap().address().unwrap();
        assert_eq!(from, "download-00000000000000000000000000000007@office.example");
        assert_eq!(message.to().unwrap().first().unwrap().address(), Some("ann@office.example"));
        assert!(message.subject().unwrap().starts_with("Download this message? Grüße"), "{:?}", message.subject());
        assert!(message.header("Bcc").is_none());
        let body = words(&message);
        assert!(body.contains("The collector Gmail has not downloaded") && body.contains("Size: 4883 KiB"), "{body}");
    }

    #[test]
    fn a_deletion_names_the_rule_and_goes_to_somebody() {
        let what = NotDownloaded::Deleted { rule: "no films".into() };
        let text = text(&config(), "Gmail", &[], &about(), &what);
        let message = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(message.to().unwrap().first().unwrap().address(), Some("boss@office.example"));
        assert!(words(&message).contains("by the download rule \"no films\""));
    }
}
