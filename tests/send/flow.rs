//! Mails of all kinds, to a smarthost that behaves.

use std::time::Duration;

use pillarbox::config::Sender;
use pillarbox::intake::MailParams;
use pillarbox::mail::{Address, BodyType, Recipient};
use pillarbox::store::{Change, Hold};

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};

const PLAIN: Vec<&str> = Vec::new();

#[test]
fn what_is_accepted_arrives_as_it_was_and_the_connection_is_kept() {
    for capabilities in [
        Some(vec!["PIPELINING", "CHUNKING", "8BITMIME"]),
        Some(vec!["PIPELINING"]),
        Some(vec!["CHUNKING"]),
        Some(PLAIN),
        None,
    ] {
        let host = Smarthost::start(Behaviour { capabilities, piece: Some(3), ..Behaviour::default() });
        let office = Office::open(config(sender(&[&host])));
        for id in ["1", "2", "3"] {
            office.submit(&["bob@else.example", "eve@else.example"], &text(id));
            office.wait_for_empty_queue();
        }
        let state = host.state();
        assert_eq!((state.received.len(), state.sessions), (3, 1));
        for (mail, id) in state.received.iter().zip(["1", "2", "3"]) {
            assert!(mail.from.starts_with("<ann@office.example>"), "{}", mail.from);
            assert_eq!(mail.to, ["<bob@else.example>", "<eve@else.example>"]);
            let body = String::from_utf8(mail.body.clone()).unwrap();
            assert!(body.starts_with("Received: ") && body.ends_with(&text(id)), "{body}");
        }
    }
}

/// Three megabytes.
fn large(id: &str) -> String {
    let lines = ".a line that begins with a dot\r\nand one that does not\r\n".repeat(60_000);
    format!("{}{lines}", text(id))
}

#[test]
fn a_large_body_goes_in_pieces() {
    for capabilities in [vec!["PIPELINING"], vec!["PIPELINING", "CHUNKING"], vec!["CHUNKING"], PLAIN] {
        let chunked = capabilities.contains(&"CHUNKING");
        let host = Smarthost::start(Behaviour { capabilities: Some(capabilities), ..Behaviour::default() });
        let office = Office::open(config(sender(&[&host])));
        let mail = large("large");
        office.submit(&["bob@else.example"], &mail);
        office.submit(&["bob@else.example"], &text("small"));
        office.wait_for_empty_queue();
        let state = host.state();
        let found = state.received.iter().find(|received| received.body.len() > 1_000_000).unwrap();
        assert!(found.body.ends_with(mail.as_bytes()));
        assert_eq!(state.ids().len(), 2);
        let chunks = state.commands.iter().filter(|command| command.starts_with("BDAT ")).count();
        let data = state.commands.iter().filter(|command| *command == "DATA").count();
        assert_eq!((chunks > 20, data > 0), (chunked, !chunked), "{chunks} chunks");
    }
}

#[test]
fn a_chunk_that_is_refused_ends_the_mail_and_not_the_session() {
    let chunking = Some(vec!["PIPELINING", "CHUNKING"]);
    let host = Smarthost::start(Behaviour { capabilities: chunking, ..Behaviour::default() });
    let office = Office::open(config(Sender { max_connections: 1, ..sender(&[&host]) }));
    // The second chunk: the first is one of those that begin like it.
    host.rule("BDAT 131072", "250 2.0.0 go on", 1);
    host.rule("BDAT 131072", "552 5.3.4 too much", 1);
    office.submit(&["bob@else.example"], &large("refused"));
    office.submit(&["bob@else.example"], &text("next"));
    office.wait_for_empty_queue();
    until("the report", || !office.inbox().is_empty());
    assert!(office.inbox()[0].contains("552 5.3.4 too much"));
    {
        let state = host.state();
        assert_eq!((state.ids().get("next"), state.ids().get("refused")), (Some(&1), None));
        assert_eq!(state.sessions, 1);
        // A server that keeps the chunks until RSET does not take them for the next mail's.
        assert!(state.received.iter().all(|mail| mail.body.len() < 1000));
    }
    // For now only, and in the last chunk of all.
    host.rule(".", "451 4.3.0 later", 1);
    office.submit(&["bob@else.example"], &large("later"));
    office.wait_for_tries();
    assert!(office.queue()[0].recipients[0].reply.contains("451 4.3.0 later"));
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(host.state().ids().get("later"), Some(&1));
}

#[test]
fn one_hundred_recipients_with_a_limit_of_twenty_are_five_transactions() {
    let host = Smarthost::start(Behaviour::default());
    let mut sender = sender(&[&host]);
    sender.max_recipients = 20;
    let office = Office::open(config(sender));
    let to: Vec<String> = (0..100).map(|n| format!("u{n}@else.example")).collect();
    office.submit(&to.iter().map(String::as_str).collect::<Vec<_>>(), &text("1"));
    office.wait_for_empty_queue();
    let state = host.state();
    assert_eq!(state.received.iter().map(|mail| mail.to.len()).collect::<Vec<_>>(), [20; 5]);
    let mut reached: Vec<String> = state.received.iter().flat_map(|mail| mail.to.clone()).collect();
    reached.sort();
    reached.dedup();
    assert_eq!(reached.len(), 100);
}

#[test]
fn a_backlog_goes_out_once_each_and_in_groups() {
    for capabilities in [vec!["PIPELINING", "CHUNKING"], vec!["PIPELINING"]] {
        let host = Smarthost::start(Behaviour { capabilities: Some(capabilities), ..Behaviour::default() });
        let mut office = Office::closed(config(sender(&[&host])));
        for n in 0..300 {
            office.submit(&["bob@else.example"], &text(&n.to_string()));
        }
        office.start();
        office.wait_for_empty_queue();
        let state = host.state();
        let ids = state.ids();
        assert_eq!((ids.len(), ids.values().max()), (300, Some(&1)));
        assert!(state.most_at_once > 3, "{}", state.most_at_once);
    }
}

