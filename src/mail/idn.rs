//! Internationalised domain names: as people write them, and as DNS and servers without SMTPUTF8 have them (RFC 5891).

use super::Address;

/// `bücher.example` as `xn--bcher-kva.example`; a name in ASCII as it is. `None`: it is no domain name in any form.
pub fn ascii_domain(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_string());
    }
    idna::domain_to_ascii(domain).ok().filter(|name| !name.is_empty())
}

impl Address {
    /// The same mailbox in ASCII alone. `None` where its local part is not: that has no other form.
    pub fn to_ascii(&self) -> Option<Address> {
        if self.is_ascii() {
            return Some(self.clone());
        }
        let domain = ascii_domain(self.domain()).filter(|_| self.local().is_ascii())?;
        Address::parse(&format!("{}@{domain}", self.local())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_scripts_have_a_form_in_dns() {
        for (name, dns) in [
            ("müller.de", "xn--mller-kva.de"),
            ("mu\u{308}ller.de", "xn--mller-kva.de"),
            ("straße.example", "xn--strae-oqa.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("office.example", "office.example"),
            ("a_b.müller.de", "a_b.xn--mller-kva.de"),
        ] {
            assert_eq!(ascii_domain(name).as_deref(), Some(dns), "{name}");
        }
        assert_eq!(ascii_domain("\u{ad}"), None);
    }

    #[test]
    fn a_local_part_has_one_form_only() {
        let ascii = |text: &str| Address::parse(text).unwrap().to_ascii().map(String::from);
        assert_eq!(ascii("Bob@müller.de").as_deref(), Some("Bob@xn--mller-kva.de"));
        assert_eq!(ascii("bob@office.example").as_deref(), Some("bob@office.example"));
        assert_eq!(ascii("jürgen@müller.de"), None);
        assert_eq!(ascii("jürgen@office.example"), None);
    }
}
