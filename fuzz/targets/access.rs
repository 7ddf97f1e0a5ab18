//! Access restrictions in both forms, and entries of realtime blacklists: no text breaks them; mistakes lie inside the text.

#![no_main]

use languages::rules::{Zone, access};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lines = text.lines().count().max(1);
    match access::parse(text) {
        Ok(read) => assert!(read.rows.iter().all(|row| !row.network.is_empty())),
        Err(mistakes) => assert!(!mistakes.is_empty() && mistakes.iter().all(|m| m.line <= lines && m.column >= 1)),
    }
    if let Ok(zone) = Zone::parse(text) {
        zone.lists([127, 0, 0, 2].into());
    }
});
