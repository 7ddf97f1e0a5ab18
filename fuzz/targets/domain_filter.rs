//! Domain filters, in both languages: mistakes lie inside the text, and what was read answers for any mail.

#![no_main]

use languages::rules::domain_filter::{DomainFilter, Facts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match DomainFilter::parse(text.lines()) {
        Ok(filter) => {
            let header = b"Subject: some\r\n words\r\n\r\n";
            let facts = Facts { size: 5, from: "ann@office.example", to: "bob@else.example", auth: "ann", header };
            let takes = filter.takes(&facts);
            assert!(takes || !filter.is_empty());
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
