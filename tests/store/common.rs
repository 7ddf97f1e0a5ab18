//! Mails, envelopes and crashes for the tests of the store.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pillarbox::mail::{Address, Envelope, Recipient};
use pillarbox::store::{
    Body, BodyHandle, Change, Delivery, JournalRow, MailId, MailboxId, NewMail, NewQueueEntry, RecipientState,
    RecipientUpdate, Store,
};

/// A directory in memory where there is such a thing: these tests are about what is written, not about the disk.
pub fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub const NOW: i64 = 1_700_000_000_000;

pub fn inline(text: &str) -> BodyHandle {
    BodyHandle::Inline(text.as_bytes().into())
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn outgoing(recipients: &[&str]) -> NewQueueEntry {
    let envelope = Envelope {
        return_path: Some(address("boss@office.example")),
        recipients: recipients.iter().map(|recipient| Recipient::new(address(recipient))).collect(),
        ..Envelope::default()
    };
    NewQueueEntry::now(envelope, NOW)
}

pub fn delivery(user: u32) -> Delivery {
    Delivery { mailbox: MailboxId::inbox(user), head: "Return-Path: <a@b.example>\r\n".into() }
}

pub fn mail(id: MailId, body: BodyHandle) -> NewMail {
    NewMail { id, body, received_at: NOW, deliveries: Vec::new(), queue: None }
}

/// A mail for the mailbox of `user`.
pub fn delivered(store: &Store, user: u32, text: &str) -> (MailId, Change) {
    let id = store.mail_id();
    (id, Change::AddMail(NewMail { deliveries: vec![delivery(user)], ..mail(id, inline(text)) }))
}

/// A mail for one recipient elsewhere.
pub fn queued(store: &Store, text: &str) -> (MailId, Change) {
    let id = store.mail_id();
    (id, Change::AddMail(NewMail { queue: Some(outgoing(&["out@far.example"])), ..mail(id, inline(text)) }))
}

pub fn update(index: u32, state: RecipientState, due: i64) -> RecipientUpdate {
    RecipientUpdate { index, state, reply: "250 2.0.0 ok".into(), due, tried: true, delay_notified: false }
}

pub fn tried(mail: MailId, index: u32, state: RecipientState) -> Change {
    let recipients = vec![update(index, state, NOW + 300_000)];
    Change::QueueTried { mail, recipients }
}

pub fn row(mail: MailId, event: &str) -> Change {
    let (from, to, detail) = ("a@b.example".into(), "out@far.example".into(), String::new());
    Change::Journal(JournalRow { at: NOW, mail: Some(mail), event: event.into(), from, to, detail })
}

pub fn text(store: &Store, mail: MailId) -> Option<String> {
    match store.body(mail).unwrap()? {
        Body::Inline(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
        Body::File { mut file, .. } => {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut file, &mut text).unwrap();
            Some(text)
        }
    }
}

/// What a power cut at this moment would leave: a copy of the directory while the store runs. The index is copied
/// first, as the log must never be behind it.
pub fn snapshot(from: &Path, to: &Path) {
    for part in ["index", "bodies", "log"] {
        copy_tree(&from.join(part), &to.join(part));
    }
}

pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else if entry.file_name() != "lock.mdb" && entry.path().extension() != Some("new".as_ref()) {
            // (A segment in the making may get its name just now.)
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Waits for `done`, ten seconds at most.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// A body in a file.
pub fn large(store: &Store) -> BodyHandle {
    let mut writer = store.body_writer();
    smol::block_on(writer.write(&[b'x'; 200_000])).unwrap();
    smol::block_on(writer.finish()).unwrap()
}

/// Files two levels down.
pub fn files(dir: &Path) -> usize {
    let dirs = fs::read_dir(dir).unwrap();
    dirs.map(|dir| fs::read_dir(dir.unwrap().path()).unwrap().count()).sum()
}
