//! Special header fields: a pattern is read or its mistake has a place in it; what is found stands in the value.

#![no_main]

use languages::rules::special_header::SpecialHeader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: (&str, &str)| {
    let (pattern, value) = text;
    match SpecialHeader::parse(pattern) {
        Ok(header) => {
            let found = header.find(value);
            assert!(found.is_none_or(|found| !found.is_empty() && found.len() <= value.len()));
        }
        Err(mistake) => assert!(mistake.line == 1 && (1..=pattern.chars().count() + 1).contains(&mistake.column)),
    }
});
