//! Connections that break at any byte: nothing is lost, and what the server has answered for is not sent again.

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};

fn drop_everywhere(capabilities: &[&'static str], step: usize) {
    let host = Smarthost::start(Behaviour { capabilities: Some(capabilities.to_vec()), ..Behaviour::default() });
    let office = Office::open(config(sender(&[&host])));
    let mut at = 0;
    loop {
        at += step;
        // Makes the next mail open a connection of its own.
        office.change_sender(|sender| sender.helo_name = format!("at{at}.example"));
        until("the connections to be closed", || host.state().open == 0);
        {
            let mut state = host.state();
            (state.behaviour.drop_after, state.dropped) = (vec![at], 0);
            state.received.clear();
        }
        for id in ["1", "2", "3"] {
            office.submit(&["bob@else.example"], &text(id));
        }
        until("all to be sent, by tries of ours", || {
            let queue = office.queue();
            if !queue.is_empty() && queue.iter().all(|entry| entry.tries() > 0) {
                office.retry_all();
            }
            queue.is_empty()
        });
        let state = host.state();
        let ids = state.ids();
        assert_eq!((ids.len(), ids.values().max()), (3, Some(&1)), "dropped after {at} bytes");
        if state.dropped == 0 {
            assert!(at > 150, "nothing was dropped");
            return;
        }
    }
}

#[test]
fn pipelined() {
    drop_everywhere(&["PIPELINING"], 7);
}

#[test]
fn chunked() {
    drop_everywhere(&["PIPELINING", "CHUNKING"], 7);
}

/// Between chunks, and where the reply to the last is lost.
#[test]
fn large_mail_in_chunks() {
    let host =
        Smarthost::start(Behaviour { capabilities: Some(vec!["PIPELINING", "CHUNKING"]), ..Behaviour::default() });
    let office = Office::open(config(sender(&[&host])));
    let large = format!("{}{}", text("large"), "a line of a large mail\r\n".repeat(20_000));
    for at in (150..400).step_by(17) {
        office.change_sender(|sender| sender.helo_name = format!("at{at}.example"));
        until("the connections to be closed", || host.state().open == 0);
        {
            let mut state = host.state();
            (state.behaviour.drop_after, state.dropped) = (vec![at], 0);
            state.received.clear();
        }
        office.submit(&["bob@else.example"], &large);
        until("it to be sent, by tries of ours", || {
            let queue = office.queue();
            if !queue.is_empty() && queue.iter().all(|entry| entry.tries() > 0) {
                office.retry_all();
            }
            queue.is_empty()
        });
        let state = host.state();
        assert_eq!(state.received.len(), 1, "dropped after {at} bytes");
        assert!(state.received[0].body.ends_with(large.as_bytes()));
    }
}

#[test]
fn one_command_at_a_time() {
    drop_everywhere(&[], 11);
}
