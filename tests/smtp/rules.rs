//! SMTP rules: each action at each stage (spec connectors-and-smtp §8.5).

use std::time::Instant;

use jiff::ToSpan;
use pillarbox::config::{SmtpAction, SmtpRule};
use pillarbox::store::MessageRow;

use super::office::{Office, PATIENCE};

fn rule(action: SmtpAction, conditions: &[&str]) -> SmtpRule {
    SmtpRule {
        name: "R".into(),
        action,
        addresses: if action.has_addresses() { vec!["bert".into()] } else { Vec::new() },
        conditions: conditions.iter().map(|condition| condition.to_string()).collect(),
        ..SmtpRule::default()
    }
}

fn office(rules: Vec<SmtpRule>) -> Office {
    Office::with(|service| service.rules = rules.into())
}

const TEXT: &str = "Subject: Buy now\r\n\r\nb\r\n";

fn counts(office: &Office) -> (usize, usize) {
    (office.inbox(1).len(), office.inbox(2).len())
}

const STAGES: [&str; 3] = ["MailFrom: *@far.example", "RcptTo: anna@*", "Subject: buy *"];

#[test]
fn mail_is_refused_at_the_earliest_stage() {
    for (stage, condition) in STAGES.into_iter().enumerate() {
        let office = office(vec![SmtpRule { reply: "551 Not here".into(), ..rule(SmtpAction::Reject, &[condition]) }]);
        let mut client = office.greeted();
        let reply = |at: usize| if at == stage { "551 5.7.1 Not here" } else { "250" };
        client.expect("MAIL FROM:<x@far.example>", reply(0));
        if stage == 0 {
            continue;
        }
        client.expect("RCPT TO:<bert@office.example>", "250");
        client.expect("RCPT TO:<anna@office.example>", reply(1));
        client.expect("DATA", "354");
        client.send(TEXT);
        client.expect(".", reply(2));
        assert_eq!(counts(&office), if stage == 1 { (0, 1) } else { (0, 0) });
    }
}

/// Twelve hours from Greenwich, so that neither zone is near the other's range.
#[test]
fn times_of_day_are_those_of_the_office() {
    let noon = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).time();
    let (from, until) = (noon.wrapping_add(11.hours()), noon.wrapping_add(13.hours()));
    let range = format!("TimeNow: {}-{}", from.strftime("%H:%M"), until.strftime("%H:%M"));
    for (zone, answer) in [("UTC", "250"), ("Etc/GMT-12", "550")] {
        let office = office(vec![rule(SmtpAction::Reject, &[&range])]);
        office.change(|config| config.general.time_zone = zone.into());
        office.greeted().expect("MAIL FROM:<x@far.example>", answer);
    }
}

#[test]
fn mail_is_discarded_copied_or_redirected() {
    for condition in STAGES {
        for (action, expected) in [
            (SmtpAction::Ignore, (0, 0)),
            (SmtpAction::Redirect, (0, 1)),
            (SmtpAction::Copy, (1, 1)),
            (SmtpAction::Accept, (1, 0)),
        ] {
            let office = office(vec![rule(action, &[condition])]);
            let mail = office.greeted().mail("x@far.example", &["anna@office.example"], TEXT);
            assert_eq!(counts(&office), expected, "{action:?} {condition}");
            let kept = office.store.body(mail).unwrap().is_some();
            assert_eq!(kept, expected != (0, 0), "{action:?} {condition}");
            if action != SmtpAction::Accept {
                assert!(office.store.journal(5).unwrap().iter().any(|row| row.event == "ruled"), "{action:?}");
            }
        }
    }
}

#[test]
fn the_first_rule_that_matches_ends_it() {
    let office = office(vec![
        rule(SmtpAction::Accept, &["MailFrom: boss@far.example"]),
        rule(SmtpAction::Ignore, &["Subject: *"]),
    ]);
    let mut client = office.greeted();
    client.mail("boss@far.example", &["anna"], TEXT);
    client.mail("x@far.example", &["anna"], TEXT);
    assert_eq!(counts(&office), (1, 0));
}

