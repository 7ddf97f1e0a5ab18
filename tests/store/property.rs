//! For random changes and a crash at any byte of the log and between any two applies: what was acknowledged is there
//! after reopening, what was not is there in a prefix or not at all, and a second replay changes nothing.

use std::fs;
use std::path::Path;

use pillarbox::store::{
    Change, DsnAction, Hold, JournalRow, MailId, NewMail, Options, RecipientState, Store, StoreError, Task, TaskKind,
};
use proptest::collection::vec;
use proptest::prelude::*;
use smol::block_on;

use crate::common::*;
use crate::model::{Expected, inbox, read};

const USERS: u32 = 3;
const COLLECTORS: u32 = 2;

/// One change, with what it names given by number.
#[derive(Clone, Debug)]
enum Op {
    Add { size: usize, users: Vec<u32>, recipients: usize, hold: Hold },
    Tried { mail: usize, done: Vec<(u32, bool)>, task: bool },
    Retry { mail: usize },
    Hold { mail: usize, hold: Hold },
    Remove { mail: usize },
    Delete { user: u32, uids: Vec<u32> },
    Seen { collector: u32, uid: u8 },
    Forget { collector: u32, uid: u8 },
    HoldAt { collector: u32, uid: u8, ask: bool },
    Want { collector: u32, uid: u8 },
    Release { collector: u32, uids: Vec<u8> },
    Config(u8),
    TaskDone { task: usize },
    Journal(u16),
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Op>),
    Post(Vec<Op>),
    Settle,
    Reopen,
    /// Go on from what a crash at this moment leaves.
    Crash,
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![
        Just(Hold::No),
        Just(Hold::ByAdministrator),
        Just(Hold::Until(NOW - 1)),
        Just(Hold::Until(NOW + 90_000))
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0usize..6000, vec(0..USERS, 0..3), 0usize..3, prop_oneof![8 => Just(Hold::No), 1 => hold()])
            .prop_map(|(size, users, recipients, hold)| Op::Add { size, users, recipients, hold }),
        5 => (0usize..6, vec((0u32..3, any::<bool>()), 1..3), prop::bool::weighted(0.2))
            .prop_map(|(mail, done, task)| Op::Tried { mail, done, task }),
        1 => (0usize..6).prop_map(|mail| Op::Retry { mail }),
        1 => (0usize..6, hold()).prop_map(|(mail, hold)| Op::Hold { mail, hold }),
        1 => (0usize..6).prop_map(|mail| Op::Remove { mail }),
        2 => (0..USERS, vec(1u32..12, 1..4)).prop_map(|(user, uids)| Op::Delete { user, uids }),
        1 => (0..COLLECTORS, any::<u8>()).prop_map(|(collector, uid)| Op::Seen { collector, uid }),
        1 => (0..COLLECTORS, any::<u8>()).prop_map(|(collector, uid)| Op::Forget { collector, uid }),
        2 => (0..COLLECTORS, 0u8..6, any::<bool>()).prop_map(|(collector, uid, ask)| Op::HoldAt { collector, uid, ask }),
        1 => (0..COLLECTORS, 0u8..6).prop_map(|(collector, uid)| Op::Want { collector, uid }),
        1 => (0..COLLECTORS, vec(0u8..6, 1..3)).prop_map(|(collector, uids)| Op::Release { collector, uids }),
        1 => any::<u8>().prop_map(Op::Config),
        1 => (0usize..3).prop_map(|task| Op::TaskDone { task }),
        2 => any::<u16>().prop_map(Op::Journal),
    ]
}

