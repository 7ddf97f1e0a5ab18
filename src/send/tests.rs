//! The pool and the attempts by themselves; all of the room together is in `tests/send`.

use std::sync::Arc;

use super::attempt::{Attempt, Tried};
use super::pool::{PIECE, Pool, Seat};
use crate::mail::{Address, BodyType, Notify};
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

fn waiting(pool: &Pool) -> Vec<u64> {
    std::iter::from_fn(|| pool.take(true)).map(|entry| entry.mail.0).collect()
}

#[test]
fn an_entry_comes_in_once_by_whichever_way() {
    let pool = Pool::default();
    pool.hand_over(Arc::new(entry(1, 1)));
    pool.begin_reading();
    pool.end_reading([entry(1, 1), entry(2, 1)].into_iter(), Some(50));
    assert_eq!((waiting(&pool), pool.due()), (vec![1, 2], Some(50)));
    // Both are under way: neither the index nor a late handover brings them again.
    pool.begin_reading();
    pool.end_reading([entry(1, 1), entry(2, 1)].into_iter(), None);
    pool.hand_over(Arc::new(entry(2, 1)));
    assert_eq!(waiting(&pool), [0; 0]);
    // And not when it comes after all is done.
    pool.begin_reading();
    pool.end_reading([entry(3, 1)].into_iter(), None);
    assert_eq!(waiting(&pool), [3]);
    pool.recorded([MailId(3)].into_iter(), None);
    pool.hand_over(Arc::new(entry(3, 1)));
    assert_eq!(waiting(&pool), [0; 0]);
}

#[test]
fn what_is_recorded_while_the_index_is_read_is_not_believed() {
    let pool = Pool::default();
    pool.hand_over(Arc::new(entry(1, 1)));
    assert_eq!(waiting(&pool), [1]);
    pool.begin_reading();
    pool.recorded([MailId(1)].into_iter(), Some(70));
    pool.end_reading([entry(1, 1)].into_iter(), Some(90));
    assert_eq!((waiting(&pool), pool.due()), (vec![], Some(70)));
    pool.begin_reading();
    pool.end_reading([entry(1, 1)].into_iter(), None);
    assert_eq!(waiting(&pool), [1], "the next reading is of after it");
}

#[test]
fn bodies_under_way_are_bounded_but_one_always_goes() {
    let pool = Pool::default();
    for mail in 0..100 {
        pool.hand_over(Arc::new(QueueEntry { size: 1 << 30, ..entry(mail, 1) }));
    }
    let taken: Vec<_> = std::iter::from_fn(|| pool.take(false)).collect();
    assert_eq!(taken.len(), 4 * 1024 * 1024 / PIECE);
    let alone = pool.take(true).unwrap();
    pool.release(&alone);
    assert!(pool.take(false).is_none());
    pool.release(&taken[0]);
    assert!(pool.take(false).is_some());
}

#[test]
fn a_failure_is_the_senders_only_when_no_connection_works() {
    let pool: Arc<Pool> = Arc::default();
    let (mut first, mut second) = (Seat::take(&pool), Seat::take(&pool));
    first.ready();
    assert!(!second.failed(&"busy".into()));
    assert!(pool.take_failure().is_none() && pool.load().enough_until.is_some());
    drop(second);
    assert!(first.failed(&"gone".into()));
    drop(first);
    assert_eq!(pool.take_failure().as_deref(), Some("gone"));
    let load = pool.load();
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

#[test]
fn recipients_go_in_groups_and_those_done_before_not_at_all() {
    let mut done_before = entry(1, 5);
    done_before.recipients[1].state = RecipientState::Relayed;
    let mut attempt = Attempt::new(Arc::new(done_before));
    for expected in [&[0, 2][..], &[3, 4]] {
        assert_eq!(attempt.next_group(2), expected);
        attempt.begin(2);
    }
    assert!(attempt.next_group(2).is_empty() && !attempt.has_more());
    attempt.finished("h", verdicts(250, 2));
    assert!(!attempt.is_over());
    attempt.finished("h", verdicts(550, 2));
    assert!(attempt.is_over());
    let tried = attempt.outcome(&"h".into(), false).unwrap_or_else(|_| panic!("it was tried"));
    use RecipientState::{Failed, Relayed};
    assert_eq!(states(&tried), [(0, Relayed), (2, Relayed), (3, Failed), (4, Failed)]);
    assert!(!tried.at_once);
}

#[test]
fn what_was_not_tried_goes_back_or_is_tried_at_once() {
    let outcome = |code: Option<u16>, untouched: bool| {
        let mut attempt = Attempt::new(Arc::new(entry(1, 2)));
        attempt.begin(1);
        match code {
            Some(code) => attempt.finished("h", verdicts(code, 1)),
            None => attempt.untouched(),
        }
        if untouched {
            attempt.begin(1);
            attempt.untouched();
        }
        attempt.outcome(&"h".into(), false)
    };
    assert!(outcome(None, true).is_err() && outcome(None, false).is_err());
    for untouched in [true, false] {
        let relayed = outcome(Some(250), untouched).unwrap_or_else(|_| panic!("it was tried"));
        assert!(relayed.at_once, "the second recipient was not put off");
        let put_off = outcome(Some(450), untouched).unwrap_or_else(|_| panic!("it was tried"));
        assert!(!put_off.at_once);
    }
}
