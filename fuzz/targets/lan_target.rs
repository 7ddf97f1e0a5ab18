//! Targets of mappings: what is read and written again reads the same, its password is not shown, and a mistake lies
//! inside the text.

#![no_main]

use languages::rules::lan_target::STARS;
use languages::rules::{LanTarget, Target};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match LanTarget::parse(text) {
        Ok(target) => {
            assert!(target.server.port > 0 && !target.server.host.is_empty());
            let written = target.with_password(&target.password);
            assert_eq!(LanTarget::parse(&written).as_ref(), Ok(&target), "{written}");
            let shown = LanTarget::parse(&format!("{target:?}")).unwrap();
            assert!(shown.password == if target.password.is_empty() { "" } else { STARS }, "{written}");
        }
        Err(mistake) => {
            assert_eq!(mistake.line, 1);
            assert!((1..=text.chars().count() + 1).contains(&mistake.column), "{mistake} in {text:?}");
        }
    }
    if let Err(mistake) = Target::parse(text) {
        assert!((1..=text.chars().count() + 1).contains(&mistake.column), "{mistake} in {text:?}");
    }
});
