//! What the README and the how-to pages tell people to write and to type is understood.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use pillarbox::config::Config;

fn pages() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let howto = std::fs::read_dir(root.join("docs/howto")).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<PathBuf> = howto.chain([root.join("README.md")]).collect();
    assert!(pages.len() > 6);
    pages.into_iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn configurations_are_good() {
    let mut count = 0;
    for (page, text) in pages() {
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let good = Config::default().from_toml(block).and_then(|config| config.prepare(None));
            assert!(good.is_ok(), "{page}: {:?}\n{block}", good.err());
            count += 1;
        }
    }
    assert!(count > 8, "{count}");
}

#[test]
fn scripts_can_be_read() {
    let mut count = 0;
    for (page, text) in pages() {
        for block in text.split("```lua\n").skip(1) {
            let block = block.split("```").next().unwrap();
            assert_eq!(pillarbox::hooks::compile(&page, block).err(), None);
            count += 1;
        }
    }
    assert!(count > 2, "{count}");
}

/// First and second word of each command in the help; an empty second word where it may stand alone.
fn commands() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO_BIN_EXE_pillarbox")).arg("--help").output().unwrap();
    let mut commands = BTreeMap::<String, BTreeSet<String>>::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some(line) = line.strip_prefix("  pillarbox ") else { continue };
        let mut words = line.split(' ');
        let seconds = commands.entry(words.next().unwrap().into()).or_default();
        let second = words.next().filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || "-|".contains(c)));
        seconds.extend(second.unwrap_or_default().split('|').map(String::from));
    }
    commands
}

#[test]
fn commands_exist() {
    let commands = commands();
    let mut count = 0;
    for (page, text) in pages() {
        for line in text.lines().filter_map(|line| line.strip_prefix("    ")) {
            let line = line.strip_prefix("sudo ").unwrap_or(line);
            let Some(command) = line.strip_prefix("pillarbox ") else { continue };
            let mut words = command.split_whitespace();
            let seconds = commands.get(words.next().unwrap());
            // `run` and the like stand alone in the help, and may have arguments.
            let second = words.next().unwrap_or_default();
            let known = seconds.is_some_and(|seconds| seconds.contains(second) || seconds.iter().all(String::is_empty));
            assert!(known, "{page}: pillarbox {command}");
            count += 1;
        }
    }
    assert!(count > 12, "{count}");
}
