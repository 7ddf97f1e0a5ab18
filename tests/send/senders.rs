//! Several senders: who takes what, what nobody takes, who steps in, and runs of connections.

use std::collections::BTreeMap;

use pillarbox::config::{Config, Connection, ReturnAddress, Sender};
use pillarbox::live::Patience;

use crate::office::{Office, config, sender, sender_at, text, until};
use crate::smarthost::{Behaviour, Smarthost, deaf_port};

fn two(first: Sender, second: Sender) -> Config {
    let mut config = config(first);
    config.connections.push(Connection { id: 2, name: "Second".into(), sender: Some(second), ..Connection::default() });
    config
}

fn filtered(hosts: &[&Smarthost], lines: &[&str]) -> Sender {
    Sender { domain_filter: lines.iter().map(|line| line.to_string()).collect(), ..sender(hosts) }
}

fn hosts() -> [Smarthost; 2] {
    [Smarthost::start(Behaviour::default()), Smarthost::start(Behaviour::default())]
}

fn recipients(host: &Smarthost) -> Vec<String> {
    host.state().received.iter().flat_map(|mail| mail.to.clone()).collect()
}

#[test]
fn behaviour_12_an_empty_filter_sends_all_an_attempt_that_does_not_match_nothing() {
    let [host, _] = hosts();
    let office = Office::open(config(filtered(&[&host], &[""])));
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    office.renew_sender(|sender| sender.domain_filter = vec!["Attempt: To=other.example".into()]);
    office.submit(&["bob@else.example", "eve@other.example"], &text("2"));
    until("the wait to be said", || {
        let queue = office.queue();
        queue.iter().flat_map(|entry| &entry.recipients).any(|r| r.reply.starts_with("No sender takes"))
    });
    until("the other to go", || host.received() == 2);
    assert_eq!(recipients(&host), ["<bob@else.example>", "<eve@other.example>"]);
    until("the recipient to be finished", || office.queue()[0].recipients[1].tries == 1);
    assert_eq!(office.queue()[0].recipients[0].tries, 0, "it waits, it has not failed");
    office.change_sender(|sender| sender.domain_filter.clear());
    office.wait_for_empty_queue();
    assert_eq!(recipients(&host), ["<bob@else.example>", "<eve@other.example>", "<bob@else.example>"]);
}

#[test]
fn each_recipient_goes_by_the_first_sender_that_takes_it() {
    let [first, second] = hosts();
    let office = Office::open(two(
        filtered(&[&first], &["Skip: Header:X-Way=second", "Attempt: To=a.example", "Attempt: From=boss@*"]),
        sender(&[&second]),
    ));
    office.submit(&["x@a.example", "y@b.example", "z@A.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!(recipients(&first), ["<x@a.example>", "<z@a.example>"]);
    assert_eq!(recipients(&second), ["<y@b.example>"]);
    office.submit(&["x@a.example"], &text("2").replace("X-Id", "X-Way: second\r\nX-Id"));
    office.wait_for_empty_queue();
    assert_eq!(recipients(&second), ["<y@b.example>", "<x@a.example>"]);
}

#[test]
fn another_sender_steps_in_for_one_that_is_sick_or_paused() {
    let [second, _] = hosts();
    let office = Office::open(two(sender_at(&[deaf_port()]), sender(&[&second])));
    for n in 0..20 {
        office.submit(&["bob@else.example"], &text(&n.to_string()));
    }
    office.wait_for_empty_queue();
    assert_eq!(second.state().ids().values().sum::<usize>(), 20);
    let states = office.board.senders();
    assert!(!states[&1].ok && states[&2].ok, "{states:?}");
    office.change(|config| config.connections[0].paused = true);
    office.submit(&["bob@else.example"], &text("paused"));
    office.wait_for_empty_queue();
    assert_eq!(second.received(), 21);
}

#[test]
fn behaviour_09_a_relay_that_refuses_the_connection_leads_on_one_that_refuses_the_recipient_does_not() {
    let [first, second] = hosts();
    let office = Office::open(config(sender_at(&[deaf_port(), first.address.port(), second.address.port()])));
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!((first.received(), second.received()), (1, 0));
    first.rule("RCPT", "550 5.1.1 no such user", 1);
    office.submit(&["eve@else.example"], &text("2"));
    office.wait_for_empty_queue();
    until("the report", || office.inbox().len() == 1);
    assert!(office.inbox()[0].contains("Status: 5.1.1"));
    assert_eq!((first.received(), second.state().sessions), (1, 0));
}

#[test]
fn the_return_path_is_the_senders_wish() {
    let [host, _] = hosts();
    let row = ReturnAddress { from: "boss@*".into(), to: "boss@isp.example".into() };
    let office = Office::open(config(Sender {
        return_address: "office@isp.example".into(),
        return_addresses: vec![row],
        ..sender(&[&host])
    }));
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    assert!(host.state().received[0].from.starts_with("<office@isp.example>"), "{:?}", host.state().received[0]);
}

#[test]
fn where_mail_waits_for_runs_it_goes_in_one() {
    let [host, _] = hosts();
    let mut office = Office::closed(config(sender(&[&host])));
    let runs = office.signals.runs().clone();
    runs.set_at_once(BTreeMap::from([(1, false)]));
    office.start();
    office.submit(&["bob@else.example"], &text("1"));
    until("the mail to be in the queue", || office.queue().len() == 1);
    let running = runs.start(1, Patience::default());
    drop(runs.collecting().try_recv());
    office.wait_for_empty_queue();
    smol::block_on(running.finished());
    assert_eq!(host.received(), 1);
    // The run is over: the next mail waits again.
    office.submit(&["bob@else.example"], &text("2"));
    office.submit(&["bob@else.example"], &text("3"));
    assert_eq!((host.received(), office.queue().len()), (1, 2));
    runs.set_at_once(BTreeMap::new());
    office.wait_for_empty_queue();
    assert_eq!(host.received(), 3);
}

#[test]
fn a_run_of_a_limited_sender_is_one_session() {
    let [host, _] = hosts();
    let mut office = Office::closed(config(Sender { max_messages_per_session: 3, ..sender(&[&host]) }));
    let runs = office.signals.runs().clone();
    runs.set_at_once(BTreeMap::from([(1, false)]));
    for n in 0..5 {
        office.submit(&["bob@else.example"], &text(&n.to_string()));
    }
    office.start();
    for left in [2, 0] {
        let running = runs.start(1, Patience::default());
        drop(runs.collecting().try_recv());
        smol::block_on(running.finished());
        until("the outcomes", || office.queue().len() == left);
    }
    let state = host.state();
    assert_eq!((state.received.len(), state.sessions, state.ids().len()), (5, 2, 5));
}

#[test]
fn a_run_may_be_only_for_what_was_there_at_its_start() {
    let [host, _] = hosts();
    host.state().behaviour.slow = std::time::Duration::from_millis(300);
    let mut office = Office::closed(config(Sender { only_waiting_at_start: true, ..sender(&[&host]) }));
    let runs = office.signals.runs().clone();
    runs.set_at_once(BTreeMap::from([(1, false)]));
    office.submit(&["bob@else.example"], &text("before"));
    office.start();
    let running = runs.start(1, Patience::default());
    drop(runs.collecting().try_recv());
    until("the first to be on its way", || host.state().commands.iter().any(|line| line.starts_with("MAIL")));
    let after = office.submit(&["bob@else.example"], &text("after"));
    smol::block_on(running.finished());
    until("the outcome", || office.queue().len() == 1);
    assert_eq!((host.received(), office.queue()[0].mail), (1, after));
}
