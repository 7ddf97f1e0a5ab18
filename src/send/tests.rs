//! The pool and the attempts by themselves; all of the room together is in `tests/send`.

use std::sync::Arc;

use super::attempt::{Attempt, Tried};
use super::lane::{Failed, Lane, PIECE, Parcel, Seat, Way};
use super::line::Line;
use super::open::Peer;
use super::pool::{Pool, Reading};
use crate::config::{Config, Connection, Sender};
use crate::mail::{Address, BodyType, LanServer, Notify};
use crate::proto::smtp::client::{Reply, Verdict};
use crate::store::{DEFAULT_PRIORITY, Hold, MailId, QueueEntry, QueueRecipient, RecipientState};

pub(super) fn entry(mail: u64, recipients: usize) -> QueueEntry {
    let recipient = |n: usize| QueueRecipient {
        address: Address::parse(&format!("u{n}@else.example")).unwrap(),
        notify: Notify::default(),
        orcpt: None,
        lan: None,
        state: RecipientState::Pending,
        reply: String::new(),
        due: 0,
        tries: 0,
        delay_notified: false,
    };
    QueueEntry {
        mail: MailId(mail),
        return_path: None,
        recipients: (0..recipients).map(recipient).collect(),
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
        size: 100,
        accepted_at: 0,
        priority: DEFAULT_PRIORITY,
        hold: Hold::No,
        delete_after: None,
        auth_user: None,
        client: None,
    }
}

fn line() -> Arc<Line> {
    Arc::new(Line::lan(&Config::default()))
}

fn lan(host: &str) -> Way {
    Way::Lan(LanServer { host: host.into(), port: 25, user: String::new() })
}

/// All recipients to one server.
fn take_in(pool: &Pool, line: &Arc<Line>, entry: QueueEntry) {
    let places = (0u32..).zip(&entry.recipients).map(|(place, _)| place).collect();
    pool.take_in(&Arc::new(entry), vec![(line.clone(), lan("a"), places)]);
}

/// As the index is read: only what may come in.
fn read(pool: &Pool, line: &Arc<Line>, mails: &[u64]) {
    for &mail in mails {
        if pool.reading(&entry(mail, 1)) == Reading::Free {
            take_in(pool, line, entry(mail, 1));
        }
    }
}

fn lane(pool: &Pool) -> Arc<Lane> {
    pool.lanes().remove(0)
}

fn waiting(pool: &Pool) -> Vec<u64> {
    let lanes = pool.lanes();
    let all = lanes.iter().flat_map(|lane| std::iter::from_fn(|| lane.take(true)));
    all.map(|parcel| parcel.entry.mail.0).collect()
}

#[test]
fn an_entry_comes_in_once_by_whichever_way() {
    let (pool, line) = (Pool::default(), line());
    assert!(pool.is_new(MailId(1)));
    take_in(&pool, &line, entry(1, 1));
    pool.begin_reading(true);
    read(&pool, &line, &[1, 2]);
    pool.end_reading(Some(50));
    assert_eq!((waiting(&pool), pool.due()), (vec![1, 2], Some(50)));
    // Both are under way: neither the index nor a late handover brings them again.
    pool.begin_reading(true);
    read(&pool, &line, &[1, 2]);
    pool.end_reading(None);
    assert!(!pool.is_new(MailId(2)));
    assert_eq!(waiting(&pool), [0; 0]);
    // And not when it comes after all is done.
    pool.begin_reading(true);
    read(&pool, &line, &[3]);
    pool.end_reading(None);
    assert_eq!(waiting(&pool), [3]);
    pool.recorded(&line, MailId(3), None);
    assert!(!pool.is_new(MailId(3)));
}

#[test]
fn what_is_recorded_while_the_index_is_read_is_not_believed() {
    let (pool, line) = (Pool::default(), line());
    take_in(&pool, &line, entry(1, 1));
    assert_eq!(waiting(&pool), [1]);
    pool.begin_reading(true);
    pool.recorded(&line, MailId(1), Some(70));
    read(&pool, &line, &[1]);
    pool.end_reading(Some(90));
    assert_eq!(waiting(&pool), [0; 0]);
    assert!(pool.due().is_some_and(|due| due <= 70), "it is looked at again");
    pool.begin_reading(true);
    read(&pool, &line, &[1]);
    pool.end_reading(None);
    assert_eq!(waiting(&pool), [1], "the next reading is of after it");
}

