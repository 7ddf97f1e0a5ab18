//! The question whether to download a message that a collector has left at the provider, and the answer to it
//! (spec connectors-and-smtp §4.3).
//!
//! A question is a random number of 128 bits. It is the address the question is written from, so a reply by any mail
//! program comes to it; nobody who was not asked can guess it. A reply that no person wrote (a bounce, an automatic
//! answer) is no answer.

use crate::config::Config;
use crate::mail::{Address, Header};
use crate::route::Destination;
use crate::store::Change;

const PREFIX: &str = "download-";
const DIGITS: usize = 32;

/// The address a question is written from and answered to.
pub fn question_address(config: &Config, question: u128) -> String {
    let general = &config.general;
    let domain = if general.default_domain.is_empty() { &general.host_name } else { &general.default_domain };
    format!("{PREFIX}{question:032x}@{domain}")
}

/// The question that an address of ours belongs to. Whether it was ever asked is not looked at.
pub fn question_at(config: &Config, address: &Address) -> Option<u128> {
    let (prefix, digits) = address.local().split_at_checked(PREFIX.len())?;
    let fits = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !prefix.eq_ignore_ascii_case(PREFIX) || !fits {
        return None;
    }
    let ours = config.is_local(address) || address.domain().eq_ignore_ascii_case(&config.general.host_name);
    u128::from_str_radix(digits, 16).ok().filter(|_| ours)
}

/// What an answer changes. Takes the answers out of `destinations`; what is left may be nothing.
pub(super) fn answers(
    destinations: &mut Vec<Destination>,
    header: &[u8],
    return_path: Option<&Address>,
) -> Vec<Change> {
    let mut asked = Vec::new();
    destinations.retain(|destination| match destination {
        Destination::Answer { question } => {
            asked.push(*question);
            false
        }
        _ => true,
    });
    if asked.is_empty() || return_path.is_none() || is_automatic(header) {
        return Vec::new();
    }
    asked.into_iter().map(|question| Change::WantMessage { question }).collect()
}

/// Written by a program, as RFC 3834 §5 and common practice before it mark it.
pub fn is_automatic(header: &[u8]) -> bool {
    let header = Header::of(header);
    let value = |name| header.first(name).map(|field| field.unfolded().trim().to_ascii_lowercase());
    let automatic = value("Auto-Submitted").is_some_and(|value| !value.starts_with("no"));
    let bulk =
        value("Precedence").is_some_and(|value| matches!(value.as_str(), "bulk" | "junk" | "list" | "auto_reply"));
    let list = ["List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond"].iter().any(|name| value(name).is_some());
    automatic || bulk || list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let mut config = Config::default();
        config.general.default_domain = "office.example".into();
        config.general.host_name = "box.example".into();
        config
    }

    #[test]
    fn an_address_leads_back_to_its_question() {
        let config = config();
        let address = Address::parse(&question_address(&config, 0xfeed)).unwrap();
        assert_eq!(address.as_str(), "download-0000000000000000000000000000feed@office.example");
        assert_eq!(question_at(&config, &address), Some(0xfeed));
        for (text, expected) in [
            ("DOWNLOAD-0000000000000000000000000000FEED@office.example", Some(0xfeed)),
            ("download-0000000000000000000000000000feed@box.example", Some(0xfeed)),
            ("download-0000000000000000000000000000feed@else.example", None),
            ("download-feed@office.example", None),
            ("download-+000000000000000000000000000feed@office.example", None),
            ("downloads@office.example", None),
            ("d\u{f6}wnload-x@office.example", None),
        ] {
            assert_eq!(question_at(&config, &Address::parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn only_people_answer() {
        let answer = || vec![Destination::Answer { question: 7 }];
        let anna = Address::parse("anna@office.example").unwrap();
        let said = |header: &str, path| answers(&mut answer(), header.as_bytes(), path).len();
        assert_eq!(said("Subject: Re: download\r\n\r\n", Some(&anna)), 1);
        assert_eq!(said("Auto-Submitted: no\r\n\r\n", Some(&anna)), 1);
        assert_eq!(said("Subject: bounce\r\n\r\n", None), 0);
        for line in ["Auto-Submitted: auto-replied", "Precedence: bulk", "List-Id: <a.b>", "X-Autoreply: yes"] {
            assert_eq!(said(&format!("{line}\r\n\r\n"), Some(&anna)), 0, "{line}");
        }
    }
}
