//! Special header fields: where a provider writes down whom a collected mail is for (spec connectors-and-smtp §4.6).
//!
//! ```text
//! X-RCPTTO                              the whole value is the recipient
//! X-Recipient: account-51 * delivered   * stands for the recipient, the rest is the same in each mail
//! X-Recipient: account-51 * ~           ~ stands for anything behind it
//! X-Recipient: /for <([^>]+)>/          a regular expression; its first group, else all it finds, is the recipient
//! ```
//!
//! Texts compare without regard to case, and runs of white space are one space. A header line yields one address at most.

use regex_lite::{Regex, RegexBuilder};

use super::Mistake;

/// Longest pattern, bytes.
pub const MAX_PATTERN: usize = 500;
/// Size of a compiled expression, bytes.
const MAX_REGEX: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub struct SpecialHeader {
    name: String,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Whole,
    Between {
        prefix: String,
        /// What the value ends with, or with `open` what parts the recipient from anything behind it.
        suffix: String,
        open: bool,
    },
    Regex(Box<Regex>),
}

impl SpecialHeader {
    /// Reads one line. The mistake's line is 1.
    pub fn parse(line: &str) -> Result<SpecialHeader, Mistake> {
        let column = |rest: &str| line.chars().count().saturating_sub(rest.chars().count()) + 1;
        let wrong = |rest: &str, text: &str| Mistake::new(1, column(rest), text);
        if line.len() > MAX_PATTERN {
            return Err(wrong(line, "a pattern is at most 500 bytes long"));
        }
        let start = line.trim_start();
        let (name, pattern) = start.split_once(':').unwrap_or((start, ""));
        let name = name.trim_end();
        if name.is_empty() {
            return Err(wrong(start, "there is no name of a header"));
        }
        if !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong(start, "the name of a header has no spaces and only ASCII characters"));
        }
        let pattern = pattern.trim_start();
        Ok(SpecialHeader { name: name.to_string(), form: form(pattern).map_err(|(rest, text)| wrong(rest, &text))? })
    }

    /// Of the header it looks at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The recipient in a value; what it is must still be read as an address.
    pub fn find(&self, value: &str) -> Option<String> {
        let value = one_spaced(value);
        let found = match &self.form {
            Form::Whole => Some(value.as_str()),
            Form::Between { prefix, suffix, open: false } => between(&value, prefix, suffix),
            Form::Between { prefix, suffix, open: true } => {
                let rest = without_prefix(&value, prefix)?;
                let end = if suffix.is_empty() { rest.find(' ') } else { find(rest, suffix) };
                rest.get(..end.unwrap_or(rest.len()))
            }
            Form::Regex(regex) => {
                let found = regex.captures(&value)?;
                found.get(1).or_else(|| found.get(0)).map(|group| group.as_str())
            }
        };
        let found = found?.trim().trim_start_matches('<').trim_end_matches('>').trim();
        (!found.is_empty()).then(|| found.to_string())
    }
}

