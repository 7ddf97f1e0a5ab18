//! Runs of Connections, end to end: by the schedule, by hand, by files; what waits, and what does not.

#[path = "../peers/provider.rs"]
mod provider;
#[path = "../peers/smarthost.rs"]
mod smarthost;

mod errors;
mod office;

use std::time::Duration;

use pillarbox::config::{ConnectTo, ScheduleItem};
use pillarbox::live::Patience;

use office::{Isp, Office, config, until};

const WAITING: &str = "waits until another Connection has ended";

/// Number 1 of spec connectors-and-smtp §12.
#[test]
fn behaviour_01_two_connections_of_one_item_both_run_never_at_the_same_moment() {
    let (one, two) = (Isp::start(1), Isp::start(2));
    for isp in [&one, &two] {
        isp.hold(true);
    }
    one.put("from 1");
    two.put("from 2");
    let office = Office::open(config(&[&one, &two]));
    office.submit("bob@isp2.example", "to 2");
    office.submit("bob@isp1.example", "to 1");
    office.looked();
    assert_eq!((one.pop3.state().sessions, one.smarthost.received()), (0, 0), "it is not time yet");

    office.at(10, 0);
    until("the first session", || one.pop3.state().sessions == 1);
    until("the first mail", || one.smarthost.received() == 1);
    // Long after: the other one still waits, and a mark is not stacked.
    office.at(10, 20);
    assert_eq!((two.pop3.state().sessions, two.smarthost.received()), (0, 0));
    assert_eq!((office.state(1).state.as_str(), office.state(2).state.as_str()), ("running", WAITING));

    one.hold(false);
    until("the second session", || two.pop3.state().sessions == 1);
    until("the second mail", || two.smarthost.received() == 1);
    office.ran(1, 1);
    assert_eq!(one.pop3.state().sessions, 1, "its mark waits in its turn");
    two.hold(false);
    office.ran(2, 1);
    office.ran(1, 2);
    assert_eq!(office.subjects(), ["from 1", "from 2"]);
    let (one, two) = (one.pop3.state(), two.pop3.state());
    assert!(one.ended[0] <= two.began[0] && two.ended[0] <= one.began[1], "sessions overlap");
}

/// Number 2 of spec connectors-and-smtp §12.
#[test]
fn behaviour_02_a_paused_schedule_starts_nothing_and_keeps_nobody_out() {
    let isp = Isp::start(1);
    isp.put("collected");
    let mut settings = config(&[&isp]);
    settings.schedule.paused = true;
    settings.schedule.items[0].send_immediately = true;
    let office = Office::open(settings);
    for minute in 0..12 {
        office.at(10, minute);
    }
    // What comes by SMTP is taken, and delivered where it is local.
    office.submit("ann@office.example", "local");
    office.submit("bob@isp1.example", "out");
    assert_eq!(office.subjects(), ["local"]);
    office.looked();
    assert_eq!((isp.pop3.state().sessions, isp.smarthost.received(), office.queue_len()), (0, 0, 1));
    assert!(office.board.schedule().paused);
    assert_eq!((office.state(1).state.as_str(), office.state(1).next_run), ("the schedule is paused", None));

    // By hand it runs all the same, and sends.
    office.signals.runs().ask(1);
    office.ran(1, 1);
    until("the mail to be out", || office.queue_len() == 0);
    assert_eq!((office.subjects(), isp.smarthost.received()), (vec!["collected".into(), "local".into()], 1));
    office.submit("bob@isp1.example", "later");
    office.at(10, 30);
    assert_eq!((isp.smarthost.received(), office.state(1).runs), (1, 1));

    // The same without the pause.
    office.change(|config| config.schedule.paused = false);
    until("the mail to be out", || office.queue_len() == 0);
    office.at(10, 35);
    until("the schedule to start it", || office.state(1).runs >= 2);
}

#[test]
fn a_paused_connection_runs_by_hand_and_sends_then() {
    let (one, two) = (Isp::start(1), Isp::start(2));
    one.put("from 1");
    let mut settings = config(&[&one, &two]);
    settings.schedule.items[0].send_immediately = true;
    settings.connections[0].paused = true;
    let office = Office::open(settings);
    office.at(10, 0);
    office.ran(2, 1);
    for number in [1, 2] {
        office.submit(&format!("bob@isp{number}.example"), "out");
    }
    until("the other to send", || two.smarthost.received() == 1);
    office.at(10, 5);
    office.ran(2, 2);
    assert_eq!((one.pop3.state().sessions, one.smarthost.received(), office.state(1).runs), (0, 0, 0));
    assert!(office.state(1).state.starts_with("paused: "), "{}", office.state(1).state);
    assert!(office.board.senders()[&1].state.contains("paused"), "{:?}", office.board.senders());

    office.signals.runs().ask(1);
    office.ran(1, 1);
    assert_eq!((office.subjects(), one.smarthost.received()), (vec!["from 1".to_string()], 1));
    office.submit("bob@isp1.example", "after the run");
    office.looked();
    assert_eq!((one.smarthost.received(), office.queue_len()), (1, 1));
}

