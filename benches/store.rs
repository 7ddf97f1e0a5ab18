//! How fast the store takes mail on this machine: commits per second, flushes and processor time per commit.
//!
//! `cargo bench --bench store [-- DIRECTORY]`. The directory decides which disk is measured; the default is the
//! target directory's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pillarbox::mail::{Address, Envelope, Recipient};
use pillarbox::store::{
    BodyHandle, Change, Delivery, JournalRow, MailboxId, NewMail, NewQueueEntry, RecipientState, RecipientUpdate, Store,
};

/// A mail of 4 KiB and its trace lines.
const BODY: usize = 4400;
const NOW: i64 = 1_700_000_000_000;

/// What becomes of the mails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flow {
    /// Into a mailbox, deleted later.
    Delivered,
    /// Into the queue, relayed a moment later.
    Relayed,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let base = arguments.first().map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    println!(
        "{:>10} {:>6} {:>10} {:>14} {:>12} {:>9} {:>9} {:>12}",
        "flow", "tasks", "commits/s", "flushes/commit", "CPU/commit", "p50", "p99", "KiB/commit"
    );
    for flow in [Flow::Relayed, Flow::Delivered] {
        for tasks in [1, 10, 50] {
            run(&base, flow, tasks, Duration::from_secs(3));
        }
    }
    footprint(&base);
}

fn run(base: &Path, flow: Flow, tasks: usize, time: Duration) {
    let dir = base.join("store-bench");
    let _ = std::fs::remove_dir_all(&dir);
    let began = Instant::now();
    let store = Store::open(&dir).unwrap();
    let opening = began.elapsed();
    let executor = Arc::new(smol::Executor::new());
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let executor = executor.clone();
            let (stop, stopped) = smol::channel::bounded::<()>(1);
            (std::thread::spawn(move || smol::block_on(executor.run(stopped.recv()))), stop)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let (cpu, written, before) = (cpu_time(), self::written(base), store.status());
    let began = Instant::now();
    let workers: Vec<_> = (0..tasks)
        .map(|user| executor.spawn(work(store.clone(), flow, user as u32, began + time, usize::MAX)))
        .collect();
    let mut latencies: Vec<Duration> = smol::block_on(async {
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.await);
        }
        all
    });
    let elapsed = began.elapsed();
    smol::block_on(store.settled()).unwrap();
    let after = store.status();
    let (cpu, kib) = (cpu_time() - cpu, (self::written(base) - written) / 1024);
    latencies.sort();
    if tasks == 1 {
        println!("(making a store: {opening:?})");
    }
    let count = latencies.len();
    println!(
        "{:>10} {tasks:>6} {:>10.0} {:>14.3} {:>9.1} µs {:>6} µs {:>6} µs {:>12.1}",
        format!("{flow:?}"),
        count as f64 / elapsed.as_secs_f64(),
        (after.flushes - before.flushes) as f64 / count as f64,
        cpu.as_secs_f64() * 1e6 / count as f64,
        latencies[count / 2].as_micros(),
        latencies[count * 99 / 100].as_micros(),
        kib as f64 / count as f64,
    );
    for (thread, stop) in threads {
        drop(stop);
        let _ = thread.join();
    }
    store.close().unwrap();
    let _ = std::fs::remove_dir_all(&dir);
}

/// One client: a mail after the other, as soon as the one before is acknowledged.
async fn work(store: Store, flow: Flow, user: u32, until: Instant, most: usize) -> Vec<Duration> {
    let body: Arc<[u8]> = vec![b'x'; BODY].into();
    let mailbox = MailboxId::inbox(user);
    let mut latencies = Vec::new();
    while latencies.len() < most && Instant::now() < until {
        let id = store.mail_id();
        let mut mail = NewMail {
            id,
            body: BodyHandle::Inline(body.to_vec().into()),
            received_at: NOW,
            deliveries: Vec::new(),
            queue: None,
        };
        match flow {
            Flow::Delivered => {
                mail.deliveries.push(Delivery { mailbox, head: "Return-Path: <a@b.example>\r\n".into() })
            }
            Flow::Relayed => mail.queue = Some(outgoing()),
        }
        let expected = store.expect_commit();
        let began = Instant::now();
        store.commit(vec![Change::AddMail(mail), journal(id, "accepted")]).await.unwrap();
        latencies.push(began.elapsed());
        drop(expected);
        if flow == Flow::Relayed {
            let update = RecipientUpdate {
                index: 0,
                state: RecipientState::Relayed,
                reply: "250 2.0.0 queued".into(),
                due: NOW,
                tried: true,
                delay_notified: false,
            };
            let tried = Change::QueueTried { mail: id, recipients: vec![update] };
            store.post(vec![tried, journal(id, "relayed")]).await.unwrap();
        } else if latencies.len() % 100 == 0 {
            let last = latencies.len() as u32;
            let uids = (last - 99..=last).collect();
            store.commit(vec![Change::DeleteMessages { mailbox, uids }]).await.unwrap();
        }
    }
    latencies
}

