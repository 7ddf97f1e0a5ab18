//! Collectors against a provider that behaves and misbehaves.

#[path = "../peers/provider.rs"]
mod provider;
#[path = "../peers/turning.rs"]
mod turning;

mod behaviour;
mod drops;
mod duplicates;
mod logs;
mod office;
mod peculiar;
mod questions;
mod routing;
mod routing_errors;
mod rules;
mod scripts;
mod tls;
mod turn;

use std::time::Duration;

use office::{INFO, Office, collector, config, connection, mail, names, wait};
use pillarbox::collect::Limits;
use pillarbox::config::Collector;
use pillarbox::live::Patience;
use pillarbox::store::Change;
use provider::Provider;

#[test]
fn everything_arrives_once_and_is_deleted() {
    let provider = Provider::start();
    for n in 0..300 {
        provider.put(format!("uid{n}"), mail(&format!("{n:03}")));
    }
    let office = Office::with(collector(7, &provider));
    let state = office.run(7);
    assert_eq!((state.state.as_str(), state.ok, state.collected_last), ("fine, 300 new", true, 300));
    let all: Vec<String> = (0..300).map(|n| format!("{n:03}")).collect();
    assert_eq!(office.subjects(INFO), all);
    assert!(office.inbox(INFO)[0].ends_with("Hello.\r\n.dot\r\nEnd\r\n"));
    assert!(provider.state().messages.is_empty());
    assert!(provider.state().most_at_once > 100, "RETR goes out in lots");
    assert_eq!(office.run(7).state, "fine, nothing new");
    assert_eq!(office.subjects(INFO), all);
    assert_eq!(office.state(7).collected_total, 300);
}

#[test]
fn large_mails_go_through_whole() {
    let provider = Provider::start();
    let line = "x".repeat(70) + "\r\n.\u{e4}\r\n";
    let large = mail("large") + &line.repeat(40_000);
    provider.put("large", large.clone());
    provider.put("small", mail("small"));
    let office = Office::with(collector(7, &provider));
    assert_eq!(office.run(7).collected_last, 2);
    let inbox = office.inbox(INFO);
    assert!(inbox.iter().any(|mail| mail.ends_with(large.as_str())));
    assert_eq!(office.subjects(INFO), names(&["large", "small"]));
}

#[test]
fn one_command_at_a_time_without_pipelining() {
    let provider = Provider::start();
    provider.behave(|b| b.capabilities = Some(vec!["USER", "UIDL"]));
    for n in 0..20 {
        provider.put(format!("uid{n}"), mail(&format!("{n:02}")));
    }
    let office = Office::with(collector(7, &provider));
    assert_eq!(office.run(7).collected_last, 20);
    assert_eq!(office.subjects(INFO).len(), 20);
    assert_eq!(provider.state().most_at_once, 1);
    assert!(provider.state().messages.is_empty());
}

#[test]
fn mail_is_left_for_its_days() {
    let provider = Provider::start();
    provider.put("a", mail("a"));
    provider.put("b", mail("b"));
    let mut settings = collector(7, &provider);
    settings.leave_days = 7;
    let office = Office::with(settings);
    // One of them was collected a week ago, another six days ago.
    let ago = |days: i64| pillarbox::net::now_ms() - days * 86_400_000;
    let seen = |uid: &str, days| Change::SeenUid { collector: 7, uid: uid.into(), at: ago(days) };
    provider.put("old", mail("old"));
    provider.put("lately", mail("lately"));
    smol::block_on(office.store.commit(vec![seen("old", 7), seen("lately", 6)])).unwrap();
    assert_eq!(office.run(7).collected_last, 2);
    assert_eq!(office.run(7).state, "fine, nothing new");
    let left: Vec<String> = provider.state().messages.iter().map(|m| m.uid.clone()).collect();
    assert_eq!(left, ["a", "b", "lately"]);
    assert_eq!(office.subjects(INFO), names(&["a", "b"]));
}

#[test]
fn unique_ids_are_remembered_while_they_matter() {
    let provider = Provider::start();
    provider.put("here", mail("here"));
    let office = Office::with(collector(7, &provider));
    let old = pillarbox::net::now_ms() - 15 * 86_400_000;
    let seen = |uid: &str, at| Change::SeenUid { collector: 7, uid: uid.into(), at };
    let lately = pillarbox::net::now_ms();
    smol::block_on(office.store.commit(vec![seen("long-gone", old), seen("just-gone", lately)])).unwrap();

    // A list that is not complete is no reason to forget.
    provider.behave(|b| b.uidl_list = Some("1 here\r\n2000000000 far\r\n".into()));
    office.run(7);
    let known = || {
        smol::block_on(office.store.settled()).unwrap();
        let mut known: Vec<String> = office.store.seen_uids(7).unwrap().into_keys().collect();
        known.sort();
        known
    };
    assert_eq!(known(), ["here", "just-gone", "long-gone"]);
    provider.behave(|b| b.uidl_list = None);
    office.run(7);
    assert_eq!(known(), ["here", "just-gone"]);
}

