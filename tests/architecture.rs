//! Holds the sources to the design: rooms import from lower floors only (so there is no circle), `proto` owns no
//! socket, clock or random source, functions stay short, lints are not switched off, `unsafe` stays where it is listed.
//!
//! Reads the text of `src/` with comments and strings blanked out. Each finding names file and line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room imports only from rooms with a smaller number; those on the same floor do not know each other.
const FLOORS: [(&str, u32); 22] = [
    ("proto", 1),
    ("mail", 1),
    ("rules", 1),
    ("store", 2),
    ("config", 2),
    ("net", 2),
    ("route", 3),
    ("policy", 3),
    ("hooks", 3),
    ("live", 3),
    ("intake", 4),
    ("appliance", 5),
    ("web", 5),
    ("serve", 5),
    ("connect", 5),
    ("collect", 5),
    ("send", 5),
    ("notify", 5),
    ("gateway", 6),
    ("cli", 6),
    ("main", 7),
    // Declares the rooms.
    ("lib", 7),
];

/// Within a floor, one way only: the command line starts the program, and the languages speak of addresses and envelopes.
const MAY_ALSO: [(&str, &str); 3] = [("cli", "gateway"), ("proto", "mail"), ("rules", "mail")];

/// Files that may contain `unsafe`, with a SAFETY comment at each place.
const UNSAFE: [&str; 3] = ["src/store/mapping.rs", "src/gateway/memory.rs", "src/appliance/kernel.rs"];

const MAX_FUNCTION: usize = 100;
/// Beyond it a file is named in the output; the cut is a person's to make.
const LONG_FILE: usize = 400;

/// What a language does not need.
const NOT_IN_PROTO: [&str; 12] = [
    "std::net::Tcp",
    "std::net::Udp",
    "std::fs",
    "std::thread",
    "async_io",
    "smol",
    "Instant",
    "SystemTime",
    "getrandom",
    "fastrand",
    "std::env",
    "heed",
];

struct Source {
    /// From the package's root.
    path: String,
    /// With comments, strings and characters blanked out; lines are where they were.
    code: String,
    text: String,
}

impl Source {
    fn room(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?;
        Some(name.strip_suffix(".rs").unwrap_or(name))
    }

    fn finding(&self, at: usize, what: impl std::fmt::Display) -> String {
        let line = self.code[..at].matches('\n').count() + 1;
        format!("{}:{line}: {what}", self.path)
    }

    /// Where `word` stands as a word of its own.
    fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let is_name = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = self.code.as_bytes();
        self.code.match_indices(word).map(|(at, _)| at).filter(move |at| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            !is_name(before) && !is_name(bytes.get(at + word.len()))
        })
    }
}

fn sources(dirs: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in dirs {
        collect(&root.join(dir), &mut files);
    }
    files.sort();
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("a source file is readable text");
        let path = file.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        Source { path, code: blanked(&text), text }
    };
    files.into_iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The same text with spaces for everything in comments, strings and characters.
fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = out.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if !after_name => prefixed_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (gone, left) = rest.split_at(length);
            out.extend(gone.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            rest = left;
        }
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"…"`, `br#"…"#`, `b"…"`, `c"…"`, `b'…'`; 0 when it is a name.
fn prefixed_string(text: &str) -> usize {
    let prefix = text.find(|c| !matches!(c, 'r' | 'b' | 'c')).unwrap_or(text.len());
    let raw = text[..prefix].contains('r');
    let rest = &text[prefix..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if prefix > 2 || (hashes > 0 && !raw) {
        return 0;
    }
    if raw && rest[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let from = prefix + hashes + 1;
        return text[from..].find(&end).map_or(text.len(), |at| from + at + end.len());
    }
    match rest.chars().next() {
        Some('"') => prefix + string(rest),
        Some('\'') if &text[..prefix] == "b" => prefix + character(rest),
        _ => 0,
    }
}

/// A character; 0 when the quote begins a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => text[3..].find('\'').map_or(0, |at| at + 4),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 0,
    }
}

