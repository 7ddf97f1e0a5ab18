//! Notifications: who wants to hear of what, and where the way of a notification ends.

use mail_parser::{MessageParser, MimeHeaders};
use pillarbox::config::Sender;
use pillarbox::config::senders::RetryStep;
use pillarbox::intake::MailParams;
use pillarbox::mail::{Address, Envelope, Notify, Recipient, Ret};
use pillarbox::net::now_ms;
use pillarbox::store::{Change, NewMail, NewQueueEntry, Task, TaskKind};

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};

fn to(address: &str, notify: Option<Notify>) -> Recipient {
    let orcpt = Some(format!("rfc822;orig-{address}"));
    Recipient { address: Address::parse(address).unwrap(), notify: notify.unwrap_or_default(), orcpt, lan: None }
}

fn wish(success: bool, failure: bool, delay: bool) -> Option<Notify> {
    Some(Notify { success, failure, delay, given: true })
}

fn from_ann() -> MailParams {
    MailParams {
        return_path: Address::parse("ann@office.example").ok(),
        ret: Some(Ret::Headers),
        envid: Some("QQ314159".into()),
        ..MailParams::default()
    }
}

#[test]
fn a_failure_report_is_one_a_program_can_read() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT", "550-5.1.1 no such\r\n550 5.1.1 user", 1);
    let office = Office::open(config(sender(&[&host])));
    let params = MailParams { ret: None, ..from_ann() };
    office.submit_as(params, vec![to("bob@else.example", None)], text("original").as_bytes());
    until("the report", || office.inbox().len() == 1);
    let report = office.inbox().remove(0);
    let message = MessageParser::default().parse(report.as_bytes()).unwrap();
    assert_eq!(message.content_type().unwrap().attribute("report-type"), Some("delivery-status"));
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("Mailer_Daemon@office.example"));
    assert!(message.message_id().is_some() && message.date().is_some());
    let status = std::str::from_utf8(message.part(2).unwrap().contents()).unwrap();
    for field in [
        "Reporting-MTA: dns; pillarbox.local",
        "Original-Envelope-Id: QQ314159",
        "Original-Recipient: rfc822;orig-bob@else.example",
        "Final-Recipient: rfc822; bob@else.example",
        "Action: failed",
        "Status: 5.1.1",
        "Remote-MTA: dns; 127.0.0.1",
        "Diagnostic-Code: smtp; 550 5.1.1 no such 5.1.1 user",
    ] {
        assert!(status.lines().any(|line| line == field), "{field} not in\n{status}");
    }
    let enclosed = message.part(3).unwrap().message().unwrap();
    assert_eq!(enclosed.header_raw("X-Id").map(str::trim), Some("original"));
    assert_eq!(enclosed.body_text(0).unwrap().trim_end(), "hello\r\n.dot");
}

#[test]
fn wishes_are_heard() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT", "550 5.1.1 unknown", 2);
    let office = Office::open(config(sender(&[&host])));
    let recipients =
        vec![to("never@else.example", wish(false, false, false)), to("success@else.example", wish(true, false, false))];
    office.submit_as(from_ann(), recipients, text("1").as_bytes());
    office.wait_for_empty_queue();
    assert!(office.store.tasks(10).unwrap().is_empty() && office.inbox().is_empty());

    let recipients =
        vec![to("a@else.example", wish(true, true, false)), to("b@else.example", wish(false, true, false))];
    office.submit_as(from_ann(), recipients, text("2").as_bytes());
    until("the report of success", || office.inbox().len() == 1);
    let report = office.inbox().remove(0);
    assert!(report.contains("Action: relayed") && report.contains("a@else.example"), "{report}");
    assert!(!report.contains("; b@else.example") && report.contains("text/rfc822-headers"), "{report}");
}

#[test]
fn a_server_with_dsn_is_told_the_wishes_instead() {
    let capabilities = Some(vec!["PIPELINING", "DSN"]);
    let host = Smarthost::start(Behaviour { capabilities, ..Behaviour::default() });
    let office = Office::open(config(sender(&[&host])));
    office.submit_as(from_ann(), vec![to("a@else.example", wish(true, true, false))], text("1").as_bytes());
    office.wait_for_empty_queue();
    assert_eq!(host.state().received[0].from, "<ann@office.example> RET=HDRS ENVID=QQ314159");
    assert_eq!(
        host.state().received[0].to,
        ["<a@else.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;orig-a@else.example"]
    );
    assert!(office.store.tasks(10).unwrap().is_empty() && office.inbox().is_empty());
}

#[test]
fn a_sender_outside_gets_the_report_by_the_same_way_and_no_report_on_the_report() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT TO:<bob@", "550 5.1.1 unknown", 1);
    host.rule("RCPT TO:<eve@", "550 5.1.1 unknown either", 1);
    let office = Office::open(config(sender(&[&host])));
    let params = MailParams { return_path: Address::parse("eve@else.example").ok(), ..MailParams::default() };
    office.submit_as(params, vec![to("bob@else.example", None)], text("1").as_bytes());
    until("the report to be refused", || host.state().behaviour.rules.iter().all(|rule| rule.times == 0));
    office.wait_for_empty_queue();
    assert!(host.state().commands.iter().any(|line| line.starts_with("MAIL FROM:<>")));
    assert!(office.store.tasks(10).unwrap().is_empty() && office.inbox().is_empty());
}

