//! A realtime blacklist: `zone` or `zone(regex)` (spec connectors-and-smtp §8.6).
//!
//! With an expression, an address is listed only if the zone's answer matches it; without one any answer counts that is
//! meant as one: zones answer from 127.0.0.0/8, and 127.255.255.0/24 is how they say that a question was not allowed. An
//! answer from elsewhere comes from a provider's search page or from a zone that has been given up.

use std::net::Ipv4Addr;

use regex_lite::{Regex, RegexBuilder};

use super::Mistake;

/// Longest name of a zone, bytes: an IPv6 address in front of it must still fit into a name of 253.
const LONGEST_NAME: usize = 180;
/// Largest compiled expression, bytes.
const MAX_REGEX: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    answers: Option<Regex>,
}

impl Zone {
    /// One entry of the list.
    pub fn parse(text: &str) -> Result<Zone, Mistake> {
        let start = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let text = text.trim();
        let at = |part: &str| start + part.chars().count();
        let (name, expression) = match text.split_once('(') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        if name.is_empty() {
            return Err(Mistake::new(1, start, "the name of a zone is missing, such as zen.spamhaus.org"));
        }
        if let Some((before, c)) = name.char_indices().find(|(_, c)| !is_of_a_name(*c)) {
            let column = at(name.get(..before).unwrap_or_default());
            let why =
                if c.is_whitespace() { "no space may stand before the (" } else { "this is in no name of a zone" };
            return Err(Mistake::new(1, column, why));
        }
        if name.len() > LONGEST_NAME || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(Mistake::new(1, start, format!("\"{name}\" is no name of a zone")));
        }
        let answers = match expression {
            None => None,
            Some(rest) => {
                let source = rest.strip_suffix(')').ok_or_else(|| Mistake::new(1, at(text), "a ) is missing here"))?;
                let regex = RegexBuilder::new(source).size_limit(MAX_REGEX).build();
                let wrong = |error| Mistake::new(1, at(name) + 1, format!("the expression: {error}"));
                Some(regex.map_err(wrong)?)
            }
        };
        Ok(Zone { name: name.to_ascii_lowercase(), answers })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether an answer of the zone says that the address is listed.
    pub fn lists(&self, answer: Ipv4Addr) -> bool {
        match &self.answers {
            Some(regex) => regex.is_match(&answer.to_string()),
            None => answer.is_loopback() && !matches!(answer.octets(), [127, 255, 255, _]),
        }
    }
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(zone: &str, answer: &str) -> bool {
        Zone::parse(zone).unwrap().lists(answer.parse().unwrap())
    }

    #[test]
    fn an_expression_picks_answers() {
        assert!(lists("zen.example(^127\\.0\\.0\\.2$)", "127.0.0.2"));
        assert!(!lists("zen.example(^127\\.0\\.0\\.2$)", "127.0.0.9"));
        assert!(lists(" Zen.example ", "127.0.0.9"));
        assert!(!lists("zen.example", "127.255.255.254") && !lists("zen.example", "198.51.100.7"));
        assert_eq!(Zone::parse("Zen.Example()").unwrap().name(), "zen.example");
    }

    #[test]
    fn mistakes_have_their_column() {
        for (text, column) in [
            ("", 1),
            ("(x)", 1),
            ("zen.example (x)", 12),
            ("  zen;example", 6),
            ("zen..example", 1),
            ("zen.example(x", 14),
            ("zen.example([)", 13),
        ] {
            assert_eq!(Zone::parse(text).map_err(|mistake| mistake.column).err(), Some(column), "{text}");
        }
    }
}
