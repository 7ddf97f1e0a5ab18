//! An address as it stands in an envelope: `local-part@domain` (RFC 5321 §4.1.2, RFC 6531 §3.3), without angle brackets.
//!
//! The local part keeps its case, the domain is held in lower case. A bare local part is allowed (an office's programs
//! send `bob`, and RFC 5321 §4.5.1 demands `<postmaster>`): its domain is empty until [`Address::or_domain`] gives it one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest local part, bytes (RFC 5321 §4.5.3.1.1).
pub const MAX_LOCAL: usize = 64;
/// Longest domain, bytes (RFC 5321 §4.5.3.1.2).
pub const MAX_DOMAIN: usize = 255;
/// Longest path with its angle brackets, bytes (RFC 5321 §4.5.3.1.3), here without the brackets.
pub const MAX_ADDRESS: usize = 254;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    text: String,
    /// Byte offset of the `@` in `text`; equal to `text.len()` when there is no domain.
    at: u16,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("the address is longer than {MAX_ADDRESS} bytes")]
    TooLong,
    #[error("the part before the @ is not valid")]
    Local,
    #[error("the domain is not valid")]
    Domain,
}

impl Address {
    /// Reads `local@domain` or a bare `local`. Quoted local parts and address literals are understood; a quoted local
    /// part that needs no quotes loses them, so that equal addresses compare equal.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > MAX_ADDRESS {
            return Err(AddressError::TooLong);
        }
        let (local, rest) = if text.starts_with('"') { read_quoted(text)? } else { read_dot_string(text)? };
        if local.len() > MAX_LOCAL {
            return Err(AddressError::Local);
        }
        // Small letters first: some capitals have a longer one, and it is what is kept that has to be a domain.
        let domain = match rest.strip_prefix('@').map(str::to_lowercase) {
            Some(domain) if valid_domain(&domain) => domain,
            None if rest.is_empty() => String::new(),
            _ => return Err(AddressError::Domain),
        };
        Ok(Address::join(local, domain.strip_suffix('.').unwrap_or(&domain)))
    }

    fn join(local: String, domain: &str) -> Address {
        let at = local.len() as u16;
        let mut text = local;
        if !domain.is_empty() {
            text.push('@');
            text.push_str(domain);
        }
        Address { text, at }
    }

    /// The local part as written, with quotes where it needs them.
    pub fn local(&self) -> &str {
        self.text.get(..usize::from(self.at)).unwrap_or_default()
    }

    /// In lower case; empty for a bare local part. Address literals keep their brackets.
    pub fn domain(&self) -> &str {
        self.text.get(usize::from(self.at) + 1..).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same address, with `domain` where it had none.
    pub fn or_domain(self, domain: &str) -> Address {
        if self.domain().is_empty() && !domain.is_empty() {
            return Address::join(self.text, &domain.to_lowercase());
        }
        self
    }

    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

fn read_dot_string(text: &str) -> Result<(String, &str), AddressError> {
    let end = text.find('@').unwrap_or(text.len());
    let (local, rest) = text.split_at(end);
    if local.is_empty() || local.split('.').any(|atom| atom.is_empty() || !atom.chars().all(is_atext)) {
        return Err(AddressError::Local);
    }
    Ok((local.to_string(), rest))
}

fn read_quoted(text: &str) -> Result<(String, &str), AddressError> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let rest = text.get(at + 1..).unwrap_or_default();
                return Ok((quote_if_needed(&content), rest));
            }
            '\\' => match chars.next() {
                Some((_, escaped)) if escaped == ' ' || escaped.is_ascii_graphic() => content.push(escaped),
                _ => return Err(AddressError::Local),
            },
            c if c.is_control() => return Err(AddressError::Local),
            c => content.push(c),
        }
    }
    Err(AddressError::Local)
}