#[test]
fn a_rule_about_a_recipient_is_for_that_recipient() {
    let office = office(vec![rule(SmtpAction::Ignore, &["RcptTo: anna@*"]), rule(SmtpAction::Accept, &[])]);
    let mail = office.greeted().mail("x@far.example", &["anna@office.example", "bert@office.example"], TEXT);
    assert_eq!(counts(&office), (0, 1));
    assert!(!String::from_utf8(office.body(mail)).unwrap().contains("\tfor "));
}

#[test]
fn a_rule_about_a_recipient_and_the_message_is_for_that_recipient() {
    for who in ["RcptTo: anna@*", "Recipient: anna", "!RcptTo: bert@*"] {
        for (action, expected) in [
            (SmtpAction::Ignore, (0, 1)),
            (SmtpAction::Redirect, (0, 1)),
            (SmtpAction::Copy, (1, 1)),
            (SmtpAction::Accept, (1, 1)),
        ] {
            let office = office(vec![rule(action, &[who, "Subject: buy *"]), rule(SmtpAction::Accept, &[])]);
            let mut client = office.greeted();
            client.mail("x@far.example", &["anna@office.example", "bert@office.example"], TEXT);
            assert_eq!(counts(&office), expected, "{action:?} {who}");
            client.mail("x@far.example", &["bert@office.example"], TEXT);
            assert_eq!(counts(&office), (expected.0, expected.1 + 1), "{action:?} {who}: bert alone");
        }
    }
}

#[test]
fn the_rules_below_are_asked_for_the_recipients_that_are_left() {
    let office = office(vec![
        rule(SmtpAction::Accept, &["RcptTo: anna@*", "Subject: buy *"]),
        rule(SmtpAction::Ignore, &["Subject: buy *"]),
    ]);
    office.greeted().mail("x@far.example", &["bert@office.example", "anna@office.example"], TEXT);
    assert_eq!(counts(&office), (1, 0));
}

/// After the message there is one answer for all: nobody's copy is lost without a word.
#[test]
fn a_refusal_after_the_message_is_for_all_recipients() {
    let office = office(vec![rule(SmtpAction::Reject, &["RcptTo: anna@*", "Subject: buy *"])]);
    let mut client = office.greeted();
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<anna@office.example>", "250");
    client.expect("RCPT TO:<bert@office.example>", "250");
    client.expect("DATA", "354");
    client.send(TEXT);
    client.expect(".", "550 5.7.1 Message refused by a rule");
    client.mail("x@far.example", &["bert@office.example"], TEXT);
    assert_eq!(counts(&office), (0, 1));
}

#[test]
fn a_message_without_a_blank_line_is_asked_about_too() {
    let office = office(vec![rule(SmtpAction::Ignore, &["Subject: buy *"])]);
    office.greeted().mail("x@far.example", &["anna"], "Subject: Buy now\r\n");
    assert_eq!(office.inbox(1), [] as [MessageRow; 0]);
}

#[test]
fn what_rules_do_is_logged_and_refusals_are_events() {
    let office = office(vec![rule(SmtpAction::Reject, &["MailFrom: *@far.example"])]);
    office.change(|config| config.security.ips.smtp_rule = 1);
    office.greeted().expect("MAIL FROM:<x@far.example>", "550 5.7.1 Message refused by a rule");
    assert_eq!(office.watch.recent()[0].event.number(), 7);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = std::fs::read_to_string(office.dir().join("logs/smtprules.log")).unwrap_or_default();
        if log.contains("127.0.0.1: from <x@far.example>") && log.trim().ends_with("refused by rule \"R\"") {
            return;
        }
        assert!(Instant::now() < deadline, "{log}");
        std::thread::yield_now();
    }
}
