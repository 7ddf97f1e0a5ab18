//! The limits of a sender: messages and recipients a session, recipients a message, recipients in a time.

use pillarbox::config::Sender;

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};

fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("u{n}@else.example")).collect()
}

fn submit(office: &Office, to: &[String], id: &str) {
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    office.submit(&to, &text(id));
}

#[test]
fn behaviour_10_a_hundred_recipients_at_twenty_a_message_are_five_transactions() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(Sender { max_recipients: 20, ..sender(&[&host]) }));
    submit(&office, &many(100), "1");
    office.wait_for_empty_queue();
    let sizes: Vec<usize> = host.state().received.iter().map(|mail| mail.to.len()).collect();
    assert_eq!(sizes, [20; 5]);
}

#[test]
fn a_session_takes_so_many_messages() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(Sender { max_messages_per_session: 3, max_connections: 1, ..sender(&[&host]) }));
    for n in 0..10 {
        submit(&office, &many(1), &n.to_string());
    }
    office.wait_for_empty_queue();
    let state = host.state();
    let mut sessions = vec![0; state.sessions + 1];
    state.received.iter().for_each(|mail| sessions[mail.session] += 1);
    assert!(sessions.iter().all(|count| *count <= 3), "{sessions:?}");
    assert_eq!((state.received.len(), state.ids().len()), (10, 10));
    assert!(state.commands.iter().filter(|line| line.as_str() == "QUIT").count() >= 3);
}

#[test]
fn a_session_takes_so_many_recipients() {
    let host = Smarthost::start(Behaviour::default());
    let office = Office::open(config(Sender { max_recipients_per_session: 7, max_connections: 1, ..sender(&[&host]) }));
    for n in 0..4 {
        submit(&office, &many(5), &n.to_string());
    }
    office.wait_for_empty_queue();
    let state = host.state();
    let mut sessions = vec![0; state.sessions + 1];
    state.received.iter().for_each(|mail| sessions[mail.session] += mail.to.len());
    assert!(sessions.iter().all(|count| *count <= 7), "{sessions:?}");
    assert_eq!(sessions.iter().sum::<usize>(), 20);
}

#[test]
fn the_rest_waits_for_the_window() {
    let host = Smarthost::start(Behaviour::default());
    let limited = Sender { recipients_limit: 8, recipients_limit_minutes: 60, ..sender(&[&host]) };
    let office = Office::open(config(limited));
    submit(&office, &many(5), "1");
    submit(&office, &many(5), "2");
    submit(&office, &many(5), "3");
    until("eight recipients", || host.state().received.iter().map(|mail| mail.to.len()).sum::<usize>() == 8);
    until("the queue to know", || {
        let queue = office.queue();
        let left = queue.iter().flat_map(|entry| &entry.recipients);
        left.filter(|recipient| recipient.tries == 0).count() == 7
    });
    assert!(office.inbox().is_empty());
    // Neither another setting nor a restart makes the window forget.
    office.renew_sender(|sender| sender.helo_name = "other.example".into());
    let settings = pillarbox::config::Config::clone(&office.config.current());
    let office = office.restart(settings);
    submit(&office, &many(1), "4");
    until("the queue to have it", || office.queue().len() == 3);
    assert_eq!(host.state().received.iter().map(|mail| mail.to.len()).sum::<usize>(), 8);
    office.change_sender(|sender| sender.recipients_limit = 0);
    office.wait_for_empty_queue();
    assert_eq!(host.state().received.iter().map(|mail| mail.to.len()).sum::<usize>(), 16);
}