fn quote_if_needed(content: &str) -> String {
    if !content.is_empty() && content.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)) {
        return content.to_string();
    }
    let mut quoted = String::with_capacity(content.len() + 2);
    quoted.push('"');
    for c in content.chars() {
        if c == '"' || c == '\\' {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// `atext` of RFC 5322 §3.2.3, and any non-ASCII character that is no control (RFC 6531 §3.3).
fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_' | '`' | '{' | '|' | '}'
        | '~' => true,
        c => !c.is_ascii() && !c.is_control() && !c.is_whitespace(),
    }
}

/// A host name, with a trailing dot or without (underscores are let through: they are seen in real mail), or an address
/// literal.
fn valid_domain(domain: &str) -> bool {
    if domain.is_empty() || domain.len() > MAX_DOMAIN {
        return false;
    }
    if let Some(literal) = domain.strip_prefix('[') {
        return literal.strip_suffix(']').is_some_and(|inner| match inner.split_at_checked(5) {
            Some((tag, v6)) if tag.eq_ignore_ascii_case("ipv6:") => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            _ => inner.parse::<std::net::Ipv4Addr>().is_ok(),
        });
    }
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    domain.split('.').all(|label| {
        let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
        label.len() <= 63
            && edge(label.chars().next())
            && edge(label.chars().next_back())
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && may_be_in_label(c)))
    })
}

/// Letters, digits and the marks many scripts write words with. Not what reads as a dot (RFC 3490 §3.1), is not seen,
/// or turns the direction of the text around it.
fn may_be_in_label(c: char) -> bool {
    let dot = matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    let unseen = matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !dot && !unseen && !c.is_control() && !c.is_whitespace()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Address, AddressError> {
        Address::parse(text)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Address, AddressError> {
        Address::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_offices_write() {
        let bob = Address::parse("Bob.Smith+x@Example.ORG").unwrap();
        assert_eq!((bob.local(), bob.domain()), ("Bob.Smith+x", "example.org"));
        let bare = Address::parse("postmaster").unwrap();
        assert_eq!((bare.local(), bare.domain()), ("postmaster", ""));
        assert_eq!(bare.or_domain("Office.Example").as_str(), "postmaster@office.example");
        assert_eq!(Address::parse("\"bob\"@a.example").unwrap(), Address::parse("bob@a.example").unwrap());
        assert_eq!(Address::parse("\"a b\"@a.example").unwrap().local(), "\"a b\"");
        assert_eq!(Address::parse("\"a@b\"@c.example").unwrap().domain(), "c.example");
        assert_eq!(Address::parse("bob@Example.ORG.").unwrap().as_str(), "bob@example.org");
        assert!(Address::parse("x@[192.0.2.1]").is_ok());
        assert!(Address::parse("x@[IPv6:2001:db8::1]").is_ok());
        assert!(Address::parse("müller@bücher.example").is_ok());
    }

    #[test]
    fn domains_of_other_scripts() {
        // With a mark between letters, and with a capital whose small letter is two characters.
        for text in ["info@\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}.example", "b@\u{130}stanbul.example"] {
            let address = Address::parse(text).unwrap();
            assert_eq!(Address::parse(address.as_str()), Ok(address));
        }
        for text in ["a@b\u{3002}example", "a@b\u{202e}.example", "a@b\u{200b}.example", "a@b\u{a0}.example"] {
            assert_eq!(Address::parse(text), Err(AddressError::Domain), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for bad in [
            "",
            "@a.example",
            "a@",
            "a..b@c.example",
            "a b@c.example",
            "a@-b.example",
            "a@b..example",
            "\"a@b.example",
            "a@[300.1.1.1]",
            "a@[IPv6:192.0.2.1]",
            "a@b..",
            "a@.",
            "a\r\n@b",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?} was taken");
        }
        assert_eq!(Address::parse(&format!("{}@a.example", "x".repeat(65))), Err(AddressError::Local));
    }

    proptest! {
        #[test]
        fn an_address_reads_as_it_was_written(text in "\\PC{0,20}(@\\PC{0,20})?|\"\\PC{0,10}\"@[a-z.-]{1,10}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(address.as_str()), Ok(address.clone()));
                prop_assert!(!address.as_str().contains(['\r', '\n', '\0']));
                prop_assert_eq!(address.local().len() + address.domain().len() < address.as_str().len(), !address.domain().is_empty());
            }
        }
    }
}
