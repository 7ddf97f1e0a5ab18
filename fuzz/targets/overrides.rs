//! DNS overrides: mistakes lie inside the text, and what was read answers for any mail.

#![no_main]

use languages::rules::overrides::{Facts, Overrides};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Overrides::parse(text.lines()) {
        Ok(overrides) => {
            let facts = Facts { domain: "else.example", size: 5, sender: "a@b.example", auth: "", tries: 1, age: 70 };
            let servers = overrides.servers(&facts);
            assert!(servers.is_sorted_by_key(|server| server.priority));
            assert!(servers.iter().all(|server| server.port > 0 && !server.host.is_empty()));
        }
        Err(mistakes) => {
            let lines: Vec<&str> = text.lines().collect();
            for mistake in mistakes {
                let line = lines[mistake.line - 1];
                assert!((1..=line.chars().count() + 1).contains(&mistake.column), "{mistake} in {line:?}");
            }
        }
    }
});