/// The rooms named behind `crate::` at `at`, which is the place behind the colons: one, or those of a group.
fn rooms_at(code: &str, at: usize) -> Vec<&str> {
    let rest = &code[at..];
    let Some(group) = rest.strip_prefix('{') else { return vec![first_word(rest)] };
    let mut rooms = Vec::new();
    let (mut depth, mut from) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                rooms.push(first_word(group[from..at].trim_start()));
                from = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    rooms
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn floor(room: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn check(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn upward_imports(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let room = source.room().expect("a file of src");
    let Some(own) = floor(room) else {
        return vec![source.finding(0, format!("the room {room} is on no floor: give it one in this test"))];
    };
    for root in ["crate::", "pillarbox::"] {
        for at in source.code.match_indices(root).map(|(at, _)| at) {
            for other in rooms_at(&source.code, at + root.len()) {
                let allowed = match floor(other) {
                    // A macro, or an item of the room itself.
                    None => true,
                    Some(floor) => other == room || floor < own || MAY_ALSO.contains(&(room, other)),
                };
                if !allowed {
                    findings.push(source.finding(at, format!("{room} imports {other}, which is not on a lower floor")));
                }
            }
        }
    }
    findings
}

#[test]
fn rooms_import_only_from_lower_floors() {
    let sources = sources(&["src"]);
    assert!(sources.len() > 20, "the sources are there");
    check(sources.iter().flat_map(upward_imports).collect());
}

#[test]
fn every_room_stands_on_a_floor_and_is_declared() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("src/lib.rs");
    let sources = sources(&["src"]);
    let rooms: BTreeSet<_> =
        sources.iter().filter_map(Source::room).filter(|room| !["lib", "main"].contains(room)).collect();
    for room in rooms {
        assert!(floor(room).is_some(), "src/{room} is on no floor: give it one in this test");
        assert!(lib.contains(&format!("mod {room};")), "src/{room} is not declared in src/lib.rs");
    }
}

#[test]
fn languages_own_no_socket_clock_or_random_source() {
    let mut findings = Vec::new();
    for source in sources(&["src/proto"]) {
        // Tests may use what they like.
        let end = source.code.find("#[cfg(test)]").unwrap_or(source.code.len());
        for word in NOT_IN_PROTO {
            findings.extend(
                source.words(word).filter(|at| *at < end).map(|at| source.finding(at, format!("{word} in proto"))),
            );
        }
    }
    check(findings);
}

/// The lines from a function's first to its last.
fn long_functions(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for at in source.words("fn") {
        let rest = &source.code[at..];
        // A type such as `fn(u8)`, or a declaration without a body.
        let Some(open) = rest.find(['{', ';']) else { continue };
        if rest[2..].trim_start().starts_with('(') || rest[open..].starts_with(';') {
            continue;
        }
        let mut depth = 0;
        let end = rest[open..].char_indices().find_map(|(at, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(open + at)
        });
        let lines = rest[..end.unwrap_or(rest.len())].matches('\n').count() + 1;
        if lines > MAX_FUNCTION {
            findings
                .push(source.finding(at, format!("a function of {lines} lines, at most {MAX_FUNCTION} are allowed")));
        }
    }
    findings
}

#[test]
fn functions_are_short() {
    let sources = sources(&["src"]);
    for source in &sources {
        let lines = source.text.lines().count();
        if lines > LONG_FILE {
            println!("note: {} has {lines} lines", source.path);
        }
    }
    check(sources.iter().flat_map(long_functions).collect());
}

#[test]
fn lints_are_not_switched_off() {
    let mut findings = Vec::new();
    for source in sources(&["src", "tests", "benches", "fuzz/targets"]) {
        for word in ["allow", "expect"] {
            for at in source.words(word) {
                let before = &source.code[..at];
                let attribute = before.ends_with("#[") || before.ends_with("#![");
                let for_unsafe = source.code[at + word.len()..].starts_with("(unsafe_code");
                let listed =
                    UNSAFE.iter().any(|place| source.path.starts_with(place)) || !source.path.starts_with("src/");
                if attribute && !(for_unsafe && listed) {
                    findings.push(source.finding(at, format!("a lint is switched off by {word}")));
                }
            }
        }
    }
    check(findings);
}

#[test]
fn unsafe_code_stays_where_it_is_listed_and_says_why() {
    let mut findings = Vec::new();
    for source in sources(&["src"]) {
        for at in source.words("unsafe") {
            if !UNSAFE.iter().any(|place| source.path.starts_with(place)) {
                findings.push(source.finding(at, "unsafe code outside the listed modules"));
            } else if !source.text[..at].lines().rev().take(8).any(|line| line.contains("SAFETY")) {
                findings.push(source.finding(at, "unsafe code without a SAFETY comment above it"));
            }
        }
    }
    check(findings);
}

#[test]
fn every_file_says_what_it_is() {
    let sources = sources(&["src"]);
    let silent = |source: &&Source| !source.text.starts_with("//!") && !source.path.ends_with("tests.rs");
    check(
        sources
            .iter()
            .filter(silent)
            .map(|source| source.finding(0, "no header: what it is, what it promises"))
            .collect(),
    );
}

// -- the test itself can fail -----------------------------------------------------------------------------------------

fn source(path: &str, text: &str) -> Source {
    Source { path: path.into(), code: blanked(text), text: text.into() }
}

#[test]
fn an_import_from_above_is_found_in_every_form() {
    for (text, count) in [
        ("use crate::send::Queue;", 1),
        ("use crate::{mail::Address, send::{Queue, Other}, web};", 2),
        ("fn f() { crate::serve::run() }", 1),
        ("use crate::mail::Address;\n// crate::send\nconst A: &str = \"crate::send\";", 0),
        ("use crate::net::Stream;", 1),
        ("use crate::store::MailId;", 0),
    ] {
        let found = upward_imports(&source("src/store/x.rs", text));
        assert_eq!(found.len(), count, "{text}: {found:?}");
    }
    let found = upward_imports(&source("src/route/mod.rs", "\n\nuse crate::live::Board;"));
    assert_eq!(found, ["src/route/mod.rs:3: route imports live, which is not on a lower floor"]);
    assert_eq!(upward_imports(&source("src/attic/mod.rs", "")).len(), 1);
}

#[test]
fn a_long_function_is_found() {
    let long = format!("fn a() {{\n{}}}\n", "    let x = '{';\n".repeat(100));
    assert_eq!(long_functions(&source("src/a.rs", &long)).len(), 1);
    let short = format!("fn a() {{\n{}}}\n", "    let x = '{';\n".repeat(98));
    assert_eq!(long_functions(&source("src/a.rs", &format!("{short}{short}"))).len(), 0);
}

#[test]
fn strings_and_comments_are_blanked() {
    let text = r##"a "b\"" 'c' '\'' b"d" r#"e"e"# /* f /* g */ h */ i<'j> // k
l"##;
    let left: String = blanked(text).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(left, "a i<'j> l");
    assert_eq!(blanked(text).len(), text.len());
}
