//! Disks that fail.

use std::fs;

use pillarbox::store::{Change, MailboxId, NewMail, Options, Store, StoreError};
use smol::block_on;

use crate::common::*;

const INBOX: MailboxId = MailboxId { user: 1, folder: 0 };

/// The kernel may have dropped what it could not write; a second flush would succeed without it. So nothing is taken any
/// more, and what had been acknowledged is there after the next start.
#[test]
fn after_a_failed_flush_nothing_is_taken_any_more() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    let (before, change) = delivered(&store, 1, "before");
    block_on(store.commit(vec![change])).unwrap();
    assert!(!store.status().failed);

    store.break_next(true);
    let refused = block_on(store.commit(vec![delivered(&store, 1, "refused").1]));
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
    let later = block_on(store.commit(vec![delivered(&store, 1, "later").1]));
    assert!(matches!(later, Err(StoreError::Io { .. })), "the disk is well again, the log is not: {later:?}");
    assert!(block_on(store.post(vec![delivered(&store, 1, "later").1])).is_err());
    assert!(store.status().failed);
    assert!(matches!(block_on(store.failure()), StoreError::Io { .. }));
    // What was accepted before can be read.
    block_on(store.settled()).unwrap();
    assert_eq!(text(&store, before).as_deref(), Some("before"));
    store.close().unwrap();

    let store = Store::open(dir.path()).unwrap();
    let texts: Vec<_> = store.messages(INBOX).unwrap().iter().map(|message| text(&store, message.mail)).collect();
    assert_eq!(texts[0].as_deref(), Some("before"));
    // A mail that was refused may be there: nobody knows whether the flush had reached the disk. Later ones are not.
    assert!(!texts.iter().any(|text| text.as_deref() == Some("later")), "{texts:?}");
    block_on(store.commit(vec![delivered(&store, 1, "again").1])).unwrap();
}

/// Posted changes are flushed by themselves after a moment; if that fails, the next commit must not succeed.
#[test]
fn a_flush_that_nobody_waits_for_fails_for_all_who_come_after() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    store.break_next(true);
    block_on(store.post(vec![row(store.mail_id(), "posted")])).unwrap();
    assert!(matches!(block_on(store.failure()), StoreError::Io { .. }));
    assert!(block_on(store.commit(vec![delivered(&store, 1, "later").1])).is_err());
}

#[test]
fn after_a_failed_write_the_store_goes_on() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    store.break_next(false);
    assert!(block_on(store.commit(vec![delivered(&store, 1, "refused").1])).is_err());
    block_on(store.commit(vec![delivered(&store, 1, "taken").1])).unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mails: Vec<_> = store.messages(INBOX).unwrap().iter().map(|message| message.mail).collect();
    assert_eq!(mails.iter().filter_map(|mail| text(&store, *mail)).collect::<Vec<_>>(), ["taken"]);
}

#[test]
fn a_mail_that_is_refused_leaves_no_file() {
    let dir = tempdir();
    let options = Options { segment_size: 64 * 1024, segments: 2, map_sizes: vec![64 << 20] };
    let store = Store::open_with(dir.path(), &options).unwrap();
    let too_much = Change::DeleteMessages { mailbox: INBOX, uids: (1_000_000..1_100_000).collect() };
    let large = Change::AddMail(NewMail { deliveries: vec![delivery(1)], ..mail(store.mail_id(), large(&store)) });
    assert_eq!(files(&dir.path().join("bodies")), 1);
    assert!(matches!(block_on(store.commit(vec![large, too_much])), Err(StoreError::TooLarge(_))));
    assert_eq!(files(&dir.path().join("bodies")), 0);
}

#[test]
fn a_missing_segment_is_reported() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    let ring = dir.path().join("log");
    wait_for("the ring", || ring.join("3.log").exists());
    store.close().unwrap();
    fs::remove_file(ring.join("1.log")).unwrap();
    let error = Store::open(dir.path()).err().unwrap();
    assert!(matches!(error, StoreError::Damaged(_)) && error.to_string().contains("1.log"), "{error}");
    // Without any log one goes on with what the index has.
    fs::remove_dir_all(&ring).unwrap();
    Store::open(dir.path()).unwrap();
}

#[test]
fn a_backup_that_was_not_finished_is_none() {
    let (dir, other) = (tempdir(), tempdir());
    let store = Store::open(dir.path()).unwrap();
    let change = Change::AddMail(NewMail { deliveries: vec![delivery(1)], ..mail(store.mail_id(), large(&store)) });
    block_on(store.commit(vec![change])).unwrap();
    block_on(store.settled()).unwrap();
    fs::remove_dir_all(dir.path().join("bodies")).unwrap();
    let backup = other.path().join("backup");
    assert!(block_on(store.backup(backup.clone())).is_err());
    let error = Store::restore(&backup, &other.path().join("restored")).err().unwrap();
    assert!(error.to_string().contains("there is no backup"), "{error}");
}
