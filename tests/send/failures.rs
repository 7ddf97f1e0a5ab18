//! What a server refuses, for now or for good, at each step.

use pillarbox::intake::MailParams;
use pillarbox::mail::{Address, Recipient};
use pillarbox::store::RecipientState;

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};

const STEPS: [&str; 4] = ["MAIL", "RCPT", "DATA", "."];

#[test]
fn for_now() {
    for capabilities in [vec!["PIPELINING"], vec![]] {
        for step in STEPS {
            let behaviour = Behaviour { capabilities: Some(capabilities.clone()), ..Behaviour::default() };
            let host = Smarthost::start(behaviour);
            host.rule(step, "451 4.3.0 later", 1);
            let office = Office::open(config(sender(&[&host])));
            office.submit(&["bob@else.example"], &text("1"));
            office.wait_for_tries();
            let queue = office.queue();
            let recipient = &queue[0].recipients[0];
            assert_eq!(
                (recipient.state, recipient.reply.as_str()),
                (RecipientState::Pending, "127.0.0.1 said: 451 4.3.0 later"),
                "{step}"
            );
            assert!(queue[0].due().unwrap() >= queue[0].accepted_at + 300_000);
            office.submit(&["bob@else.example"], &text("2"));
            until("the next mail on the same connection", || host.received() == 1);
            office.retry_all();
            office.wait_for_empty_queue();
            assert_eq!((host.received(), host.state().sessions), (2, 1));
            assert!(office.inbox().is_empty());
        }
    }
}

#[test]
fn for_good() {
    for capabilities in [vec!["PIPELINING", "CHUNKING"], vec!["PIPELINING"], vec![]] {
        for step in STEPS {
            let behaviour = Behaviour { capabilities: Some(capabilities.clone()), ..Behaviour::default() };
            if step == "DATA" && capabilities.contains(&"CHUNKING") {
                continue;
            }
            let host = Smarthost::start(behaviour);
            host.rule(step, "554 5.7.1 not this", 1);
            let office = Office::open(config(sender(&[&host])));
            office.submit(&["bob@else.example"], &text("1"));
            office.wait_for_empty_queue();
            until("the report", || office.inbox().len() == 1);
            assert!(office.inbox()[0].contains("Status: 5.7.1"), "{step}");
            office.submit(&["bob@else.example"], &text("2"));
            office.wait_for_empty_queue();
            assert_eq!((host.received(), host.state().sessions), (1, 1), "{step}");
        }
    }
}

#[test]
fn each_recipient_has_its_own_fate() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT TO:<refused@", "550 5.1.1 unknown", 1);
    host.rule("RCPT TO:<later@", "450 4.2.1 busy", 1);
    let office = Office::open(config(sender(&[&host])));
    office.submit(&["good@else.example", "refused@else.example", "later@else.example"], &text("1"));
    until("the report", || office.inbox().len() == 1);
    let report = office.inbox().remove(0);
    assert!(report.contains("Final-Recipient: rfc822; refused@else.example"), "{report}");
    assert!(!report.contains("good@else") && !report.contains("later@else"), "{report}");
    office.wait_for_tries();
    let queue = office.queue();
    let states: Vec<RecipientState> = queue[0].recipients.iter().map(|recipient| recipient.state).collect();
    assert_eq!(states, [RecipientState::Relayed, RecipientState::Failed, RecipientState::Pending]);
    office.retry_all();
    office.wait_for_empty_queue();
    let to: Vec<Vec<String>> = host.state().received.iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(to, [["<good@else.example>"], ["<later@else.example>"]]);
}

/// A server may take fewer in one transaction than we give it: the others follow at once, not at the next step.
#[test]
fn recipients_beyond_what_the_server_takes_at_a_time_follow_at_once() {
    for reply in ["452 4.5.3 too many recipients", "452 too many", "552 too many"] {
        let host = Smarthost::start(Behaviour::default());
        host.rule("RCPT TO:<b@", reply, 1);
        host.rule("RCPT TO:<c@", reply, 2);
        let office = Office::open(config(sender(&[&host])));
        office.submit(&["a@else.example", "b@else.example", "c@else.example"], &text("1"));
        office.wait_for_empty_queue();
        let to: Vec<Vec<String>> = host.state().received.iter().map(|mail| mail.to.clone()).collect();
        assert_eq!(to, [["<a@else.example>"], ["<b@else.example>"], ["<c@else.example>"]], "{reply}");
        assert!(office.inbox().is_empty());
    }
}

/// More than fits into one record of the log, with the reports: it is written in parts.
#[test]
fn thousands_of_refusals_are_recorded() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT", &format!("550 5.1.1 {}", "no such user ".repeat(70)), usize::MAX);
    let office = Office::open(config(sender(&[&host])));
    let to: Vec<String> = (0..3000).map(|number| format!("user{number}@else.example")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    office.submit(&to, &text("1"));
    office.wait_for_empty_queue();
    let reported = || office.inbox().iter().map(|mail| mail.matches("Final-Recipient:").count()).sum::<usize>();
    until("the reports", || reported() == 3000);
}

#[test]
fn too_large_for_the_server_is_for_good() {
    let host = Smarthost::start(Behaviour { capabilities: Some(vec!["SIZE 300"]), ..Behaviour::default() });
    let office = Office::open(config(sender(&[&host])));
    office.submit(&["bob@else.example"], &format!("{}{}", text("1"), "x".repeat(300)));
    office.wait_for_empty_queue();
    until("the report", || office.inbox().iter().any(|mail| mail.contains("Status: 5.3.4")));
    assert!(!host.state().commands.iter().any(|line| line.starts_with("MAIL")));
}

#[test]
fn nobody_is_told_of_mail_without_a_return_path() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT", "550 5.1.1 unknown", 1);
    let office = Office::open(config(sender(&[&host])));
    let to = vec![Recipient::new(Address::parse("bob@else.example").unwrap())];
    office.submit_as(MailParams::default(), to, text("1").as_bytes());
    office.wait_for_empty_queue();
    assert!(office.store.tasks(10).unwrap().is_empty() && office.inbox().is_empty());
    assert!(office.store.journal(10).unwrap().iter().any(|row| row.event == "failed"));
}