#[test]
fn where_mail_is_not_sent_at_once_it_waits_for_a_run() {
    let isp = Isp::start(1);
    let office = Office::open(config(&[&isp]));
    office.at(10, 0);
    office.ran(1, 1);
    office.submit("bob@isp1.example", "waits");
    office.at(10, 4);
    assert_eq!((isp.smarthost.received(), office.queue_len()), (0, 1));
    office.at(10, 5);
    office.ran(1, 2);
    assert_eq!(isp.smarthost.received(), 1);
    // With the option, it goes at once between 10:00 and 17:59, and waits after that.
    office.change(|config| config.schedule.items[0].send_immediately = true);
    office.submit("bob@isp1.example", "at once");
    until("the mail", || isp.smarthost.received() == 2);
    assert_eq!(office.state(1).runs, 2);
    office.at(18, 0);
    office.submit("bob@isp1.example", "evening");
    office.at(18, 30);
    assert_eq!((isp.smarthost.received(), office.queue_len()), (2, 1));
}

/// Its smarthost says no word.
fn deaf(isp: &Isp) {
    isp.smarthost.rule("CONNECT", "SILENCE", 1000);
}

#[test]
fn a_backlog_of_another_sender_does_not_keep_a_run_going() {
    let (one, two) = (Isp::start(1), Isp::start(2));
    deaf(&two);
    one.put("from 1");
    let mut settings = config(&[&one, &two]);
    settings.schedule.items[0].send_immediately = true;
    settings.connections[0].paused = true;
    let office = Office::open(settings);
    office.at(10, 0);
    office.ran(2, 1);
    for _ in 0..600 {
        office.submit("bob@isp2.example", "stuck");
    }
    office.submit("bob@isp1.example", "behind them");
    office.signals.runs().ask(1);
    office.ran(1, 1);
    assert_eq!((office.subjects(), one.smarthost.received()), (vec!["from 1".to_string()], 1));
    assert_eq!((two.smarthost.received(), office.queue_len()), (0, 600));
}

#[test]
fn a_sender_that_takes_long_gives_way_to_another_connection() {
    let (one, two) = (Isp::start(1), Isp::start(2));
    deaf(&one);
    two.put("from 2");
    let patience = Patience { sending: Duration::from_millis(10), ..Patience::default() };
    let office = Office::patient(config(&[&one, &two]), patience);
    office.submit("bob@isp1.example", "stuck");
    office.signals.runs().ask(1);
    until("the collector to have run", || office.board.collectors().get(&1).is_some_and(|state| state.runs == 1));
    // Long over its time, and nobody waits.
    office.looked();
    assert_eq!((office.state(1).runs, office.state(1).state.as_str()), (0, "running"));
    office.signals.runs().ask(2);
    office.ran(2, 1);
    office.ran(1, 1);
    assert_eq!((office.subjects(), office.queue_len()), (vec!["from 2".to_string()], 1));
}

#[test]
fn the_file_connect_now_starts_the_default_connections_and_goes() {
    let (one, two) = (Isp::start(1), Isp::start(2));
    let mut settings = config(&[&one, &two]);
    settings.connections[1].default = false;
    settings.schedule.paused = true;
    let office = Office::open(settings);
    std::fs::write(office.file("CONNECT.NOW"), "").unwrap();
    office.ran(1, 1);
    until("the file to be gone", || !office.file("CONNECT.NOW").exists());
    office.looked();
    assert_eq!((office.state(1).runs, office.state(2).runs), (1, 0));
    std::fs::write(office.file("CONNECT.NOW"), "").unwrap();
    office.ran(1, 2);
}

#[test]
fn the_file_connect_pause_pauses_while_it_is_there() {
    let isp = Isp::start(1);
    let office = Office::open(config(&[&isp]));
    std::fs::write(office.file("CONNECT.PAUSE"), "").unwrap();
    office.looked();
    let schedule = office.board.schedule();
    assert!(schedule.paused && schedule.state.contains("CONNECT.PAUSE"), "{schedule:?}");
    for minute in [0, 5, 10] {
        office.at(10, minute);
    }
    assert_eq!(office.state(1).runs, 0);
    std::fs::write(office.file("CONNECT.NOW"), "").unwrap();
    office.ran(1, 1);
    assert!(office.file("CONNECT.PAUSE").exists());
    std::fs::remove_file(office.file("CONNECT.PAUSE")).unwrap();
    office.looked();
    assert_eq!((office.board.schedule().paused, office.board.schedule().state.as_str()), (false, "in force"));
    office.at(10, 15);
    office.ran(1, 2);
}

#[test]
fn a_denied_minute_starts_nothing() {
    let isp = Isp::start(1);
    let mut settings = config(&[&isp]);
    let deny = ScheduleItem {
        name: "Not at the full hour".into(),
        connect_to: ConnectTo::DenyConnection,
        every: 60,
        ..ScheduleItem::default()
    };
    settings.schedule.items.push(deny);
    let office = Office::open(settings);
    office.at(10, 0);
    assert_eq!(office.state(1).runs, 0);
    office.at(10, 5);
    office.ran(1, 1);
    office.at(10, 55);
    office.ran(1, 2);
    let next = office.state(1).next_run.unwrap();
    assert_eq!(next / 60_000 % 60, 5, "11:05, since 11:00 is denied");
    office.at(11, 0);
    assert_eq!(office.state(1).runs, 2);
}

#[test]
fn nothing_starts_before_the_clock_is_set() {
    let isp = Isp::start(1);
    isp.put("a");
    let office = Office::open(config(&[&isp]));
    office.set_clock(10 * 60_000);
    office.set_clock(15 * 60_000);
    assert_eq!(office.state(1).runs, 0);
    assert_eq!(office.board.schedule().state, "waits until the clock of the box is set");
    office.at(10, 7);
    office.ran(1, 1);
}