#[test]
fn large_messages_stay_whatever_their_announced_size() {
    let provider = Provider::start();
    provider.put("small", mail("small"));
    provider.put("large", mail("large") + &"x".repeat(3000) + "\r\n");
    let mut settings = collector(7, &provider);
    settings.max_size_kb = 2;
    let office = Office::with(settings);
    assert_eq!(office.run(7).state, "fine, 1 new; 1 above the size limit stay at the provider");
    assert_eq!(provider.state().retrieved, [1]);
    // The server says they are all small.
    provider.behave(|b| b.size_lie = Some(10));
    assert_eq!(office.run(7).state, "fine, nothing new; 1 above the size limit stay at the provider");
    // The server says they are all large.
    provider.put("other", mail("other"));
    provider.behave(|b| b.size_lie = Some(u64::MAX / 4));
    office.run(7);
    provider.behave(|b| b.size_lie = None);
    office.run(7);
    assert_eq!(office.subjects(INFO), names(&["other", "small"]));
    assert_eq!(provider.state().messages.len(), 1);
}

/// Each of them is asked before the good one, in one and the same run.
#[test]
fn one_providers_trouble_is_not_anothers() {
    // Nothing listens there; one that accepts and never says a word.
    let down = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mute = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let [refusing, full, fickle, good] = std::array::from_fn(|_| Provider::start());
    let wrong = Provider::start_tls(provider::Tls::Ssl);
    refusing.behave(|b| b.refuse_login = Some("-ERR [AUTH] wrong password"));
    full.behave(|b| b.refuse_login = Some("-ERR [SYS/TEMP] mailbox full, try later"));
    fickle.put("a", mail("fickle"));
    fickle.behave(|b| b.break_at = [1].into());
    for provider in [&refusing, &full, &wrong, &good] {
        provider.put("a", mail("a"));
    }
    let mut all = vec![
        collector(1, &good),
        collector(2, &good),
        collector(3, &wrong),
        collector(4, &refusing),
        collector(5, &full),
        collector(6, &fickle),
        collector(7, &good),
    ];
    (all[0].port, all[1].port) = (down, mute.local_addr().unwrap().port());
    all[2].encryption = pillarbox::config::CollectorEncryption::Ssl;
    for (priority, collector) in (1..).zip(&mut all) {
        collector.priority = priority;
    }
    let limits = Limits { reply: Duration::from_secs(1), ..Limits::default() };
    let office = Office::patient(config(vec![connection(1, all)]), limits, Patience::default());
    office.run(7);
    assert_eq!(office.subjects(INFO), names(&["a"]));
    for (id, words) in [
        (1, "127.0.0.1 does not answer ("),
        (2, "127.0.0.1 stopped answering. The next try goes on where it stopped."),
        (3, "No encrypted connection with 127.0.0.1: "),
        (4, "Your provider refused the password for info@isp.example; mail waits there and nothing is lost. It said: "),
        (5, "Your provider does not let info@isp.example in at the moment: "),
        (6, "The connection to 127.0.0.1 broke off ("),
    ] {
        let state = office.state(id);
        assert_eq!((state.ok, state.runs), (false, 1), "{id}");
        assert!(state.state.starts_with(words), "{id}: {}", state.state);
    }
    assert_eq!(office.board.problems().len(), 6, "{}", office.problems());
}

/// The mail goes on coming, in pieces, and would never be over.
#[test]
fn a_provider_that_dribbles_is_left() {
    let (dribbling, good) = (Provider::start(), Provider::start());
    dribbling.put("a", mail("large") + &"x".repeat(40_000));
    dribbling.behave(|b| b.piece = Some((9, Duration::from_millis(10))));
    good.put("a", mail("a"));
    let config = config(vec![connection(1, vec![collector(1, &dribbling)]), connection(2, vec![collector(2, &good)])]);
    let limits = Limits { progress: Duration::from_secs(5), ..Limits::default() };
    let office = Office::patient(config, limits, Patience::default());
    office.run(2);
    let state = office.ran(1, 1);
    let words = "127.0.0.1 sends so slowly that nothing gets done. The next try goes on where it stopped.";
    assert_eq!((state.ok, state.state.as_str()), (false, words));
    assert_eq!(office.subjects(INFO), names(&["a"]));
}

