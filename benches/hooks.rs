//! What a call of a hook costs, with the way to the Lua thread and back: `cargo bench --bench hooks`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pillarbox::hooks::scripts::mxout::{CheckFile, CheckFileActions};
use pillarbox::hooks::{Hooks, Script, Shelf, Stored};

const CALLS: usize = 20_000;

fn main() {
    let hooks = Hooks::default();
    let began = Instant::now();
    for _ in 0..1_000_000 {
        assert!(!std::hint::black_box(&hooks).has(Script::MxOut));
    }
    println!("no script: {:?} a million times", began.elapsed());
    let text = "function CheckFile(name, actions) actions.Priority = 60 return actions end";
    hooks.put(Shelf::new([Arc::new(Stored::new("mxout.lua", text))]));
    shown("a script opened", 500, || drop(smol::block_on(hooks.open(Script::MxOut, None, ()))));
    let mut script = smol::block_on(hooks.open(Script::MxOut, None, ())).expect("the script loads");
    let call = CheckFile {
        filename: "1F".into(),
        actions: CheckFileActions { priority: Some(50), ..CheckFileActions::default() },
        size: 4096,
        recipients: vec!["bob@example.com".into()],
        header_lines: (0..12).map(|line| format!("X-Line-{line}: value")).collect(),
        ..CheckFile::default()
    };
    shown("a hook called", CALLS, || {
        let back = smol::block_on(script.call(call.clone()));
        assert_eq!(back.actions.and_then(|actions| actions.priority), Some(60));
    });
}

/// The middle one and the slowest hundredth.
fn shown(what: &str, times: usize, mut work: impl FnMut()) {
    let mut took: Vec<Duration> = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        work();
        took.push(began.elapsed());
    }
    took.sort_unstable();
    println!("{what}: p50 {:?}, p99 {:?}", took[times / 2], took[times * 99 / 100]);
}
