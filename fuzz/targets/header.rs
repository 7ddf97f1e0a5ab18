//! Header blocks of messages: every field lies inside the message, and the search by name finds what the walk finds.

#![no_main]

use languages::mail::header::{Header, body_offset};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    assert!(body_offset(message).is_none_or(|at| at <= message.len()));
    let header = Header::of(message);
    for field in header.fields() {
        let text = field.unfolded();
        assert!(!text.contains('\n'), "{text:?}");
    }
    assert_eq!(header.all("received").next().is_some(), header.first("Received").is_some());
});
