//! Mails through the store, reopened and crashed.

use pillarbox::store::{
    BodyHandle, Change, Hold, MailboxId, NewMail, RecipientState, Store, StoreError, Task, TaskKind,
};
use smol::block_on;

use crate::common::*;

#[test]
fn a_delivered_mail_is_read_after_settling_and_after_reopening() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    let (id, change) = delivered(&store, 7, "hello");
    block_on(store.commit(vec![change, row(id, "accepted")])).unwrap();
    assert_eq!(text(&store, id).as_deref(), Some("hello"));
    block_on(store.settled()).unwrap();
    let messages = store.messages(MailboxId::inbox(7)).unwrap();
    assert_eq!((messages.len(), messages[0].uid, messages[0].size), (1, 1, 28 + 5));
    store.close().unwrap();
    assert!(matches!(store.messages(MailboxId::inbox(7)), Err(StoreError::Closed)));
    assert!(matches!(block_on(store.commit(vec![row(id, "x")])), Err(StoreError::Closed)));

    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.messages(MailboxId::inbox(7)).unwrap(), messages);
    assert_eq!(text(&store, id).as_deref(), Some("hello"));
    assert!(store.mail_id() > id);
    let delete = Change::DeleteMessages { mailbox: MailboxId::inbox(7), uids: vec![1] };
    block_on(store.commit(vec![delete, delivered(&store, 7, "next").1])).unwrap();
    block_on(store.settled()).unwrap();
    assert_eq!(store.messages(MailboxId::inbox(7)).unwrap()[0].uid, 2, "UIDs are not used twice");
    assert_eq!(text(&store, id), None);
}

#[test]
fn what_was_acknowledged_survives_a_crash_before_it_is_applied() {
    let (dir, copy) = (tempdir(), tempdir());
    let store = Store::open(dir.path()).unwrap();
    let (one, change) = delivered(&store, 1, "one");
    block_on(store.commit(vec![change])).unwrap();
    let (two, change) = queued(&store, "two");
    block_on(store.commit(vec![change])).unwrap();
    snapshot(dir.path(), copy.path());
    let store = Store::open(copy.path()).unwrap();
    assert_eq!(text(&store, one).as_deref(), Some("one"));
    assert_eq!(text(&store, two).as_deref(), Some("two"));
    assert_eq!(store.queue_due(NOW, 10).unwrap()[0].mail, two);
    assert!(store.mail_id() > two);
}

#[test]
fn the_queue_follows_its_recipients() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    let id = store.mail_id();
    let entry = Some(outgoing(&["a@far.example", "b@far.example"]));
    block_on(store.commit(vec![Change::AddMail(NewMail { queue: entry, ..mail(id, inline("x")) })])).unwrap();
    block_on(store.settled()).unwrap();
    let outcome = vec![update(0, RecipientState::Relayed, 0), update(1, RecipientState::Pending, NOW + 300_000)];
    block_on(store.commit(vec![Change::QueueTried { mail: id, recipients: outcome }])).unwrap();
    block_on(store.settled()).unwrap();
    let entry = store.queue_entry(id).unwrap().unwrap();
    assert_eq!((entry.tries(), entry.due().unwrap(), store.queue_len().unwrap()), (1, NOW + 300_000, 1));
    assert_eq!(store.queue_next_due().unwrap(), Some(NOW + 300_000));
    assert!(store.queue_due(NOW, 10).unwrap().is_empty());

    block_on(store.commit(vec![Change::QueueHold { mail: id, hold: Hold::ByAdministrator }])).unwrap();
    block_on(store.settled()).unwrap();
    assert_eq!(store.queue_next_due().unwrap(), None);
    block_on(store.commit(vec![Change::QueueRetry { mail: id, due: NOW }])).unwrap();
    block_on(store.settled()).unwrap();
    assert_eq!(store.queue_due(NOW, 10).unwrap().len(), 1);

    // A notification keeps the body until it is written.
    let (task, entry) = (store.task_id(), Box::new(store.queue_entry(id).unwrap().unwrap()));
    let kind = TaskKind::DeliveryStatus { entry, about: vec![1], action: pillarbox::store::DsnAction::Failed };
    let task = Task { id: task, created_at: NOW, kind };
    block_on(store.commit(vec![tried(id, 1, RecipientState::Failed), Change::AddTask(task.clone())])).unwrap();
    block_on(store.settled()).unwrap();
    assert_eq!((store.queue_len().unwrap(), store.tasks(9).unwrap()), (0, vec![task.clone()]));
    assert!(text(&store, id).is_some());
    block_on(store.commit(vec![Change::RemoveTask { id: task.id }])).unwrap();
    block_on(store.settled()).unwrap();
    assert!(text(&store, id).is_none() && store.tasks(9).unwrap().is_empty());
}

