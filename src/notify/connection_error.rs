//! Tells the main administrator of a Connection that does not work, and when it works again (spec users-lists-admin §9.1).

use crate::config::Config;
use crate::intake::{Intake, MailParams, Source};
use crate::mail::{BodyType, date};
use crate::route;
use crate::store::{Change, FailingPart};

use super::text::{self, About, COLLECTOR, ERROR, NOTICE, OTHER, SENDER, Text};
use super::{TaskError, named, own_address, text_head};

pub async fn write(
    intake: &Intake,
    task: u64,
    connection: &str,
    since: i64,
    failing: &[FailingPart],
) -> Result<(), TaskError> {
    let config = intake.config.current();
    let destinations = route::target(&config, &config.general.main_administrator).filter(|found| !found.is_empty());
    let destinations = destinations.ok_or(TaskError::NoWay("there is no main administrator"))?;
    let mut text = words(&config, connection, since, failing);
    let administrator = text.target.clone();
    if !text.scripted(&intake.hooks, about(failing)).await {
        return Err(TaskError::NoWay("errors.lua has suppressed it"));
    }
    let changed = Some(&text.target).filter(|target| **target != administrator);
    let changed = changed.and_then(|name| route::target(&config, name).filter(|found| !found.is_empty()));
    let destinations = changed.unwrap_or(destinations);
    let text = built(&config, &text);
    let mut draft = intake.begin(Source::Own, None)?;
    draft.write(text.as_bytes()).await?;
    let params = MailParams { body: BodyType::EightBitMime, ..MailParams::default() };
    draft.finish(params, route::as_error(destinations), vec![Change::RemoveTask { id: task }]).await?;
    Ok(())
}

/// What of the Connection fails, for scripts.
fn about(failing: &[FailingPart]) -> About {
    let fails = |what: &str| failing.iter().any(|part| part.name.starts_with(what));
    let component = match (fails("Mail Sender"), fails("Mail Collector")) {
        (false, false) => OTHER,
        (sender, collector) => i64::from(sender) * SENDER + i64::from(collector) * COLLECTOR,
    };
    let severity = if failing.is_empty() { NOTICE } else { ERROR };
    About { component, id: 0, severity, connect_error: true }
}

fn words(config: &Config, connection: &str, since: i64, failing: &[FailingPart]) -> Text {
    let what = if failing.is_empty() { "works again" } else { "does not work" };
    let title = format!("The Connection {connection} {what}");
    let (target, sender) = (config.general.main_administrator.clone(), own_address(config));
    let since = date::rfc5322(since, &config.time_zone());
    if failing.is_empty() {
        let message = format!("The Connection {connection} works again. It had not worked since {since}.");
        return Text { title, message, target, sender };
    }
    let mut message = format!("The Connection {connection} has not worked since {since}:");
    for part in failing {
        let times = if part.failures == 1 { "once".into() } else { format!("{} times", part.failures) };
        // The words of a server stay on their line.
        let said: String = part.words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        message.push_str(&format!("\n\n  {}, tried {times}: {said}", part.name));
    }
    let again = match config.admin.connection_errors_again {
        1 => "every day".to_string(),
        days => format!("every {days} days"),
    };
    message.push_str(&format!(
        "\n\nMail that waits at the provider, or in the queue of this box, is not lost: it is tried again by itself. While \
         this goes on you get such a message {again}, and one more when it works again."
    ));
    Text { title, message, target, sender }
}

fn built(config: &Config, text: &Text) -> String {
    let from = &text.sender;
    let to = named(&text.target, from.split_once('@').map_or("", |(_, domain)| domain));
    let mut out = text_head(&format!("Mail connection <{from}>"), &to, &text.title, &config.time_zone());
    text::body(&mut out, &text.message);
    out
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    fn read(failing: &[FailingPart]) -> (String, String) {
        let mut config = Config::default();
        config.general.default_domain = "office.example".into();
        config.general.main_administrator = "boss".into();
        config.general.time_zone = "Europe/Berlin".into();
        let text = built(&config, &words(&config, "Büro", 1_795_507_920_000, failing));
        let message = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(message.to().unwrap().first().unwrap().address(), Some("boss@office.example"));
        let body = message.body_text(0).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        (message.subject().unwrap().to_string(), body)
    }

    #[test]
    fn what_fails_is_named_with_reason_and_time() {
        let part = |name: &str, failures| FailingPart { name: name.into(), failures, words: "No answer.".into() };
        let (subject, body) = read(&[part("Mail Collector Gmail", 12), part("Mail Sender", 1)]);
        assert_eq!(subject, "The Connection Büro does not work");
        assert!(
            body.starts_with("The Connection Büro has not worked since Tue, 24 Nov 2026 09:12:00 +0100:"),
            "{body}"
        );
        assert!(body.contains("Mail Collector Gmail, tried 12 times: No answer."), "{body}");
        assert!(body.contains("Mail Sender, tried once: No answer.") && body.contains("every day"), "{body}");
    }

    #[test]
    fn that_it_works_again_is_short() {
        let (subject, body) = read(&[]);
        assert_eq!(subject, "The Connection Büro works again");
        assert!(body.ends_with("It had not worked since Tue, 24 Nov 2026 09:12:00 +0100."), "{body}");
    }
}
