//! A program that is killed while it writes: what it had heard to be on disk is there, once.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use pillarbox::store::{MailId, MailboxId, Options, RecipientState, Store};
use smol::block_on;

use crate::common::*;

/// Directory the child works in; set, this test binary is the child.
const CHILD: &str = "STORE_KILL_DIR";
const ROUNDS: u32 = 12;
const TASKS: u32 = 8;

fn options() -> Options {
    Options { segment_size: 128 * 1024, segments: 3, map_sizes: vec![1 << 30] }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_program_is_killed() {
    let dir = tempdir();
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after so many acknowledgements, each time at another place; what comes after counts as well.
        let until = 50 + round * 37;
        let mut count = 0;
        for line in lines.map_while(Result::ok) {
            if let Some(id) = line.strip_prefix("kept ").and_then(|id| id.parse().ok()) {
                assert!(acknowledged.insert(id), "an id given twice");
                count += 1;
            }
            if count == until {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(count >= until, "the child ended by itself");
        let store = Store::open_with(dir.path(), &options()).unwrap();
        let mut found = HashSet::new();
        for user in 0..TASKS {
            for message in store.messages(MailboxId::inbox(user)).unwrap() {
                assert!(found.insert(message.mail.0), "twice");
                assert_eq!(text(&store, message.mail), Some(body(message.mail)));
            }
        }
        assert!(acknowledged.is_subset(&found), "lost in round {round}");
        // Each task may have had one mail and one relayed mail under way.
        let unheard = found.difference(&acknowledged).count() as u32;
        assert!(unheard <= TASKS * (round + 1));
        assert!(store.queue_len().unwrap() <= u64::from(TASKS * (round + 1)));
    }
}

#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = Store::open_with(dir.as_ref(), &options()).unwrap();
    let workers: Vec<_> = (0..TASKS)
        .map(|user| {
            let store = store.clone();
            std::thread::spawn(move || {
                loop {
                    let id = store.mail_id();
                    let mail =
                        pillarbox::store::NewMail { deliveries: vec![delivery(user)], ..mail(id, inline(&body(id))) };
                    block_on(store.commit(vec![pillarbox::store::Change::AddMail(mail)])).unwrap();
                    // Whole lines, so that a kill cuts none.
                    std::io::stdout().write_all(format!("kept {}\n", id.0).as_bytes()).unwrap();
                    std::io::stdout().flush().unwrap();
                    let (relayed, change) = queued(&store, "relayed at once");
                    block_on(store.commit(vec![change])).unwrap();
                    block_on(store.post(vec![tried(relayed, 0, RecipientState::Relayed)])).unwrap();
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

fn body(id: MailId) -> String {
    format!("{id} {}", "x".repeat(id.0 as usize % 5000))
}