/// A mistake comes with the rest of the line where it begins.
fn form(pattern: &str) -> Result<Form, (&str, String)> {
    let text = pattern.trim_end();
    if text.is_empty() {
        return Ok(Form::Whole);
    }
    if let Some(expression) = text.strip_prefix('/') {
        let Some(source) = expression.strip_suffix('/').filter(|source| !source.is_empty()) else {
            return Err((pattern, "an expression stands between two slashes".into()));
        };
        let regex = RegexBuilder::new(source).case_insensitive(true).size_limit(MAX_REGEX).build();
        return regex
            .map(|regex| Form::Regex(Box::new(regex)))
            .map_err(|error| (pattern, format!("the expression: {error}")));
    }
    let Some((prefix, behind)) = text.split_once('*') else {
        return Err((pattern, "there is no * for the recipient".into()));
    };
    let rest = pattern.get(prefix.len() + 1..).unwrap_or_default();
    if let Some((before, _)) = behind.split_once('*') {
        return Err((rest.get(before.len()..).unwrap_or_default(), "there is a second *".into()));
    }
    let (suffix, open) = match behind.split_once('~') {
        None => (behind, false),
        Some((suffix, "")) => (suffix, true),
        Some((suffix, _)) => {
            return Err((rest.get(suffix.len()..).unwrap_or_default(), "~ stands at the end only".into()));
        }
    };
    let spaced = |text: &str| {
        let inner = one_spaced(text);
        let front = if text.starts_with(char::is_whitespace) { " " } else { "" };
        let back = if text.ends_with(char::is_whitespace) && !inner.is_empty() { " " } else { "" };
        format!("{front}{inner}{back}")
    };
    Ok(Form::Between { prefix: spaced(prefix), suffix: spaced(suffix), open })
}

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn between<'v>(value: &'v str, prefix: &str, suffix: &str) -> Option<&'v str> {
    let rest = without_prefix(value, prefix)?;
    let end = rest.len().checked_sub(suffix.len())?;
    let (found, tail) = rest.split_at_checked(end)?;
    tail.eq_ignore_ascii_case(suffix).then_some(found)
}

fn without_prefix<'v>(value: &'v str, prefix: &str) -> Option<&'v str> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn find(text: &str, wanted: &str) -> Option<usize> {
    text.char_indices()
        .map(|(at, _)| at)
        .find(|at| text.get(*at..).is_some_and(|rest| without_prefix(rest, wanted).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_finds_its_recipient() {
        for (pattern, value, expected) in [
            ("X-RCPTTO", "user@example.com", Some("user@example.com")),
            ("X-RCPTTO:", " <user@example.com> ", Some("user@example.com")),
            ("X-Recipient: account-5123112 * delivered", "account-5123112 a@b.example delivered", Some("a@b.example")),
            (
                "X-Recipient: account-5123112 * delivered",
                "ACCOUNT-5123112\t a@b.example  Delivered",
                Some("a@b.example"),
            ),
            ("X-Recipient: account-5123112 * delivered", "account-9 a@b.example delivered", None),
            ("X-Recipient: abc * ~", "abc user@example.com wumpus xyzzy", Some("user@example.com")),
            ("X-Recipient: abc * ~", "abc user@example.com", Some("user@example.com")),
            ("X-Recipient: *~", "user@example.com (x)", Some("user@example.com")),
            ("X-Recipient: for=*;~", "for=a@b.example;id=7", Some("a@b.example")),
            ("X-Recipient: /for <([^>]+)>/", "from x for <a@b.example>; today", Some("a@b.example")),
            ("X-Recipient: /[a-z]+@b[.]example/", "to a@b.example", Some("a@b.example")),
            ("X-Recipient: /x/", "y", None),
            ("X-Recipient: abc*", "abc", None),
            ("X-Recipient: *", "", None),
            ("X-Recipient: é*", "ab", None),
        ] {
            let header = SpecialHeader::parse(pattern).unwrap();
            assert_eq!(header.find(value).as_deref(), expected, "{pattern} on {value}");
        }
        assert_eq!(SpecialHeader::parse(" X-A : *").unwrap().name(), "X-A");
    }

    #[test]
    fn mistakes_have_their_place() {
        for (pattern, column) in [
            ("", 1),
            (" : x", 2),
            ("X Y", 1),
            ("X-A: abc", 6),
            ("X-A: a * b * c", 12),
            ("X-A: * ~ x", 8),
            ("X-A: /x", 6),
            ("X-A: /(/", 6),
            ("X-A: ü ** c", 9),
        ] {
            let mistake = SpecialHeader::parse(pattern).unwrap_err();
            assert_eq!((mistake.line, mistake.column), (1, column), "{pattern}: {mistake}");
        }
        assert!(SpecialHeader::parse(&"x".repeat(501)).is_err());
    }
}
