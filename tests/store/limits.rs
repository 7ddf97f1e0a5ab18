//! Full maps, leftovers, ids, backups.

use std::fs;

use pillarbox::store::{Change, MailboxId, NewMail, Options, Store, StoreError};
use smol::block_on;

use crate::common::*;

#[test]
fn a_full_map_refuses_mail_and_loses_nothing() {
    let dir = tempdir();
    let options = Options { segment_size: 256 * 1024, segments: 2, map_sizes: vec![8 << 20] };
    let store = Store::open_with(dir.path(), &options).unwrap();
    let inbox = MailboxId::inbox(1);
    let mut kept = Vec::new();
    let error = loop {
        let (id, change) = delivered(&store, 1, &"x".repeat(4000));
        match block_on(store.commit(vec![change])) {
            Ok(()) => kept.push(id),
            // Room is kept for what is waiting; only a settled store is really full.
            Err(error) if store.status().backlog == 0 => break error,
            Err(_) => block_on(store.settled()).unwrap(),
        }
        assert!(kept.len() < 1000, "the map never fills");
    };
    assert!(error.is_full(), "{error}");
    assert!(store.status().full && store.room_for(4096).is_err());
    block_on(store.settled()).unwrap();
    assert_eq!(store.messages(inbox).unwrap().len(), kept.len());
    assert!(kept.iter().all(|id| text(&store, *id).is_some()));

    // Deleting is possible, and makes room.
    let uids = store.messages(inbox).unwrap().iter().map(|message| message.uid).collect();
    block_on(store.commit(vec![Change::DeleteMessages { mailbox: inbox, uids }])).unwrap();
    block_on(store.settled()).unwrap();
    wait_for("room", || !store.status().full);
    let (id, change) = delivered(&store, 1, "fits again");
    block_on(store.commit(vec![change])).unwrap();
    block_on(store.settled()).unwrap();
    store.close().unwrap();
    let store = Store::open_with(dir.path(), &options).unwrap();
    assert_eq!(store.messages(inbox).unwrap().len(), 1);
    assert_eq!(text(&store, id).as_deref(), Some("fits again"));
}

#[test]
fn the_ring_goes_round_many_times() {
    let dir = tempdir();
    let options = Options { segment_size: 64 * 1024, segments: 2, map_sizes: vec![64 << 20] };
    let store = Store::open_with(dir.path(), &options).unwrap();
    for _ in 0..100 {
        block_on(store.commit(vec![delivered(&store, 1, &"x".repeat(5000)).1])).unwrap();
    }
    let (copy, _) = (tempdir(), ());
    store.at_rest(|| snapshot(dir.path(), copy.path()));
    let store = Store::open_with(copy.path(), &options).unwrap();
    assert_eq!(store.messages(MailboxId::inbox(1)).unwrap().len(), 100);
}

#[test]
fn a_commit_larger_than_a_segment_is_refused() {
    let dir = tempdir();
    let options = Options { segment_size: 64 * 1024, segments: 2, map_sizes: vec![64 << 20] };
    let store = Store::open_with(dir.path(), &options).unwrap();
    let uids = (1_000_000..1_100_000).collect();
    let change = Change::DeleteMessages { mailbox: MailboxId::inbox(1), uids };
    assert!(matches!(block_on(store.commit(vec![change.clone()])), Err(StoreError::TooLarge(_))));
    // The usual segment takes it.
    let dir = tempdir();
    block_on(Store::open(dir.path()).unwrap().commit(vec![change])).unwrap();
}

#[test]
fn body_files_without_a_mail_are_swept_at_the_next_start() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    let (named, orphan) = (large(&store), large(&store));
    let id = store.mail_id();
    let deliveries = vec![delivery(1)];
    block_on(store.commit(vec![Change::AddMail(NewMail { deliveries, ..mail(id, named) })])).unwrap();
    drop(orphan);
    store.close().unwrap();
    assert_eq!(files(&dir.path().join("bodies")), 2);
    let store = Store::open(dir.path()).unwrap();
    wait_for("the sweep", || files(&dir.path().join("bodies")) == 1);
    assert_eq!(text(&store, id).unwrap().len(), 200_000);
}

#[test]
fn ids_are_not_given_twice_even_if_the_clock_goes_back() {
    let (dir, copy) = (tempdir(), tempdir());
    let store = Store::open(dir.path()).unwrap();
    // As if given by a program whose clock was far ahead.
    let ahead = pillarbox::store::MailId(store.mail_id().0 + (1 << 40));
    let deliveries = vec![delivery(1)];
    block_on(store.commit(vec![Change::AddMail(NewMail { deliveries, ..mail(ahead, inline("x")) })])).unwrap();
    store.at_rest(|| snapshot(dir.path(), copy.path()));
    let crashed = Store::open(copy.path()).unwrap();
    assert!(crashed.mail_id() > ahead && crashed.task_id() > ahead.0);
    // The mail goes; its id stays used.
    block_on(crashed.commit(vec![Change::DeleteMessages { mailbox: MailboxId::inbox(1), uids: vec![1] }])).unwrap();
    crashed.close().unwrap();
    assert!(Store::open(copy.path()).unwrap().mail_id() > ahead);
}

#[test]
fn a_backup_taken_while_mail_goes_on_is_restored() {
    let (dir, other) = (tempdir(), tempdir());
    let store = Store::open(dir.path()).unwrap();
    let big = store.mail_id();
    let handle = large(&store);
    let deliveries = vec![delivery(2)];
    block_on(store.commit(vec![Change::AddMail(NewMail { deliveries, ..mail(big, handle) })])).unwrap();
    let (small, change) = delivered(&store, 1, "small");
    block_on(store.commit(vec![change, Change::PutConfig { json: "{}".into() }])).unwrap();
    let backup = other.path().join("backup");
    block_on(store.backup(backup.clone())).unwrap();
    let delete = Change::DeleteMessages { mailbox: MailboxId::inbox(2), uids: vec![1] };
    block_on(store.commit(vec![delete, delivered(&store, 1, "after").1])).unwrap();
    block_on(store.settled()).unwrap();
    assert!(block_on(store.backup(backup.clone())).is_err(), "a backup is never written over");

    let restored = other.path().join("restored");
    Store::restore(&backup, &restored).unwrap();
    assert!(Store::restore(&backup, &restored).is_err(), "nor is a data directory");
    let restored = Store::open(&restored).unwrap();
    assert_eq!(text(&restored, big).unwrap().len(), 200_000);
    assert_eq!(text(&restored, small).as_deref(), Some("small"));
    assert_eq!(restored.messages(MailboxId::inbox(1)).unwrap().len(), 1);
    assert_eq!(restored.config().unwrap().as_deref(), Some("{}"));
    // It works like any other, also after a crash.
    block_on(restored.commit(vec![delivered(&restored, 1, "new").1])).unwrap();
    let copy = tempdir();
    restored.at_rest(|| snapshot(restored.dir(), copy.path()));
    assert_eq!(Store::open(copy.path()).unwrap().messages(MailboxId::inbox(1)).unwrap().len(), 2);
    assert!(Store::restore(&other.path().join("nothing"), &other.path().join("x")).is_err());
}

#[test]
fn data_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempdir();
    let data = dir.path().join("data");
    let store = Store::open(&data).unwrap();
    let _body = large(&store);
    let mut paths = vec![data];
    while let Some(path) = paths.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if path.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