#[test]
fn more_than_fits_in_memory_waits_while_paused_and_is_sent_once() {
    let host = Smarthost::start(Behaviour::default());
    let mut settings = config(sender(&[&host]));
    settings.connections[0].paused = true;
    let office = Office::open(settings);
    for n in 0..2_400 {
        office.submit(&["bob@else.example"], &text(&n.to_string()));
    }
    assert!(office.sender_state().contains("paused"), "{}", office.sender_state());
    assert_eq!((host.state().sessions, office.queue().len()), (0, 2_400));
    office.change(|config| config.connections[0].paused = false);
    office.wait_for_empty_queue();
    let ids = host.state().ids();
    assert_eq!((ids.len(), ids.values().max()), (2_400, Some(&1)));
}

#[test]
fn what_waits_is_sent_after_a_restart() {
    let host = Smarthost::start(Behaviour::default());
    let mut settings = config(sender(&[&host]));
    settings.connections[0].enabled = false;
    let office = Office::open(settings.clone());
    office.submit(&["bob@else.example"], &text("1"));
    assert!(office.board.senders()[&0].state.contains("no enabled connection"));
    settings.connections[0].enabled = true;
    let office = office.restart(settings);
    office.wait_for_empty_queue();
    assert_eq!(host.received(), 1);
    assert!(office.board.senders().contains_key(&1) && !office.board.senders().contains_key(&0));
}

#[test]
fn held_mail_stays_until_it_is_released() {
    let host = Smarthost::start(Behaviour::default());
    let mut office = Office::closed(config(sender(&[&host])));
    let held = office.submit(&["bob@else.example"], &text("held"));
    smol::block_on(office.store.commit(vec![Change::QueueHold { mail: held, hold: Hold::ByAdministrator }])).unwrap();
    // It was handed over before the hold; the change is said, as the command line does.
    office.signals.queue_changed();
    while office.signals.fresh().try_recv().is_ok() {}
    office.start();
    office.submit(&["bob@else.example"], &text("other"));
    until("the other to be sent", || host.received() == 1);
    // The server has it a moment before the queue knows.
    until("the other to leave the queue", || office.queue().len() == 1);
    smol::block_on(office.store.commit(vec![Change::QueueHold { mail: held, hold: Hold::No }])).unwrap();
    office.signals.queue_changed();
    office.wait_for_empty_queue();
    assert_eq!(host.received(), 2);
}

#[test]
fn a_slow_server_gets_more_connections_but_not_too_many() {
    let slow = Behaviour { slow: Duration::from_millis(30), ..Behaviour::default() };
    let host = Smarthost::start(slow);
    let mut sender = sender(&[&host]);
    sender.max_connections = 3;
    let office = Office::open(config(sender));
    for n in 0..80 {
        office.submit(&["bob@else.example"], &text(&n.to_string()));
    }
    office.wait_for_empty_queue();
    let state = host.state();
    assert_eq!((state.most_open, state.ids().len(), state.received.len()), (3, 80, 80));
}

#[test]
fn stopping_lets_a_transaction_finish() {
    let slow = Behaviour { slow: Duration::from_millis(300), ..Behaviour::default() };
    let host = Smarthost::start(slow);
    let mut office = Office::open(config(sender(&[&host])));
    office.submit(&["bob@else.example"], &text("1"));
    until("the content to be on its way", || host.state().commands.iter().any(|line| line == "DATA"));
    office.stop();
    assert_eq!(host.received(), 1);
    assert!(host.state().commands.iter().any(|line| line == "QUIT"));
    assert!(office.queue().is_empty());
}

#[test]
fn addresses_beyond_ascii_need_a_server_that_knows_them() {
    let params = MailParams {
        return_path: Address::parse("ann@office.example").ok(),
        body: BodyType::EightBitMime,
        smtputf8: true,
        ..MailParams::default()
    };
    let to = |address: &str| vec![Recipient::new(Address::parse(address).unwrap())];
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    office.submit_as(params.clone(), to("jürgen@else.example"), text("1").as_bytes());
    office.wait_for_empty_queue();
    assert!(host.state().received[0].from.contains(" BODY=8BITMIME SMTPUTF8"), "{:?}", host.state().received[0]);

    let old = Smarthost::start(Behaviour { capabilities: Some(vec!["PIPELINING"]), ..Behaviour::default() });
    let office = Office::open(config(sender(&[&old])));
    office.submit_as(params.clone(), to("bob@else.example"), text("needs nothing").as_bytes());
    office.submit_as(params, to("jürgen@else.example"), text("needs it").as_bytes());
    office.wait_for_empty_queue();
    assert_eq!(old.received(), 1);
    until("the report", || office.inbox().iter().any(|mail| mail.contains("Status: 5.6.7")));
    // A domain has a form that every server knows.
    let plain = MailParams { return_path: Address::parse("ann@b\u{fc}ro.example").ok(), ..MailParams::default() };
    office.submit_as(plain, to("bob@m\u{fc}ller.example"), text("domains").as_bytes());
    office.wait_for_empty_queue();
    let mail = old.state().received[1].clone();
    assert!(mail.from.starts_with("<ann@xn--bro-hoa.example>"), "{mail:?}");
    assert_eq!(mail.to, ["<bob@xn--mller-kva.example>"]);
}
