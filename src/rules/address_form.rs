//! Which addresses a mapping or a LAN forwarding rule is for (spec connectors-and-smtp §7.3, §6.1): `name`,
//! `name@domain`, either with `*` and `?`, and `~@domain`, which stands for what nothing else was found for.
//!
//! Texts are kept in lower case; the domain is never left open, or all outgoing mail would be meant too.

use super::Mistake;
use super::pattern::{is_pattern, matches};
use crate::mail::Address;

/// In lower case throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressForm {
    /// At every domain that counts as ours.
    Name(String),
    NamePattern(String),
    Address(String),
    /// Compared with the whole address.
    AddressPattern(String),
    /// `~@`: a domain.
    LastResort(String),
    LastResortPattern(String),
}

impl AddressForm {
    /// White space around it does not count.
    pub fn parse(text: &str) -> Result<AddressForm, Mistake> {
        let word = text.trim();
        let start = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let wrong = |before: &str, words: String| Err(Mistake::new(1, start + before.chars().count(), words));
        if word.is_empty() {
            return Err(Mistake::new(1, 1, "is empty; write a name, an address, or ~@domain"));
        }
        let (local, domain) = match word.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (word, None),
        };
        let before_domain = word.get(..word.len() - domain.map_or(0, str::len)).unwrap_or_default();
        if let Some(domain) = domain
            && !domain.is_empty()
            && domain.chars().all(|c| matches!(c, '*' | '?' | '.'))
        {
            return wrong(before_domain, format!("\"{domain}\" would mean every domain, and no mail would go out"));
        }
        if local.is_empty() {
            return wrong("", format!("nothing stands before the @; for a whole domain write *{word} or ~{word}"));
        }
        let filled = |text: &str| text.replace(['*', '?'], "x");
        let address = match Address::parse(&filled(word)) {
            Ok(address) => address,
            Err(crate::mail::AddressError::Domain) => {
                return wrong(before_domain, format!("\"{}\" is no domain", domain.unwrap_or_default()));
            }
            Err(error) => return wrong("", format!("\"{word}\" is no address: {error}")),
        };
        let open = is_pattern(word);
        Ok(match domain.map(|domain| domain.strip_suffix('.').unwrap_or(domain).to_lowercase()) {
            None if open => AddressForm::NamePattern(local.to_lowercase()),
            None => AddressForm::Name(address.as_str().to_lowercase()),
            Some(domain) if local == "~" && open => AddressForm::LastResortPattern(domain),
            Some(domain) if local == "~" => AddressForm::LastResort(domain),
            Some(domain) if open => AddressForm::AddressPattern(format!("{}@{domain}", local.to_lowercase())),
            Some(_) => AddressForm::Address(address.as_str().to_lowercase()),
        })
    }

    /// Whether it is tried only when all else has failed.
    pub fn is_last_resort(&self) -> bool {
        matches!(self, AddressForm::LastResort(_) | AddressForm::LastResortPattern(_))
    }

    /// Whether `address`, in lower case, is meant. `ours`: its domain is one at which bare names count.
    pub fn means(&self, address: &str, ours: bool) -> bool {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        match self {
            AddressForm::Name(name) => ours && name == local,
            AddressForm::NamePattern(pattern) => ours && matches(pattern, local),
            AddressForm::Address(whole) => whole == address,
            AddressForm::AddressPattern(pattern) => matches(pattern, address),
            AddressForm::LastResort(of) => of == domain,
            AddressForm::LastResortPattern(pattern) => matches(pattern, domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, expected) in [
            ("Sales", AddressForm::Name("sales".into())),
            (" sales* ", AddressForm::NamePattern("sales*".into())),
            ("Sales@Office.Example.", AddressForm::Address("sales@office.example".into())),
            ("\"sales\"@office.example", AddressForm::Address("sales@office.example".into())),
            ("*@Office.example", AddressForm::AddressPattern("*@office.example".into())),
            ("joe.*@*.example", AddressForm::AddressPattern("joe.*@*.example".into())),
            ("~@office.example", AddressForm::LastResort("office.example".into())),
            ("~@*.example", AddressForm::LastResortPattern("*.example".into())),
            ("*", AddressForm::NamePattern("*".into())),
        ] {
            assert_eq!(AddressForm::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_have_a_column() {
        for (text, column, words) in [
            ("", 1, "is empty"),
            (" *@*", 4, "\"*\" would mean every domain"),
            ("~@*.?", 3, "\"*.?\" would mean every domain"),
            ("@office.example", 1, "nothing stands before the @; for a whole domain write *@office.example"),
            ("bob@", 5, "\"\" is no domain"),
            ("über@a b", 6, "\"a b\" is no domain"),
            ("a b@office.example", 1, "\"a b@office.example\" is no address"),
            ("a..b", 1, "\"a..b\" is no address"),
        ] {
            let mistake = AddressForm::parse(text).unwrap_err();
            assert_eq!(mistake.column, column, "{text}: {mistake}");
            assert!(mistake.text.starts_with(words), "{text}: {mistake}");
        }
    }

    #[test]
    fn meaning() {
        for (form, address, ours, expected) in [
            ("sales", "sales@office.example", true, true),
            ("sales", "sales@elsewhere.example", false, false),
            ("s*", "sales@office.example", true, true),
            ("*@office.example", "any@office.example", false, true),
            ("*@office.example", "any@north.office.example", true, false),
            ("~@office.example", "any@office.example", false, true),
            ("~@*.example", "any@office.example", false, true),
            ("~@office.example", "any@other.example", true, false),
        ] {
            assert_eq!(AddressForm::parse(form).unwrap().means(address, ours), expected, "{form} {address}");
        }
    }
}