/// Each message has a question of its own.
fn question(collector: u32, uid: u8) -> u128 {
    u128::from(collector) * 1000 + u128::from(uid)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(op(), 1..5).prop_map(Step::Commit),
        4 => vec(op(), 1..3).prop_map(Step::Post),
        2 => Just(Step::Settle),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

/// A ring so small that a few mails go round it.
fn small() -> Options {
    Options { segment_size: 48 * 1024, segments: 3, map_sizes: vec![64 << 20] }
}

struct World {
    dir: tempfile::TempDir,
    store: Store,
    expected: Expected,
    mails: Vec<MailId>,
    tasks: Vec<u64>,
}

impl World {
    fn new() -> World {
        let dir = tempdir();
        let store = Store::open_with(dir.path(), &small()).unwrap();
        World { dir, store, expected: Expected::default(), mails: Vec::new(), tasks: Vec::new() }
    }

    fn changes(&mut self, ops: &[Op]) -> Vec<Change> {
        ops.iter().flat_map(|op| self.change(op)).collect()
    }

    fn change(&mut self, op: &Op) -> Vec<Change> {
        // Counted from the newest, so that most changes hit something that is still there.
        let mails = &self.mails;
        let pick = |back: usize| mails.len().checked_sub(1 + back).map(|at| mails[at]);
        let one = |change: Option<Change>| change.into_iter().collect::<Vec<_>>();
        match op {
            Op::Add { size, users, recipients, hold } => {
                let id = self.store.mail_id();
                assert!(self.mails.last().is_none_or(|last| *last < id), "ids only go up");
                self.mails.push(id);
                let text = format!("{id} {}", "x".repeat(*size));
                let names = ["a@far.example", "b@far.example", "c@far.example"];
                let mut queue = (*recipients > 0).then(|| outgoing(&names[..*recipients]));
                if let Some(queue) = &mut queue {
                    queue.hold = *hold;
                }
                let deliveries = users.iter().map(|user| delivery(*user)).collect();
                vec![Change::AddMail(NewMail { deliveries, queue, ..mail(id, inline(&text)) })]
            }
            Op::Tried { mail, done, task } => {
                let Some(mail) = pick(*mail) else { return Vec::new() };
                let state = |done| if done { RecipientState::Relayed } else { RecipientState::Pending };
                let update = |(index, done)| update(index, state(done), NOW + 60_000 + i64::from(index));
                let recipients = done.iter().copied().map(update).collect();
                let tried = Change::QueueTried { mail, recipients };
                let mut changes = vec![tried];
                // As `send` does it: a notification only about a mail that is there, in the same commit.
                if *task && self.expected.visible.queue.contains_key(&mail) {
                    let id = self.store.task_id();
                    self.tasks.push(id);
                    let entry =
                        NewMail { queue: Some(outgoing(&["x@far.example"])), ..crate::common::mail(mail, inline("")) };
                    let entry = Box::new(entry.queue_entry().unwrap());
                    let kind = TaskKind::DeliveryStatus { entry, about: vec![0], action: DsnAction::Failed };
                    changes.push(Change::AddTask(Task { id, created_at: NOW, kind }));
                }
                changes
            }
            Op::Retry { mail } => one(pick(*mail).map(|mail| Change::QueueRetry { mail, due: NOW + 5 })),
            Op::Hold { mail, hold } => one(pick(*mail).map(|mail| Change::QueueHold { mail, hold: *hold })),
            Op::Remove { mail } => one(pick(*mail).map(|mail| Change::QueueRemove { mail })),
            Op::Delete { user, uids } => vec![Change::DeleteMessages { mailbox: inbox(*user), uids: uids.clone() }],
            Op::Seen { collector, uid } => {
                vec![Change::SeenUid { collector: *collector, uid: format!("uid-{uid}"), at: NOW }]
            }
            Op::Forget { collector, uid } => {
                vec![Change::ForgetUids { collector: *collector, uids: vec![format!("uid-{uid}")] }]
            }
            Op::HoldAt { collector, uid, ask } => {
                let question = ask.then(|| question(*collector, *uid));
                vec![Change::HoldMessage { collector: *collector, uid: format!("uid-{uid}"), at: NOW, question }]
            }
            Op::Want { collector, uid } => vec![Change::WantMessage { question: question(*collector, *uid) }],
            Op::Release { collector, uids } => {
                let uids = uids.iter().map(|uid| format!("uid-{uid}")).collect();
                vec![Change::ReleaseMessages { collector: *collector, uids }]
            }
            Op::Config(value) => vec![Change::PutConfig { json: format!("{{\"value\":{value}}}") }],
            Op::TaskDone { task } => {
                let back = self.tasks.len().checked_sub(1 + task);
                one(back.map(|at| Change::RemoveTask { id: self.tasks[at] }))
            }
            Op::Journal(number) => {
                let (from, to, detail) = Default::default();
                vec![Change::Journal(JournalRow { at: NOW, mail: None, event: number.to_string(), from, to, detail })]
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(ops) => {
                let changes = self.changes(ops);
                self.expected.commit(&changes);
                block_on(self.store.commit(changes)).unwrap();
            }
            Step::Post(ops) => {
                let changes = self.changes(ops);
                self.expected.commit(&changes);
                block_on(self.store.post(changes)).unwrap();
            }
            Step::Settle => {
                block_on(self.store.settled()).unwrap();
                assert_eq!(read(&self.store, &self.mails, COLLECTORS).unwrap(), self.expected.visible);
            }
            Step::Reopen => {
                self.store.close().unwrap();
                self.store = Store::open_with(self.dir.path(), &small()).unwrap();
            }
            Step::Crash => {
                let copy = tempdir();
                self.store.at_rest(|| snapshot(self.dir.path(), copy.path()));
                self.store = Store::open_with(copy.path(), &small()).unwrap();
                self.dir = copy;
            }
        }
    }
}

/// State of a store opened on a copy of `from`.
fn opened(from: &Path) -> (tempfile::TempDir, Store) {
    let copy = tempdir();
    snapshot(from, copy.path());
    let store = Store::open_with(copy.path(), &small()).unwrap();
    (copy, store)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_the_model_whatever_happens(steps in vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        let image = tempdir();
        world.store.at_rest(|| snapshot(world.dir.path(), image.path()));

        // The live store, a replay, another replay of the same, and a replay over an index that has it all already.
        block_on(world.store.settled()).unwrap();
        let live = world.store.dump().unwrap();
        let (replayed_dir, replayed) = opened(image.path());
        prop_assert_eq!(read(&replayed, &world.mails, COLLECTORS).unwrap(), world.expected.visible);
        prop_assert!(replayed.dump().unwrap() == live, "a replay ends where the live store is");
        replayed.close().unwrap();
        fs::remove_dir_all(replayed_dir.path().join("log")).unwrap();
        copy_tree(&image.path().join("log"), &replayed_dir.path().join("log"));
        let twice = Store::open_with(replayed_dir.path(), &small()).unwrap();
        prop_assert!(twice.dump().unwrap() == live, "a second replay changes nothing");
    }

    #[test]
    fn a_crash_at_any_byte_of_the_log_keeps_what_was_acknowledged(
        steps in vec(step(), 0..15),
        acknowledged in vec(op(), 1..4),
        unfinished in vec(vec(op(), 1..4), 1..6),
        cut in any::<prop::sample::Index>(),
        sectors in prop::option::of(any::<u64>()),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        // Goes to disk, and everything before with it.
        let changes = [world.changes(&acknowledged), vec![row(MailId(0), "last")]].concat();
        world.expected.commit(&changes);
        block_on(world.store.commit(changes)).unwrap();
        let flushes = world.store.status().flushes;
        let (safe, torn) = (tempdir(), tempdir());
        world.store.at_rest(|| snapshot(world.dir.path(), safe.path()));

        let mut states = vec![world.expected.visible.clone()];
        for ops in &unfinished {
            let changes = world.changes(ops);
            world.expected.commit(&changes);
            states.push(world.expected.visible.clone());
            block_on(world.store.post(changes)).unwrap();
        }
        world.store.at_rest(|| snapshot(world.dir.path(), torn.path()));
        // A new segment flushes the one before.
        prop_assume!(world.store.status().flushes == flushes);

        let written = tear(safe.path(), torn.path(), cut, sectors);
        let store = match Store::open_with(torn.path(), &small()) {
            Ok(store) => store,
            Err(error) => return Err(TestCaseError::fail(format!("torn in {written} bytes: {error}"))),
        };
        let found = read(&store, &world.mails, COLLECTORS).unwrap();
        prop_assert!(states.contains(&found), "torn in {written} bytes: {found:?} is no prefix");

        // It goes on from there, and what is written now is not mixed up with what was torn.
        let id = store.mail_id();
        prop_assert!(world.mails.iter().all(|mail| *mail < id || !found.bodies.contains_key(mail)));
        let mut states = states.into_iter();
        let mut on = Expected::default();
        on.visible = states.find(|state| *state == found).unwrap();
        let change = row(id, "after");
        block_on(store.commit(vec![change.clone()])).unwrap();
        on.visible.journal.push("after".into());
        let (_copy, again) = { let copy = tempdir(); store.at_rest(|| snapshot(torn.path(), copy.path())); let again = Store::open_with(copy.path(), &small()).unwrap(); (copy, again) };
        prop_assert_eq!(read(&again, &world.mails, COLLECTORS).unwrap(), on.visible);
    }
}

/// Cases a run; more with `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)
}

/// Makes the log in `torn` what a power cut leaves of the bytes written after `safe`: those before a byte, or, with
/// `sectors`, some sectors of 512 bytes and others not. Returns how many bytes were at stake.
fn tear(safe: &Path, torn: &Path, cut: prop::sample::Index, sectors: Option<u64>) -> usize {
    let mut files: Vec<_> = fs::read_dir(torn.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut at_stake = Vec::new();
    for (number, path) in files.iter().enumerate() {
        let new = fs::read(path).unwrap();
        let old = fs::read(safe.join("log").join(path.file_name().unwrap())).unwrap_or(vec![0; new.len()]);
        let differing = (0..new.len()).filter(|at| new[*at] != old[*at]);
        at_stake.extend(differing.map(|at| (number, at, old[at])));
    }
    if at_stake.is_empty() {
        return 0;
    }
    let first_lost = cut.index(at_stake.len() + 1);
    for (count, (number, at, old)) in at_stake.iter().enumerate() {
        let lost = match sectors {
            None => count >= first_lost,
            Some(choice) => choice.rotate_right((at / 512) as u32) & 1 == 1,
        };
        if lost {
            use std::os::unix::fs::FileExt;
            let file = fs::OpenOptions::new().write(true).open(&files[*number]).unwrap();
            file.write_all_at(&[*old], *at as u64).unwrap();
        }
    }
    at_stake.len()
}

#[test]
fn a_bad_record_before_good_ones_is_reported() {
    let dir = tempdir();
    let store = Store::open(dir.path()).unwrap();
    for text in ["first", "second", "third"] {
        block_on(store.commit(vec![delivered(&store, 1, text).1])).unwrap();
    }
    let image = tempdir();
    store.at_rest(|| snapshot(dir.path(), image.path()));
    let log = image.path().join("log/0.log");
    let good = fs::read(&log).unwrap();
    let mut bad = good.clone();
    let at = bad.windows(6).position(|window| window == b"second").unwrap();
    bad[at] ^= 1;
    fs::write(&log, &bad).unwrap();
    let error = Store::open(image.path()).err().expect("damage is reported");
    assert!(matches!(&error, StoreError::Damaged(text) if text.contains("record 2")), "{error}");

    // The last record, though, cannot be told from one that was never finished.
    let mut bad = good.clone();
    let at = bad.windows(5).position(|window| window == b"third").unwrap();
    bad[at] ^= 1;
    fs::write(&log, &bad).unwrap();
    let store = Store::open(image.path()).unwrap();
    assert_eq!(store.messages(inbox(1)).unwrap().len(), 2);
}
