//! Direct sending: the mail servers of a domain, found as RFC 5321 §5.1 says, and what becomes of a mail when there are
//! none, none answers, or all are sick.

use pillarbox::config::senders::RetryStep;
use pillarbox::config::{RelayEncryption, Sender};
use pillarbox::net::tls::ServerTls;

use crate::notifications::waiting_since;
use crate::office::{ANN, Office, config, text, until, wait};
use crate::smarthost::{Behaviour, Smarthost};
use crate::world::World;

fn office(world: &World) -> Office {
    office_with(world, world.sender())
}

fn office_with(world: &World, sender: Sender) -> Office {
    Office::direct(config(sender), world.port)
}

/// The text of the report ann gets about this recipient.
fn report(office: &Office) -> String {
    wait("the report", || office.inbox().pop())
}

#[test]
fn each_domain_is_sent_to_its_own_servers() {
    let world = World::start();
    let office = office(&world);
    for (domain, expected) in [
        ("pref", (1, 0)),
        ("truncated", (2, 0)),
        ("cname", (3, 0)),
        ("plain", (4, 0)),
        ("two-families", (5, 0)),
        ("dead-first", (5, 1)),
        ("address", (5, 2)),
        ("before-us", (6, 2)),
        ("m\u{fc}ller", (7, 2)),
    ] {
        office.submit(&[&format!("bob@{domain}.example")], &text(domain));
        office.wait_for_empty_queue();
        assert_eq!(world.received(), expected, "{domain}");
    }
    office.submit(&["bob@[127.0.1.2]"], &text("literal"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (7, 3));
    if let Some(six) = &world.six {
        office.submit(&["bob@six.example"], &text("six"));
        office.wait_for_empty_queue();
        assert_eq!(six.received(), 1);
    }
    assert!(office.inbox().is_empty());
    let tcp = world.dns.asked().iter().any(|asked| asked.name.contains("truncated") && asked.tcp);
    assert!(tcp, "the whole answer came over TCP");
}

#[test]
fn what_cannot_be_is_told_at_once() {
    let world = World::start();
    let office = office(&world);
    for (recipient, status) in [
        ("bob@nx.example", "5.1.2"),
        ("bob@null.example", "5.1.10"),
        ("bob@noaddress.example", "5.4.4"),
        ("bob@nothing.example", "5.4.4"),
        ("bob@ours.example", "5.4.6"),
    ] {
        let before = office.inbox().len();
        office.submit(&[recipient], &text("1"));
        office.wait_for_empty_queue();
        until("the report", || office.inbox().len() > before);
        let reports = office.inbox();
        let told = reports.iter().filter(|report| report.contains(&format!("Final-Recipient: rfc822; {recipient}")));
        let told: Vec<&String> = told.collect();
        assert_eq!(told.len(), 1, "{recipient}: {reports:?}");
        assert!(told[0].contains(&format!("Status: {status}\r\n")), "{recipient}: {}", told[0]);
    }
    assert_eq!(world.received(), (0, 0));
}

#[test]
fn what_may_come_right_waits() {
    let world = World::start();
    let office = office(&world);
    for (domain, words) in [("servfail", "4.4.3"), ("dead", "cannot be reached"), ("before-us", "421 4.3.2 busy")] {
        world.one.rule("CONNECT", "421 4.3.2 busy", 1);
        office.submit(&[&format!("bob@{domain}.example")], &text(domain));
        until("a try", || office.queue().iter().all(|entry| entry.tries() > 0));
        let queue = office.queue();
        let entry = queue.last().unwrap();
        assert!(entry.recipients[0].reply.contains(words), "{domain}: {}", entry.recipients[0].reply);
        assert!(entry.due().unwrap() >= entry.accepted_at + 300_000);
    }
    assert_eq!(world.received(), (0, 0), "what stands behind us in the list is not asked");
    assert!(office.inbox().is_empty());
    assert!(office.board.problems().is_empty(), "the administrator is not told");
}

#[test]
fn a_greeting_of_4xx_leads_to_the_next_server_a_reply_does_not() {
    let world = World::start();
    let office = office(&world);
    world.one.rule("CONNECT", "421 4.3.2 busy", 1);
    office.submit(&["bob@pref.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (0, 1));
    world.one.rule("RCPT", "451 4.7.1 greylisted", 1);
    office.submit(&["bob@other.example"], &text("2"));
    office.wait_for_tries();
    assert_eq!(world.received(), (0, 1));
    assert!(office.queue()[0].recipients[0].reply.contains("451 4.7.1 greylisted"));
    let state = office.sender_state();
    assert!(state.starts_with("MX Send Warning - ") && state.contains("451 4.7.1 greylisted"), "{state}");
    assert!(office.board.problems().is_empty(), "the administrator is not told");
    let attempt = office.store.attempts(1).unwrap().remove(0);
    assert_eq!((attempt.server.as_str(), attempt.result.as_str()), ("mx1.world.example", "451 4.7.1 greylisted"));
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (1, 1));
}

#[test]
fn each_recipient_is_finished_by_itself() {
    let world = World::start();
    let office = office(&world);
    let to = ["a@pref.example", "b@dead.example", "c@nx.example", "d@pref.example", "e@address.example"];
    office.submit(&to, &text("1"));
    until("all to be decided but one", || {
        let queue = office.queue();
        let replies: Vec<u32> = queue.iter().flat_map(|entry| &entry.recipients).map(|r| r.tries).collect();
        replies == [1, 1, 1, 1, 1]
    });
    assert_eq!(world.received(), (1, 1));
    assert_eq!(world.one.state().received[0].to, ["<a@pref.example>", "<d@pref.example>"]);
    assert!(report(&office).contains("c@nx.example"));
    office.retry_all();
    until("the second try", || office.queue()[0].recipients[1].tries == 2);
    assert_eq!(world.received(), (1, 1), "nobody gets it twice");
}

#[test]
fn behaviour_08_direct_sending_retries_4xx_and_reports_after_three_days_to_the_sender_only() {
    let world = World::start();
    // Two tries stand for three days.
    let retry = vec![RetryStep { every: 36 * 60, until: 0 }];
    let office = office_with(&world, Sender { retry, warn_after: 0, ..world.sender() });
    world.one.rule("RCPT", "451 4.7.1 not yet", 2);
    waiting_since(&office, 73);
    until("the first try", || office.queue().first().is_some_and(|entry| entry.tries() == 1));
    assert!(office.inbox().is_empty());
    office.retry_all();
    office.wait_for_empty_queue();
    let report = report(&office);
    for words in ["Action: failed", "451 4.7.1 not yet", "given up after 72 hours"] {
        assert!(report.contains(words), "{words} not in\n{report}");
    }
    assert!(office.board.problems().is_empty());
    let others = office.store.mailboxes().unwrap();
    assert!(others.iter().all(|mailbox| mailbox.mailbox.user == ANN), "{others:?}");
}

#[test]
fn a_dead_destination_is_not_asked_by_every_mail_and_keeps_nobody_up() {
    let world = World::start();
    let office = office(&world);
    world.one.rule("CONNECT", "421 4.3.2 out of order", 1_000);
    for n in 0..100 {
        office.submit(&["bob@before-us.example"], &text(&n.to_string()));
        office.submit(&["bob@address.example"], &text(&format!("good{n}")));
    }
    office.wait_for_tries();
    until("the others", || world.two.received() == 100);
    until("the queue to know", || office.queue().len() == 100);
    assert!(world.one.state().sessions <= 4, "{}", world.one.state().sessions);
}

#[test]
fn equal_servers_share_the_load() {
    let world = World::start();
    let office = office(&world);
    until("both to be used", || {
        office.submit(&["bob@equal.example"], &text("x"));
        office.wait_for_empty_queue();
        // The next one is to choose anew.
        office.change_sender(|sender| sender.warn_after += 1);
        world.one.received() > 0 && world.two.received() > 0
    });
}

#[test]
fn threads_bound_the_connections_of_all_domains() {
    let world = World::start();
    for host in [&world.one, &world.two] {
        host.state().behaviour.slow = std::time::Duration::from_millis(20);
    }
    let office = office_with(&world, Sender { threads: 2, ..world.sender() });
    for n in 0..10 {
        for domain in ["pref", "cname", "plain", "address"] {
            office.submit(&[&format!("bob@{domain}.example")], &text(&format!("{domain}{n}")));
        }
    }
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (30, 10));
    let most = world.one.state().most_open.max(world.two.state().most_open);
    assert!(most <= 2, "{most} connections");
}

#[test]
fn broken_tls_is_gone_round_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with_tls(Some(ServerTls::self_signed(dir.path(), "mx1.world.example").unwrap()));
    let office = office(&world);
    office.submit(&["bob@address.example"], &text("1"));
    office.wait_for_empty_queue();
    assert!(world.two.state().received[0].encrypted, "any certificate will do");
    world.one.state().behaviour.garbage_for_tls = true;
    for (n, domain) in ["plain", "cname", "pref"].iter().enumerate() {
        office.submit(&[&format!("bob@{domain}.example")], &text(domain));
        office.wait_for_empty_queue();
        assert_eq!(world.one.received(), n + 1);
    }
    let tries = world.one.state().commands.iter().filter(|line| line.as_str() == "STARTTLS").count();
    assert_eq!(tries, 3, "once for each name");
    office.submit(&["bob@other.example"], &text("again"));
    office.wait_for_empty_queue();
    let tries = world.one.state().commands.iter().filter(|line| line.as_str() == "STARTTLS").count();
    assert_eq!((world.one.received(), tries), (4, 3), "mx1 is known by now");
    // Who demands encryption gets it or nothing.
    office.renew_sender(|sender| sender.encryption = RelayEncryption::Starttls);
    office.submit(&["bob@pref.example"], &text("safe"));
    office.wait_for_tries();
    assert_eq!((world.one.received(), office.queue().len()), (4, 1));
}

