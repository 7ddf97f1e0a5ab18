//! Addresses: what is read must print as something that reads the same, and hold nothing that ends a command line.

#![no_main]

use languages::mail::Address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(address) = Address::parse(text) else { return };
    assert!(!address.as_str().chars().any(|c| c.is_control()), "{address:?}");
    assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(&address));
    let _ = (address.local(), address.domain(), address.is_ascii());
    let _ = address.or_domain("office.example");
});