#[test]
fn a_report_to_nobody_is_dropped_and_said() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT", "550 5.1.1 unknown", 1);
    let office = Office::open(config(sender(&[&host])));
    let params = MailParams { return_path: Address::parse("gone@office.example").ok(), ..MailParams::default() };
    office.submit_as(params, vec![to("bob@else.example", None)], text("1").as_bytes());
    until("the problem", || office.board.problems().iter().any(|problem| problem.text.contains("gone@office.example")));
    office.wait_for_empty_queue();
    assert!(office.store.tasks(10).unwrap().is_empty());
}

#[test]
fn a_routing_error_reaches_the_administrator_with_the_mail() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    // Any stored mail will do: the task names it, as a collector's does.
    let mail = office.submit(&["ann@office.example"], &text("lost"));
    let kind = TaskKind::RoutingError {
        mail,
        collector: 9,
        reason: "nobody@office.example is nobody's".into(),
        to: String::new(),
    };
    let id = office.store.task_id();
    smol::block_on(office.store.commit(vec![Change::AddTask(Task { id, created_at: 0, kind })])).unwrap();
    office.signals.task_added();
    let boss = pillarbox::store::MailboxId::inbox(2);
    until("the mail to the administrator", || {
        smol::block_on(office.store.settled()).unwrap();
        office.store.messages(boss).unwrap().len() == 1
    });
    assert!(office.store.tasks(10).unwrap().is_empty());
}

/// A mail accepted so many hours ago, waiting since.
pub fn waiting_since(office: &Office, hours: i64) {
    let accepted = now_ms() - hours * 3_600_000;
    smol::block_on(async {
        let mut body = office.store.body_writer();
        body.write(text("old").as_bytes()).await.unwrap();
        let envelope = Envelope {
            return_path: Address::parse("ann@office.example").ok(),
            recipients: vec![Recipient::new(Address::parse("bob@else.example").unwrap())],
            ..Envelope::default()
        };
        let mail = NewMail {
            id: office.store.mail_id(),
            body: body.finish().await.unwrap(),
            received_at: accepted,
            deliveries: Vec::new(),
            queue: Some(NewQueueEntry::now(envelope, accepted)),
        };
        office.store.commit(vec![Change::AddMail(mail)]).await.unwrap();
    });
    office.signals.queue_changed();
}

/// Two tries stand for two hours.
fn hourly() -> Vec<RetryStep> {
    vec![RetryStep { every: 60, until: 0 }]
}

/// Due in years, as a clock that has been put back since had it.
#[test]
fn a_mail_that_is_due_in_years_is_sent_now() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    waiting_since(&office, -100_000);
    office.wait_for_empty_queue();
    assert_eq!(host.received(), 1);
}

#[test]
fn a_mail_that_takes_long_is_reported_once() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT", "451 4.7.1 greylisted", 4);
    let office = Office::open(config(Sender { retry: hourly(), ..sender(&[&host]) }));
    waiting_since(&office, 5);
    // Its age alone is not believed: a clock may have jumped.
    for tries in [1, 2] {
        until("the next try", || office.queue().first().is_some_and(|entry| entry.tries() == tries));
        assert!(!office.queue().iter().any(|entry| entry.recipients.iter().any(|r| r.delay_notified)));
        office.retry_all();
    }
    until("the report", || office.inbox().len() == 1);
    let report = office.inbox().remove(0);
    for text in
        ["Action: delayed", "Status: 4.7.1", "Will-Retry-Until: ", "The server 127.0.0.1 said: 451 4.7.1 greylisted"]
    {
        assert!(report.contains(text), "{text} not in\n{report}");
    }
    office.retry_all();
    until("the next try", || office.queue().first().is_some_and(|entry| entry.tries() == 4));
    assert!(office.store.tasks(10).unwrap().is_empty());
    assert_eq!(office.inbox().len(), 1);
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!((host.received(), office.inbox().len()), (1, 1));
}

#[test]
fn a_mail_whose_time_is_over_is_given_up() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("RCPT", "451 4.7.1 greylisted", 2);
    let office = Office::open(config(Sender { retry: hourly(), give_up_after: 2, ..sender(&[&host]) }));
    waiting_since(&office, 73);
    until("the first try", || office.queue().first().is_some_and(|entry| entry.tries() == 1));
    office.retry_all();
    office.wait_for_empty_queue();
    until("the report", || office.inbox().len() == 1);
    let report = office.inbox().remove(0);
    assert!(report.contains("Action: failed") && report.contains("given up after 2 hours"), "{report}");
}
