//! Addresses of mappings: a mistake lies inside the text, and what was read means nothing that is not an address of its
//! domain.

#![no_main]

use languages::rules::AddressForm;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match AddressForm::parse(text) {
        Ok(form) => {
            let _ = form.means("sales@office.example", true);
            assert!(!form.means("", false), "{form:?}");
            // A domain that is named is not left open.
            assert!(text.contains('@') || !form.means("sales@office.example", false), "{form:?}");
        }
        Err(mistake) => {
            assert_eq!(mistake.line, 1);
            assert!((1..=text.chars().count() + 1).contains(&mistake.column), "{mistake} in {text:?}");
        }
    }
});
