//! What the administrator does to the queue: timed holds, priorities, times after which mail is deleted.

use pillarbox::config::Sender;
use pillarbox::intake::{MailParams, Source};
use pillarbox::mail::{Address, Envelope, Recipient};
use pillarbox::net::now_ms;
use pillarbox::store::{Change, Hold, MailId, NewMail, NewQueueEntry};

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};

#[test]
fn what_a_server_has_at_this_moment_is_being_sent() {
    let host = Smarthost::start(Behaviour::default());
    host.rule("MAIL", "SILENCE", 1);
    let office = Office::open(config(sender(&[&host])));
    let mail = office.submit(&["bob@else.example"], &text("1"));
    put(&office, "held", |entry| entry.hold = Hold::ByAdministrator);
    until("the server to have it", || host.state().commands.iter().any(|line| line.starts_with("MAIL")));
    assert_eq!(office.board.under_way(), [mail].into());
}

#[test]
fn what_is_sent_is_not_being_sent_any_more() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    until("nothing to be under way", || office.board.under_way().is_empty());
}

/// A mail in the queue as a hook or a user's settings want it.
fn put(office: &Office, id: &str, change: impl FnOnce(&mut NewQueueEntry)) -> MailId {
    smol::block_on(async {
        let envelope = Envelope {
            return_path: Address::parse("ann@office.example").ok(),
            recipients: vec![Recipient::new(Address::parse("bob@else.example").unwrap())],
            ..Envelope::default()
        };
        let mut entry = NewQueueEntry::now(envelope, now_ms());
        change(&mut entry);
        let mut body = office.store.body_writer();
        body.write(text(id).as_bytes()).await.unwrap();
        let (mail, body) = (office.store.mail_id(), body.finish().await.unwrap());
        let (received_at, deliveries) = (now_ms(), Vec::new());
        let new = NewMail { id: mail, body, received_at, deliveries, queue: Some(entry) };
        office.store.commit(vec![Change::AddMail(new)]).await.unwrap();
        mail
    })
}

#[test]
fn a_timed_hold_ends_by_itself_and_a_far_one_does_not() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    put(&office, "soon", |entry| entry.hold = Hold::Until(now_ms() + 300));
    let far = put(&office, "far", |entry| entry.hold = Hold::Until(now_ms() + 90 * 24 * 3_600_000));
    office.signals.queue_changed();
    until("the mail to be released", || host.received() == 1);
    until("the queue to know", || office.queue().len() == 1);
    assert_eq!((office.queue()[0].mail, office.queue()[0].tries()), (far, 0));
    smol::block_on(office.store.commit(vec![Change::QueueHold { mail: far, hold: Hold::No }])).unwrap();
    office.signals.queue_changed();
    office.wait_for_empty_queue();
    assert_eq!(host.state().ids().len(), 2);
}

#[test]
fn smaller_priorities_go_first() {
    let host = Smarthost::start(Behaviour::default());
    let mut office = Office::closed(config(Sender { max_connections: 1, ..sender(&[&host]) }));
    for (id, priority) in [("slow", 90), ("usual", 50), ("first", 1), ("raised", 99)] {
        let mail = put(&office, id, |entry| entry.priority = priority);
        if id == "raised" {
            smol::block_on(office.store.commit(vec![Change::QueuePriority { mail, priority: 20 }])).unwrap();
        }
    }
    office.start();
    office.wait_for_empty_queue();
    let state = host.state();
    let order: Vec<String> = state
        .received
        .iter()
        .map(|mail| {
            let body = String::from_utf8_lossy(&mail.body).into_owned();
            body.lines().find_map(|line| line.strip_prefix("X-Id: ")).unwrap().to_string()
        })
        .collect();
    assert_eq!(order, ["first", "raised", "usual", "slow"]);
}

#[test]
fn mail_is_deleted_when_its_time_is_over_held_or_not() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(sender(&[&host])));
    put(&office, "held", |entry| (entry.hold, entry.delete_after) = (Hold::ByAdministrator, Some(now_ms() + 200)));
    put(&office, "late", |entry| (entry.due, entry.delete_after) = (now_ms() + 60_000, Some(now_ms() - 5)));
    office.signals.queue_changed();
    office.wait_for_empty_queue();
    assert_eq!((host.received(), office.inbox().len()), (0, 0));
    let rows = office.store.journal(10).unwrap();
    assert_eq!(rows.iter().filter(|row| row.event == "removed").count(), 2);
}

#[test]
fn a_user_has_a_priority_and_a_time_to_think_again() {
    let host = Smarthost::start(Behaviour::default());
    let mut settings = config(sender(&[&host]));
    (settings.users[0].outgoing_priority, settings.users[0].hold_sent_messages) = (20, 90);
    let office = Office::open(settings);
    let source = Source::Smtp {
        client: [192, 0, 2, 1].into(),
        helo: "pc".into(),
        with: "ESMTPA",
        tls: None,
        auth_user: Some("ann".into()),
        may_relay: true,
        user: Some(crate::office::ANN),
    };
    let params = MailParams { return_path: Address::parse("ann@office.example").ok(), ..MailParams::default() };
    let to = vec![Recipient::new(Address::parse("bob@else.example").unwrap())];
    let before = now_ms();
    office.submit_from(source, params, to, text("held").as_bytes());
    let entry = office.queue().remove(0);
    assert_eq!((entry.priority, entry.tries()), (20, 0));
    let Hold::Until(time) = entry.hold else { panic!("{:?}", entry.hold) };
    assert!((before + 90 * 60_000..=now_ms() + 90 * 60_000).contains(&time));
    office.retry_all();
    office.wait_for_empty_queue();
    assert_eq!(host.received(), 1);
}
