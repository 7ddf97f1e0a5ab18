//! The list of relay hosts, logins, and what a server that is not well does to the mails.

use pillarbox::config::{Login, LoginMethod, Secret};

use crate::office::{Office, config, sender, sender_at, text, until};
use crate::smarthost::{Behaviour, Smarthost, deaf_port};

#[test]
fn a_host_that_cannot_be_reached_or_turns_us_away_leads_to_the_next() {
    let away = Smarthost::start(Behaviour::default());
    away.rule("CONNECT", "421 4.3.2 busy", 1_000);
    let banned = Smarthost::start(Behaviour::default());
    banned.rule("CONNECT", "554 5.7.1 no", 1_000);
    let good = Smarthost::start(Behaviour::default());
    let ports = [deaf_port(), away.address.port(), banned.address.port(), good.address.port()];
    let office = Office::open(config(sender_at(&ports)));
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!((away.state().sessions, banned.state().sessions, good.received()), (1, 1, 1));
}

#[test]
fn an_answer_to_a_recipient_ends_the_search() {
    let (first, second) = (Smarthost::start(Behaviour::default()), Smarthost::start(Behaviour::default()));
    first.rule("RCPT", "550 5.1.1 no such user", 1);
    let office = Office::open(config(sender(&[&first, &second])));
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    until("the report", || office.inbox().len() == 1);
    let report = &office.inbox()[0];
    assert!(report.contains("The server 127.0.0.1 said: 550 5.1.1 no such user"), "{report}");
    assert_eq!((second.state().sessions, first.received()), (0, 0));
}

#[test]
fn a_refused_login_keeps_the_mail_and_is_said() {
    let host = Smarthost::start(Behaviour {
        capabilities: Some(vec!["PIPELINING", "AUTH PLAIN"]),
        login: Some(("office", "secret")),
        ..Behaviour::default()
    });
    let mut sender = sender(&[&host]);
    sender.login = Some(Login { user: "office".into(), password: Secret::new("wrong") });
    let office = Office::open(config(sender));
    office.submit(&["bob@else.example"], &text("1"));
    until("the refusal to be said", || office.sender_state().contains("refuses the login: 535"));
    office.wait_for_tries();
    assert_eq!(office.queue().len(), 1);
    assert!(office.board.problems().iter().any(|problem| problem.text.contains("refuses the login")));
    office.change_sender(|sender| sender.login.as_mut().unwrap().password = Secret::new("secret"));
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(host.received(), 1);
    assert!(office.sender_state().starts_with("fine"), "{}", office.sender_state());
}

/// The server announces a mechanism that its accounts do not have.
#[test]
fn a_refused_mechanism_leads_to_the_next_one() {
    let host = Smarthost::start(Behaviour {
        capabilities: Some(vec!["PIPELINING", "AUTH CRAM-MD5 PLAIN"]),
        login: Some(("office", "secret")),
        ..Behaviour::default()
    });
    let mut sender = sender(&[&host]);
    sender.login = Some(Login { user: "office".into(), password: Secret::new("secret") });
    sender.login_method = LoginMethod::CramMd5;
    let office = Office::open(config(sender));
    office.submit(&["bob@else.example"], &text("1"));
    until("the refusal to be said", || office.sender_state().contains("refuses the login: 535"));
    office.wait_for_tries();
    assert_eq!(office.queue().len(), 1);
    office.change_sender(|sender| sender.login_method = LoginMethod::Automatic);
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(host.received(), 1);
}

#[test]
fn a_sick_host_is_not_asked_by_every_mail() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("CONNECT", "421 4.3.2 out of order", 1_000);
    let office = Office::open(config(sender(&[&host])));
    for n in 0..200 {
        office.submit(&["bob@else.example"], &text(&n.to_string()));
    }
    office.wait_for_tries();
    assert!(host.state().sessions <= 4, "{}", host.state().sessions);
    let queue = office.queue();
    assert_eq!(queue.len(), 200);
    for entry in &queue {
        assert!(entry.recipients[0].reply.contains("421 4.3.2 out of order"), "{}", entry.recipients[0].reply);
        assert!(entry.due().unwrap() >= entry.accepted_at + 300_000, "by the first retry step");
    }
    assert!(office.sender_state().contains("out of order"));
    host.state().behaviour.rules.clear();
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(host.state().ids().len(), 200);
}

#[test]
fn a_server_that_takes_one_mail_a_session_puts_nothing_off() {
    for capabilities in [vec!["PIPELINING", "CHUNKING"], vec!["PIPELINING"], vec![]] {
        let host = Smarthost::start(Behaviour {
            capabilities: Some(capabilities),
            mails_a_session: Some(1),
            ..Behaviour::default()
        });
        let office = Office::open(config(sender(&[&host])));
        for n in 0..20 {
            office.submit(&["bob@else.example"], &text(&n.to_string()));
        }
        office.wait_for_empty_queue();
        let state = host.state();
        assert_eq!((state.ids().len(), state.received.len(), state.sessions), (20, 20, 20));
    }
}

#[test]
fn a_server_that_speaks_nonsense_or_nothing_is_a_temporary_failure() {
    for (command, reply) in [
        ("MAIL", "what?"),
        ("RCPT", "25x"),
        ("DATA", "250 instead of 354"),
        (".", "777 hm"),
        ("MAIL", "DROP"),
        ("DATA", "DROP"),
        (".", "DROP"),
        ("EHLO", "DROP"),
        ("EHLO", "451 later"),
        ("CONNECT", "DROP"),
    ] {
        let host = Smarthost::start(Behaviour::default());
        host.rule(command, reply, 1);
        let office = Office::open(config(sender(&[&host])));
        office.submit(&["bob@else.example"], &text("1"));
        office.wait_for_tries();
        let queue = office.queue();
        assert_eq!(queue.len(), 1, "{command} {reply}");
        assert!(queue[0].recipients[0].reply.starts_with("The relay 127.0.0.1"), "{}", queue[0].recipients[0].reply);
        office.retry_all();
        office.wait_for_empty_queue();
        assert!(host.received() >= 1);
        assert!(office.inbox().is_empty());
    }
}