#[test]
fn a_mail_of_several_ways_is_known_until_the_last_is_recorded() {
    let (pool, line) = (Pool::default(), line());
    let groups = vec![(line.clone(), lan("a"), vec![0]), (line.clone(), lan("b"), vec![1])];
    pool.take_in(&Arc::new(entry(1, 2)), groups);
    assert_eq!((pool.lanes().len(), waiting(&pool)), (2, vec![1, 1]));
    pool.begin_reading(true);
    pool.end_reading(None);
    pool.recorded(&line, MailId(1), Some(500));
    assert!(!pool.is_new(MailId(1)));
    assert_eq!(pool.due(), None);
    pool.recorded(&line, MailId(1), None);
    assert!(pool.is_new(MailId(1)));
    assert_eq!(pool.due(), Some(500), "what one of them put off");
}

#[test]
fn bodies_under_way_are_bounded_but_one_always_goes() {
    let (pool, line) = (Pool::default(), line());
    for mail in 0..100 {
        take_in(&pool, &line, QueueEntry { size: 1 << 30, ..entry(mail, 1) });
    }
    let lane = lane(&pool);
    let taken: Vec<_> = std::iter::from_fn(|| lane.take(false)).collect();
    assert_eq!(taken.len(), 4 * 1024 * 1024 / PIECE);
    let alone = lane.take(true).unwrap();
    lane.release(&alone.entry);
    assert!(lane.take(false).is_none());
    lane.release(&taken[0].entry);
    assert!(lane.take(false).is_some());
}

#[test]
fn priority_before_order_and_given_back_in_its_turn() {
    let order = |smaller_first: bool, reverse_order: bool| {
        let mut config = Config::default();
        let sender = Sender { smaller_first, reverse_order, ..Sender::default() };
        config.connections = vec![Connection { sender: Some(sender.clone()), ..Connection::default() }];
        let line = Arc::new(Line::of(&config, &config.connections[0], &sender));
        let pool = Pool::default();
        for (mail, size, priority) in [(1, 300, 50), (2, 100, 50), (3, 200, 50), (4, 999, 10)] {
            take_in(&pool, &line, QueueEntry { size, priority, ..entry(mail, 1) });
        }
        let lane = lane(&pool);
        let first = lane.take(true).unwrap();
        assert_eq!(first.entry.mail.0, 4);
        pool.give_back(&lane, first);
        waiting(&pool)
    };
    assert_eq!(order(false, false), [4, 1, 2, 3]);
    assert_eq!(order(false, true), [4, 3, 2, 1]);
    assert_eq!(order(true, false), [4, 2, 3, 1]);
    assert_eq!(order(true, true), [4, 1, 3, 2]);
}

#[test]
fn a_closed_lane_takes_nothing_and_loses_nothing() {
    let (pool, line) = (Pool::default(), line());
    take_in(&pool, &line, entry(1, 1));
    take_in(&pool, &line, entry(2, 1));
    let lane = lane(&pool);
    let under_way = lane.take(true).unwrap();
    pool.close_lanes(|_| true);
    assert!(pool.is_new(MailId(2)) && !pool.is_new(MailId(1)));
    pool.give_back(&lane, under_way);
    assert!(pool.is_new(MailId(1)) && pool.due().is_some());
    assert_eq!((pool.waiting(), pool.lanes().len()), (0, 0));
}

#[test]
fn a_failure_is_the_lanes_only_when_no_connection_works() {
    let (pool, line) = (Pool::default(), line());
    take_in(&pool, &line, entry(1, 1));
    let lane = lane(&pool);
    let failed = |reason: &str| Failed { reason: reason.into(), permanent: false, hold: None };
    let (mut first, mut second) = (Seat::take(&lane), Seat::take(&lane));
    first.ready();
    assert!(!second.failed(&failed("busy")));
    assert!(lane.take_failure().is_none() && lane.load().enough_until.is_some());
    drop(second);
    assert!(first.failed(&failed("gone")));
    drop(first);
    assert_eq!(lane.take_failure(), Some(failed("gone")));
    let load = lane.load();
    assert_eq!((load.open, load.room, load.enough_until), (0, 0, None));
}