#[test]
fn a_long_session_gives_way_to_another_connection_and_goes_on_later() {
    let (long, good) = (Provider::start(), Provider::start());
    long.behave(|b| b.capabilities = Some(vec!["USER", "UIDL"]));
    for uid in ["a", "b", "c"] {
        long.put(uid, mail(uid));
    }
    good.put("g", mail("g"));
    let config = config(vec![connection(1, vec![collector(1, &long)]), connection(2, vec![collector(2, &good)])]);
    let patience = Patience { collecting: Duration::ZERO, ..Patience::default() };
    let office = Office::patient(config, Limits::default(), patience);
    wait("the collector to be known", || office.board.collectors().contains_key(&2).then_some(()));
    // The second is marked while the first has its session.
    long.behave(|b| b.hold_login = true);
    office.signals.runs().ask(1);
    wait("the session", || (long.state().sessions == 1).then_some(()));
    office.signals.runs().ask(2);
    long.behave(|b| b.hold_login = false);
    office.ran(2, 1);
    let words = "fine, 1 new; it took long and another connection waits, so the rest follows in the next run";
    let state = office.state(1);
    assert_eq!((state.ok, state.state.as_str()), (true, words));
    assert_eq!(long.state().messages.len(), 2, "it ended with QUIT");
    office.signals.runs().ask(1);
    office.ran(1, 2);
    assert_eq!(office.subjects(INFO), names(&["a", "b", "c", "g"]));
}

#[test]
fn the_same_trouble_is_told_once() {
    let refusing = Provider::start();
    refusing.behave(|b| b.refuse_login = Some("-ERR [AUTH] wrong password"));
    let office = Office::with(collector(2, &refusing));
    office.run(2);
    office.run(2);
    assert_eq!(office.board.problems().len(), 1);
}

#[test]
fn collectors_run_with_their_connections() {
    let provider = Provider::start();
    provider.put("a", mail("a"));
    let (off, _) = connection(3, Vec::new());
    let off = pillarbox::config::Connection { enabled: false, ..off };
    let of_both = Collector { connections: vec!["Provider 1".into(), "PROVIDER 2".into()], ..collector(7, &provider) };
    let of_none = Collector { enabled: false, ..collector(8, &provider) };
    let (one, mut collectors) = connection(1, vec![collector(6, &provider)]);
    collectors.extend([of_both, of_none]);
    let of_off = Collector { connections: vec!["Provider 3".into()], ..collector(9, &provider) };
    let office = Office::open(config(vec![(one.clone(), collectors), connection(2, Vec::new()), (off, vec![of_off])]));
    office.run(6);
    office.ran(7, 2);
    assert_eq!(office.state(8).state, "switched off");
    assert_eq!((office.state(9).runs, office.state(9).state.as_str()), (0, "never run"));

    // A new collector is picked up, and one that is gone does nothing any more.
    office.config.publish(config(vec![(one, Vec::new()), connection(4, vec![collector(10, &provider)])]));
    office.run(10);
    assert!(!office.board.collectors().contains_key(&6));
}

#[test]
fn nobody_to_deliver_to() {
    let provider = Provider::start();
    provider.put("a", mail("a"));
    let mut settings = collector(7, &provider);
    settings.routing = pillarbox::config::CollectorRouting::SendTo("nobody".into());
    let mut without = config(vec![connection(1, vec![settings.clone()])]);
    without.general.main_administrator = String::new();
    let office = Office::open(without);
    let state = office.run(7);
    assert!(state.state.starts_with("Nobody is set who gets this mail") && !state.ok, "{}", state.state);
    assert_eq!(provider.state().sessions, 0);

    office.config.publish(config(vec![connection(1, vec![settings])]));
    assert_eq!(office.run(7).collected_last, 1);
    assert_eq!(office.subjects(office::BOSS), names(&["a"]));
    assert!(office.problems().contains("\"nobody\" is no user here"), "{}", office.problems());
}

#[test]
fn lower_priorities_go_first() {
    let (first, second) = (Provider::start(), Provider::start());
    first.put("1", mail("first"));
    second.put("2", mail("second"));
    let late = pillarbox::config::Collector { priority: 60, ..collector(8, &second) };
    let early = pillarbox::config::Collector { priority: 40, ..collector(9, &first) };
    let office = Office::open(config(vec![connection(1, vec![late, early])]));
    office.run(8);
    let subject = |mail: &String| mail.lines().find(|line| line.starts_with("Subject: ")).map(str::to_string);
    let inbox: Vec<Option<String>> = office.inbox(INFO).iter().map(subject).collect();
    assert_eq!(inbox, [Some("Subject: first".to_string()), Some("Subject: second".to_string())]);
}