#[test]
fn a_mail_relayed_before_it_is_applied_never_reaches_the_index() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    for n in 0..50 {
        let (id, change) = queued(&store, &"x".repeat(4096));
        block_on(store.commit(vec![change, row(id, "accepted")])).unwrap();
        block_on(store.post(vec![tried(id, 0, RecipientState::Relayed), row(id, "relayed")])).unwrap();
        assert!(store.body(id).unwrap().is_none());
        assert!(store.status().backlog < 200 * 1024, "mail {n}");
    }
    block_on(store.settled()).unwrap();
    assert_eq!((store.queue_len().unwrap(), store.journal(1000).unwrap().len()), (0, 100));
    // 50 bodies would have taken 100 pages, some of them more than once.
    assert!(std::fs::metadata(dir.path().join("index/data.mdb")).unwrap().len() < 300 * 1024);
}

#[test]
fn a_large_body_streams_to_a_file_that_goes_with_its_last_reference() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    let content = "line of text\r\n".repeat(100_000);
    let handle = block_on(async {
        let mut writer = store.body_writer();
        for piece in content.as_bytes().chunks(9_999) {
            writer.write(piece).await.unwrap();
        }
        assert_eq!(writer.size(), content.len() as u64);
        writer.finish().await.unwrap()
    });
    assert!(matches!(handle, BodyHandle::File { .. }));
    let id = store.mail_id();
    let deliveries = vec![delivery(1), delivery(2)];
    block_on(store.commit(vec![Change::AddMail(NewMail { deliveries, ..mail(id, handle) })])).unwrap();
    assert!(text(&store, id).unwrap() == content);
    let delete = |user| Change::DeleteMessages { mailbox: MailboxId::inbox(user), uids: vec![1] };
    block_on(store.commit(vec![delete(1)])).unwrap();
    block_on(store.settled()).unwrap();
    assert!(text(&store, id).unwrap() == content);
    block_on(store.commit(vec![delete(2)])).unwrap();
    block_on(store.settled()).unwrap();
    assert!(store.body(id).unwrap().is_none());
    wait_for("the file to go", || body_files(dir.path()) == 0);

    // One that is given up leaves nothing.
    let mut writer = store.body_writer();
    block_on(writer.write(content.as_bytes())).unwrap();
    wait_for("the file to come", || body_files(dir.path()) == 1);
    drop(writer);
    wait_for("the file to go", || body_files(dir.path()) == 0);
}

fn body_files(dir: &std::path::Path) -> usize {
    let dirs = std::fs::read_dir(dir.join("bodies")).unwrap();
    dirs.map(|dir| std::fs::read_dir(dir.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn exactly_the_inline_limit_is_inline() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    for (size, inline) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let mut writer = store.body_writer();
        block_on(writer.write(&vec![b'x'; size])).unwrap();
        let handle = block_on(writer.finish()).unwrap();
        assert_eq!(matches!(handle, BodyHandle::Inline(_)), inline);
        assert_eq!(handle.size(), size as u64);
    }
}

#[test]
fn seen_uids_and_configuration_are_kept() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    let long = "u".repeat(2000);
    let seen = |uid: &str, at| Change::SeenUid { collector: 3, uid: uid.into(), at };
    let other = Change::SeenUid { collector: 4, uid: "a".into(), at: 9 };
    let config = Change::PutConfig { json: "{}".into() };
    block_on(store.commit(vec![seen("a", 1), seen(&long, 2), seen("b", 3), seen("a", 8), other, config])).unwrap();
    block_on(store.commit(vec![Change::ForgetUids { collector: 3, uids: vec!["b".into()] }])).unwrap();
    block_on(store.settled()).unwrap();
    assert_eq!(store.seen_uids(3).unwrap(), [("a".to_string(), 1), (long, 2)].into());
    assert_eq!(store.config().unwrap().as_deref(), Some("{}"));
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse(_))));
    drop(store);
    Store::open(dir.path()).unwrap();
}