fn verdicts(code: u16, count: usize) -> Vec<Verdict> {
    let reply = Arc::new(Reply { code, text: "words".into() });
    let verdict = match code {
        200..300 => Verdict::Accepted(reply),
        500.. => Verdict::Refused(reply),
        _ => Verdict::Deferred(reply),
    };
    vec![verdict; count]
}

fn states(tried: &Tried) -> Vec<(u32, RecipientState)> {
    tried.updates.iter().map(|update| (update.index, update.state)).collect()
}

fn peer() -> Peer {
    Peer { host: "h".into(), name: "relay h".into() }
}

fn attempt(entry: QueueEntry, places: &[u32]) -> Attempt {
    Attempt::new(Parcel::new(Arc::new(entry), places.to_vec()))
}

#[test]
fn recipients_go_in_groups_and_others_not_at_all() {
    let mut attempt = attempt(entry(1, 5), &[0, 2, 3, 4]);
    for expected in [&[0, 2][..], &[3, 4]] {
        assert_eq!(attempt.next_group(2), expected);
        attempt.begin(2);
    }
    assert!(attempt.next_group(2).is_empty() && !attempt.has_more());
    attempt.finished(&peer(), verdicts(250, 2));
    assert!(!attempt.is_over());
    attempt.finished(&peer(), verdicts(550, 2));
    assert!(attempt.is_over());
    let tried = attempt.outcome(&line(), &peer(), false).unwrap_or_else(|_| panic!("it was tried"));
    use RecipientState::{Failed, Relayed};
    assert_eq!(states(&tried), [(0, Relayed), (2, Relayed), (3, Failed), (4, Failed)]);
    assert!(!tried.at_once);
}

#[test]
fn what_was_not_tried_goes_back_or_is_tried_at_once() {
    let outcome = |code: Option<u16>, untouched: bool| {
        let mut attempt = attempt(entry(1, 2), &[0, 1]);
        attempt.begin(1);
        match code {
            Some(code) => attempt.finished(&peer(), verdicts(code, 1)),
            None => attempt.untouched(),
        }
        if untouched {
            attempt.begin(1);
            attempt.untouched();
        }
        attempt.outcome(&line(), &peer(), false)
    };
    assert!(outcome(None, true).is_err() && outcome(None, false).is_err());
    for untouched in [true, false] {
        let relayed = outcome(Some(250), untouched).unwrap_or_else(|_| panic!("it was tried"));
        assert!(relayed.at_once, "the second recipient was not put off");
        let put_off = outcome(Some(450), untouched).unwrap_or_else(|_| panic!("it was tried"));
        assert!(!put_off.at_once);
    }
}

#[test]
fn what_a_limit_leaves_goes_at_once_or_back_whole() {
    let mut left = attempt(entry(1, 3), &[0, 1, 2]);
    left.begin(1);
    left.leave_rest();
    assert!(!left.has_more());
    left.finished(&peer(), verdicts(250, 1));
    let tried = left.outcome(&line(), &peer(), false).unwrap_or_else(|_| panic!("it was tried"));
    assert!(tried.at_once && tried.updates.len() == 1);
    let mut none = attempt(entry(1, 3), &[0, 1, 2]);
    none.leave_rest();
    let back = none.outcome(&line(), &peer(), false).err().unwrap();
    assert_eq!(back.places, [0, 1, 2]);
}

/// A panic, say.
#[test]
fn a_connection_that_vanishes_puts_its_mails_off() {
    let mut gone = attempt(entry(7, 2), &[0, 1]);
    gone.begin(2);
    let tried = Tried::put_off(&line(), gone.parcel, "The box broke off");
    assert_eq!((tried.entry.mail.0, tried.updates.len()), (7, 2));
    assert!(tried.updates.iter().all(|update| update.state == RecipientState::Pending && update.tried));
}
