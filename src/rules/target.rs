//! Where a mapping leads, as its text says: a name here, an address, another mail server of the office, or one of the
//! words `*REMOTE` and `No-one` (spec connectors-and-smtp §7.3, users-lists-admin §4).

use super::Mistake;
use super::lan_target::{LanTarget, is_lan_target};
use crate::mail::Address;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A name without a domain.
    Name(String),
    Address(Address),
    Lan(LanTarget),
    /// The address exists, but elsewhere.
    Remote,
    /// Taken and thrown away.
    NoOne,
}

impl Target {
    /// White space around it does not count, nor does the case of the words.
    pub fn parse(text: &str) -> Result<Target, Mistake> {
        if is_lan_target(text) {
            return LanTarget::parse(text).map(Target::Lan);
        }
        let word = text.trim();
        let column = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
        if word.is_empty() {
            return Err(Mistake::new(1, 1, "is empty; name a user, an address, *REMOTE or No-one"));
        }
        if word.eq_ignore_ascii_case("*REMOTE") {
            return Ok(Target::Remote);
        }
        if word.eq_ignore_ascii_case("No-one") {
            return Ok(Target::NoOne);
        }
        if word.starts_with('*') {
            return Err(Mistake::new(1, column, format!("\"{word}\" is no target; the only one with a * is *REMOTE")));
        }
        match Address::parse(word) {
            Ok(address) if address.domain().is_empty() => Ok(Target::Name(word.to_string())),
            Ok(address) => Ok(Target::Address(address)),
            Err(error) => Err(Mistake::new(1, column, format!("\"{word}\" is no user and no address: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let address = |text| Target::Address(Address::parse(text).unwrap());
        for (text, expected) in [
            (" bob ", Target::Name("bob".into())),
            ("Bob@Office.Example", address("Bob@office.example")),
            ("*remote", Target::Remote),
            ("no-one", Target::NoOne),
        ] {
            assert_eq!(Target::parse(text).unwrap(), expected, "{text}");
        }
        assert!(matches!(Target::parse("smtp:a@b.example@c").unwrap(), Target::Lan(_)));
        for (text, column) in [("", 1), ("  *all", 3), (" a b", 2), ("a@", 1), ("SMTP:a@b", 9)] {
            assert_eq!(Target::parse(text).unwrap_err().column, column, "{text}");
        }
    }
}