#[test]
fn behaviour_11_overrides_by_priority_until_an_end() {
    let world = World::start();
    let (one, two) = (world.one.address, world.two.address);
    let set = |office: &Office, lines: &[String]| {
        let lines = lines.to_vec();
        office.renew_sender(|sender| sender.dns_overrides = lines);
    };
    let first = format!("nx.example {one}");
    let second = format!("nx.example {two} $priority:20");
    let office = office(&world);
    set(&office, &[second.clone(), first.clone()]);
    office.submit(&["bob@nx.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (1, 0), "smaller first, and no MX is asked for");
    world.one.rule("CONNECT", "421 4.3.2 busy", 2);
    set(&office, &[first.clone(), second.clone(), String::new()]);
    office.submit(&["bob@nx.example"], &text("2"));
    office.wait_for_empty_queue();
    assert_eq!(world.received(), (1, 1), "the second after the first");
    set(&office, &[format!("{first} $end"), second]);
    office.submit(&["bob@nx.example"], &text("3"));
    office.wait_for_tries();
    assert_eq!((world.received(), office.queue().len()), ((1, 1), 1), "an end takes the second away");
}

#[test]
fn overrides_log_in_and_choose_by_size_and_sender() {
    let world = World::start();
    let host = Smarthost::start(Behaviour {
        capabilities: Some(vec!["PIPELINING", "AUTH PLAIN"]),
        login: Some(("fred", "secret")),
        ..Behaviour::default()
    });
    let lines = vec![
        format!("* fred:secret@{} $sender:ann@* $size>=5000", host.address),
        format!("*.example {} $size<5000", world.two.address),
    ];
    let office = office_with(&world, Sender { dns_overrides: lines, ..world.sender() });
    office.submit(&["bob@pref.example"], &text("small"));
    office.submit(&["bob@pref.example", "eve@other.org"], &(text("large") + &"x".repeat(70).repeat(100)));
    office.wait_for_empty_queue();
    assert_eq!((host.received(), world.two.received()), (1, 1));
    assert_eq!(host.state().received[0].to.len(), 2, "one destination, one transaction");
}
