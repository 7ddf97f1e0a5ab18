//! Tells the main administrator of a Connection that does not work, and when it works again (spec users-lists-admin §9.1).

use crate::config::Config;
use crate::intake::{Intake, MailParams, Source};
use crate::mail::{BodyType, date, dsn};
use crate::route;
use crate::store::{Change, FailingPart};

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
    let text = text(&config, connection, since, failing);
    let mut draft = intake.begin(Source::Own, None)?;
    draft.write(text.as_bytes()).await?;
    let params = MailParams { body: BodyType::EightBitMime, ..MailParams::default() };
    draft.finish(params, route::as_error(destinations), vec![Change::RemoveTask { id: task }]).await?;
    Ok(())
}

fn text(config: &Config, connection: &str, since: i64, failing: &[FailingPart]) -> String {
    let from = own_address(config);
    let to = named(&config.general.main_administrator, from.split_once('@').map_or("", |(_, domain)| domain));
    let zone = config.time_zone();
    let what = if failing.is_empty() { "works again" } else { "does not work" };
    let subject = format!("The Connection {connection} {what}");
    let mut out = text_head(&format!("Mail connection <{from}>"), &to, &subject, &zone);
    let since = date::rfc5322(since, &zone);
    if failing.is_empty() {
        dsn::fold(&mut out, "", &format!("The Connection {connection} works again. It had not worked since {since}."));
        return out;
    }
    dsn::fold(&mut out, "", &format!("The Connection {connection} has not worked since {since}:"));
    for part in failing {
        out.push_str("\r\n");
        let times = if part.failures == 1 { "once".into() } else { format!("{} times", part.failures) };
        dsn::fold(&mut out, "  ", &format!("{}, tried {times}: {}", part.name, part.words));
    }
    let again = match config.admin.connection_errors_again {
        1 => "every day".to_string(),
        days => format!("every {days} days"),
    };
    out.push_str("\r\n");
    let rest = format!(
        "Mail that waits at the provider, or in the queue of this box, is not lost: it is tried again by itself. While this \
         goes on you get such a message {again}, and one more when it works again."
    );
    dsn::fold(&mut out, "", &rest);
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
        let text = text(&config, "Büro", 1_795_507_920_000, failing);
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
