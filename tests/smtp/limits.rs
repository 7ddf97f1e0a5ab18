//! Limits, time, and the end.

use std::time::{Duration, Instant};

use pillarbox::config::AccessList;

use super::office::{Office, PATIENCE};

#[test]
fn more_sessions_than_allowed_are_turned_away() {
    let office = Office::with(|service| service.max_sessions = 2);
    let (first, _second) = (office.greeted(), office.greeted());
    let mut third = office.connect();
    assert_eq!(third.line(), "421 4.3.2 Too many connections - try later");
    third.closed();
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    while !office.connect().line().starts_with("220") {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn more_sessions_from_one_stranger_are_turned_away() {
    let strangers = Office::with(|service| {
        service.access = AccessList::default();
        service.max_sessions_per_address = 1;
    });
    let _first = strangers.greeted();
    assert_eq!(strangers.connect().line(), "421 4.3.2 Too many connections from your IP address - try later");
    let ours = Office::with(|service| service.max_sessions_per_address = 1);
    let _first = ours.greeted();
    ours.greeted();
}

#[test]
fn silence_ends_a_session() {
    let office = Office::with(|service| service.timeout = 1);
    let mut client = office.greeted();
    let began = Instant::now();
    assert_eq!(client.line(), "421 4.4.2 Timed out waiting for input");
    assert!(began.elapsed() >= Duration::from_millis(900));
    client.closed();
}

/// A byte now and then is no way to hold a session.
#[test]
fn a_command_that_never_ends_ends_a_session() {
    let office = Office::with(|service| service.timeout = 1);
    let mut client = office.greeted();
    let began = Instant::now();
    while !client.has_something_to_say() {
        client.send("x");
        assert!(began.elapsed() < PATIENCE, "the session goes on");
    }
    assert!(client.line().starts_with("421 4.4.2"));
}

#[test]
fn a_transaction_is_finished_after_the_stop_and_the_idle_are_told() {
    let mut office = Office::open();
    let mut idle = office.greeted();
    let mut busy = office.greeted();
    busy.begin("x@far.example", &["anna"]);
    busy.send("Subject: x\r\n\r\n");
    office.stop();
    assert_eq!(idle.line(), "421 4.3.2 Service is stopping, try again later");
    idle.closed();
    busy.expect(".", "250 2.0.0 Ok");
    assert_eq!(busy.line(), "421 4.3.2 Service is stopping, try again later");
    busy.closed();
    office.ended();
    assert_eq!(office.inbox(1).len(), 1);
    assert!(office.board.sessions().is_empty());
}

#[test]
fn gateways_have_places_of_their_own() {
    let office = Office::with(|service| {
        service.access = AccessList::default();
        service.max_incoming_sessions = 1;
        service.reserved_sessions = 1;
    });
    assert_eq!(office.connect().line(), "421 4.3.2 Too many connections - try later");
    office.change(|config| config.smtp[0].reserved_for = vec!["127.0.0.0/8".into()]);
    let _first = office.greeted();
    assert_eq!(office.connect().line(), "421 4.3.2 Too many connections - try later");
}

#[test]
fn local_addresses_have_a_limit_where_one_is_set() {
    let office = Office::with(|service| service.max_sessions_per_local_address = 1);
    let _first = office.greeted();
    assert_eq!(office.connect().line(), "421 4.3.2 Too many connections from your IP address - try later");
}

/// Both ways, and for all sessions of the service together.
#[test]
fn bandwidth_is_limited() {
    for limit_service in [true, false] {
        let office = Office::with(|service| {
            let limit = if limit_service { &mut service.max_bandwidth } else { &mut service.max_session_bandwidth };
            *limit = 100;
        });
        let text = format!("Subject: x\r\n\r\n{}", "a line of a mail of some length\r\n".repeat(4000));
        let mut client = office.greeted();
        let began = Instant::now();
        client.mail("x@far.example", &["anna"], &text);
        let least = Duration::from_secs_f64(text.len() as f64 / 1024.0 / 100.0 - 1.0);
        assert!(text.len() > 125 * 1024 && began.elapsed() > least, "{:?}", began.elapsed());
        assert_eq!(office.inbox(1).len(), 1);
    }
}
