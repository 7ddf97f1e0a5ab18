//! Sessions that break: nothing is lost, nothing comes twice.

use crate::office::{INFO, Office, collector, mail, names, wait};
use crate::provider::Provider;

/// A mailbox of three, the connection cut at every byte of the server's side in turn; then, if need be, another run.
fn cut_at_every_byte(change: impl Fn(&Provider)) {
    let provider = Provider::start();
    change(&provider);
    let office = Office::with(collector(7, &provider));
    let mut expected = Vec::new();
    let mut cut = 1;
    loop {
        for n in 0..3 {
            let name = format!("{cut:05}-{n}");
            provider.put(&name, mail(&name));
            expected.push(name);
        }
        provider.behave(|b| b.drop_after = Some(cut));
        office.run(7);
        let whole = provider.state().dropped < cut;
        let state = office.run(7);
        assert!(state.ok, "cut at {cut}: {}", state.state);
        let left = provider.state().messages.len();
        assert_eq!(left, 0, "cut at {cut}");
        if whole {
            break;
        }
        cut += 1;
    }
    assert!(cut > 400, "{cut}");
    let mut arrived = office.subjects(INFO);
    expected.sort();
    arrived.sort();
    assert_eq!(arrived, expected);
}

#[test]
fn a_drop_at_every_byte_pipelined() {
    cut_at_every_byte(|_| {});
}

#[test]
fn a_drop_at_every_byte_one_at_a_time() {
    cut_at_every_byte(|provider| provider.behave(|b| b.capabilities = None));
}

#[test]
fn a_drop_at_every_byte_without_unique_ids() {
    cut_at_every_byte(|provider| provider.behave(|b| b.uidl = false));
}

/// Spec §12 no. 4.
#[test]
fn dropped_before_quit_deletes_next_time_and_delivers_none_twice() {
    let provider = Provider::start();
    provider.put("a", mail("a"));
    provider.put("b", mail("b"));
    provider.behave(|b| b.hang_up_at_quit = true);
    let office = Office::with(collector(7, &provider));
    assert_eq!(office.run(7).collected_last, 2);
    assert_eq!(provider.state().messages.len(), 2);
    provider.behave(|b| b.hang_up_at_quit = false);
    let retrieved = provider.state().retrieved.len();
    assert_eq!(office.run(7).state, "fine, nothing new");
    assert_eq!(provider.state().messages.len(), 0);
    assert_eq!(provider.state().retrieved.len(), retrieved);
    assert_eq!(office.subjects(INFO), names(&["a", "b"]));
}

#[test]
fn the_same_run_logs_in_again_and_goes_on() {
    let provider = Provider::start();
    for n in 0..50 {
        provider.put(format!("{n}"), mail(&format!("{n:02}")));
    }
    provider.behave(|b| b.drop_after = Some(4000));
    let office = Office::with(collector(7, &provider));
    assert_eq!(office.run(7).state, "fine, 50 new");
    assert_eq!(provider.state().sessions, 2);
    assert_eq!(office.subjects(INFO).len(), 50);
    assert!(provider.state().messages.is_empty());
}

/// A message that breaks every session comes last, and keeps nobody waiting.
#[test]
fn a_message_that_breaks_sessions_does_not_block_the_others() {
    let provider = Provider::start();
    provider.put("poison", mail("poison"));
    provider.put("good", mail("good"));
    provider.behave(|b| b.break_at = [1].into());
    let office = Office::with(collector(7, &provider));
    for _ in 0..2 {
        let state = office.run(7);
        assert!(!state.ok && state.state.contains("broke off"), "{}", state.state);
        assert_eq!(office.subjects(INFO), names(&[]));
    }
    assert!(!office.run(7).ok);
    assert_eq!(office.subjects(INFO), names(&["good"]));
    provider.behave(|b| b.break_at.clear());
    office.run(7);
    assert_eq!(office.subjects(INFO), names(&["good", "poison"]));
}

/// Stopped in the middle, started on the same data.
#[test]
fn a_stop_in_the_middle_loses_and_doubles_nothing() {
    let provider = Provider::start();
    let mut expected = Vec::new();
    for n in 0..2000 {
        let name = format!("{n:04}");
        provider.put(&name, mail(&name));
        expected.push(name);
    }
    let mut office = Office::with(collector(7, &provider));
    for part in 1..4 {
        wait("the collector to be known", || office.board.collectors().contains_key(&7).then_some(()));
        office.ask();
        wait("a part to arrive", || (office.board.accepted() > part * 100).then_some(()));
        office = office.restart();
    }
    assert!(office.run(7).ok);
    assert_eq!(office.subjects(INFO), expected);
    assert!(provider.state().messages.is_empty());
}