fn outgoing() -> NewQueueEntry {
    let address = |text| Address::parse(text).unwrap();
    let recipients = vec![Recipient::new(address("someone@far.example"))];
    let return_path = Some(address("boss@office.example"));
    NewQueueEntry::now(Envelope { return_path, recipients, ..Envelope::default() }, NOW)
}

fn journal(mail: pillarbox::store::MailId, event: &str) -> Change {
    Change::Journal(JournalRow {
        at: NOW,
        mail: Some(mail),
        event: event.into(),
        from: "boss@office.example".into(),
        to: "someone@far.example".into(),
        detail: "smtp from 192.0.2.7".into(),
    })
}

/// One mail every 100 ms, as an office sends; then a big mailbox, and the memory of it all.
fn footprint(base: &Path) {
    let dir = base.join("store-bench");
    let _ = std::fs::remove_dir_all(&dir);
    let store = Store::open(&dir).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let before = (written(base), store.status().flushes);
    let mails = 50;
    smol::block_on(async {
        for _ in 0..mails {
            work(store.clone(), Flow::Relayed, 0, Instant::now() + Duration::from_secs(1), 1).await;
            smol::Timer::after(Duration::from_millis(100)).await;
        }
        smol::Timer::after(Duration::from_secs(5)).await;
    });
    println!(
        "one every 100 ms: {:.1} KiB and {:.2} flushes of the log a mail",
        (written(base) - before.0) as f64 / 1024.0 / mails as f64,
        (store.status().flushes - before.1) as f64 / mails as f64
    );
    let idle = written(base);
    std::thread::sleep(Duration::from_secs(3));
    println!("idle: {} bytes in 3 s", written(base) - idle);
    println!("memory (PSS): {} KiB", pss());
    big_mailbox(&store);
    std::thread::sleep(Duration::from_secs(2));
    println!("memory (PSS) after reading the big mailbox: {} KiB", pss());
    store.close().unwrap();
    let began = Instant::now();
    let store = Store::open(&dir).unwrap();
    println!("opening it again: {:?}", began.elapsed());
    store.close().unwrap();
    let _ = std::fs::remove_dir_all(&dir);
}

fn big_mailbox(store: &Store) {
    let body: Arc<[u8]> = vec![b'x'; 1000].into();
    let mailbox = MailboxId::inbox(77);
    let add = |n: u32| {
        let id = store.mail_id();
        let deliveries = vec![Delivery { mailbox, head: "Return-Path: <a@b.example>\r\n".into() }];
        let body = BodyHandle::Inline(body.clone());
        let mail = Change::AddMail(NewMail { id, body, received_at: NOW, deliveries, queue: None });
        vec![mail, Change::SeenUid { collector: 1, uid: format!("{n:064x}"), at: NOW }]
    };
    smol::block_on(async {
        for some in 0..100 {
            store.commit((0..100).flat_map(|n| add(some * 100 + n)).collect()).await.unwrap();
        }
        store.settled().await.unwrap();
    });
    let began = Instant::now();
    let messages = store.messages(mailbox).unwrap().len();
    println!("a mailbox of {messages} messages: {:?}", began.elapsed());
    let began = Instant::now();
    let seen = store.seen_uids(1).unwrap().len();
    println!("{seen} seen UIDs: {:?}", began.elapsed());
}

/// Processor time of the process.
fn cpu_time() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let time = |value: nix::sys::time::TimeVal| Duration::new(value.tv_sec() as u64, value.tv_usec() as u32 * 1000);
    time(usage.user_time()) + time(usage.system_time())
}

/// Bytes that have gone to the disk of `dir`, from everybody: measure on a disk of its own.
fn written(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let device = std::fs::metadata(dir).unwrap().dev();
    nix::unistd::sync();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let text = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).unwrap_or_default();
    text.split_whitespace().nth(6).and_then(|sectors| sectors.parse().ok()).unwrap_or(0u64) * 512
}

fn pss() -> u64 {
    field("/proc/self/smaps_rollup", "Pss:")
}

fn field(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
