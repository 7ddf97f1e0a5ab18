//! What the main administrator gets to read of Connections that fail.

use pillarbox::config::{CollectorEncryption, Config};

use crate::office::{Isp, Office, config, until};
use crate::provider::{Provider, Tls};
use crate::smarthost::deaf_port;

/// Told at the first failure; mail goes at once.
fn settings(isp: &Isp) -> Config {
    let mut settings = config(&[isp]);
    settings.admin.connection_errors_after = 0;
    settings.schedule.items[0].send_immediately = true;
    settings
}

fn refuse(isp: &Isp, refuse: bool) {
    isp.pop3.behave(|behaviour| behaviour.refuse_login = refuse.then_some("-ERR [AUTH] wrong password"));
}

#[test]
fn a_collector_that_fails_is_told_once_a_day_and_when_it_works_again() {
    let isp = Isp::start(1);
    refuse(&isp, true);
    let office = Office::open(settings(&isp));
    office.at(10, 0);
    until("the message", || office.inbox().len() == 1);
    let mail = &office.inbox()[0];
    assert!(mail.contains("Subject: The Connection ISP 1 does not work\r\n"), "{mail}");
    assert!(mail.contains("Mail Collector Mailbox 1, tried once: Your provider refused"), "{mail}");
    assert!(mail.contains("since Tue, 24 Nov 2026 10:00:30 +0000"), "{mail}");
    for (runs, minute) in [(2, 5), (3, 10), (4, 15)] {
        office.at(10, minute);
        office.ran(1, runs);
    }
    office.looked_for_errors();
    assert_eq!(office.inbox().len(), 1);
    // Tomorrow.
    office.at(24 + 10, 20);
    until("the second message", || office.inbox().len() == 2);
    assert!(office.inbox()[1].contains("does not work"));

    refuse(&isp, false);
    office.at(24 + 10, 25);
    until("the last message", || office.inbox().len() == 3);
    let mail = &office.inbox()[2];
    assert!(mail.contains("Subject: The Connection ISP 1 works again\r\n"), "{mail}");
    office.at(24 + 10, 30);
    office.looked_for_errors();
    assert_eq!((office.inbox().len(), office.store.reported_errors().unwrap()), (3, Vec::new()));
}

#[test]
fn a_sender_that_fails_is_told() {
    let isp = Isp::start(1);
    isp.smarthost.rule("CONNECT", "421 4.3.2 out of order", 1);
    let office = Office::open(settings(&isp));
    office.at(10, 1);
    office.submit("bob@isp1.example", "out");
    until("the message", || office.inbox().len() == 1);
    let mail = &office.inbox()[0];
    assert!(mail.contains("Mail Sender, tried once: ") && mail.contains("421 4.3.2"), "{mail}");
    assert_eq!(office.store.reported_errors().unwrap().len(), 1);
    office.retry();
    until("the mail to be out", || office.queue_len() == 0);
    until("the second message", || office.inbox().len() == 2);
    assert!(office.inbox()[1].contains("works again"));
}

#[test]
fn what_is_wrong_is_said_as_on_the_status_page() {
    let (pop3, port) = (Provider::start_tls(Tls::Ssl), deaf_port());
    let isp = Isp::start(1);
    let mut settings = settings(&isp);
    settings.collectors[0].encryption = CollectorEncryption::Ssl;
    (settings.collectors[0].host, settings.collectors[0].port) = ("localhost".into(), pop3.address.port());
    settings.connections[0].sender.as_mut().unwrap().hosts[0].port = port;
    settings.schedule.items[0].send_immediately = false;
    let office = Office::open(settings);
    office.submit("bob@isp1.example", "out");
    office.at(10, 0);
    until("the message", || office.inbox().len() == 1);
    office.ran(1, 1);
    let words = &office.board.collectors()[&1].trouble;
    assert!(words.starts_with("No encrypted connection with localhost"), "{words}");

    // All of it works again.
    let certificate = office.file("ca.pem");
    std::fs::write(&certificate, &pop3.certificate).unwrap();
    office.change(|config| {
        config.tls.ca_file = certificate.to_str().unwrap().into();
        config.connections[0].sender.as_mut().unwrap().hosts[0].port = isp.smarthost.address.port();
    });
    office.retry();
    office.signals.runs().ask(1);
    until("the last message", || office.inbox().last().is_some_and(|mail| mail.contains("works again")));
    until("the mail", || isp.smarthost.state().ids().len() == 1);
}

#[test]
fn nobody_is_told_who_does_not_want_it() {
    let isp = Isp::start(1);
    refuse(&isp, true);
    let mut settings = settings(&isp);
    settings.admin.connection_errors = false;
    let office = Office::open(settings);
    office.at(10, 0);
    office.ran(1, 1);
    office.looked_for_errors();
    assert_eq!(office.inbox().len(), 0);
    // Wanted from now on.
    office.change(|config| config.admin.connection_errors = true);
    office.at(10, 5);
    until("the message", || office.inbox().len() == 1);
}
