//! Domain filtering: which recipients of which mails a sender takes (spec connectors-and-smtp §5.10), in the current
//! language and in the old one.
//!
//! Current: lines `Attempt:` or `Skip:` with conditions that must all hold; the first line that matches decides. Without a
//! match everything is attempted, unless there is an `Attempt:` line. Conditions: `All`, `None`, `Size>=5000` (bytes),
//! `From=`, `To=`, `Auth=`, `Header:Subject=` with a pattern of `*` and `?`, in quotes where it has a space, or with
//! a regular expression between slashes. A pattern for `From=` and `To=` without an `@` is one of the domain. `!` before a
//! condition turns it round. `#` begins a comment.
//!
//! Old: `From: pattern` for return paths, a bare pattern for recipients' domains, `!` before it turns it round. A text
//! without any `Attempt:` or `Skip:` is read as the old language.

mod old;

use regex_lite::Regex;

use super::pattern::matches;
use super::{Comparison, Mistake};

/// Lines of one text, at most.
pub const MAX_LINES: usize = 10_000;
/// Longest regular expression, bytes.
const MAX_REGEX: usize = 1000;
/// Longest text a regular expression is tried on, bytes.
const MAX_TEXT: usize = 2000;

#[derive(Clone, Debug, Default)]
pub struct DomainFilter {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    attempt: bool,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    negated: bool,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    All,
    Size(Comparison),
    Text(Field, Match),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    From,
    To,
    Auth,
    Header(String),
}

#[derive(Clone, Debug)]
enum Match {
    /// Of the whole.
    Pattern(String),
    /// Of an address's domain.
    Domain(String),
    Regex(Regex),
}

/// What is known of a mail and one recipient.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Bytes.
    pub size: u64,
    /// The return path, empty where there is none.
    pub from: &'a str,
    pub to: &'a str,
    /// The login name of who submitted it, empty where there was no login.
    pub auth: &'a str,
    /// The header block, where [`DomainFilter::asks_headers`].
    pub header: &'a [u8],
}

impl DomainFilter {
    /// From lines; a mistake's line counts from 1.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<DomainFilter, Vec<Mistake>> {
        let lines: Vec<&str> = lines.into_iter().take(MAX_LINES + 1).collect();
        if lines.len() > MAX_LINES {
            return Err(vec![Mistake::new(MAX_LINES + 1, 1, format!("there are more than {MAX_LINES} lines"))]);
        }
        let is_current = |line: &&str| verb(line.trim_start()).is_some();
        if !lines.iter().any(is_current) {
            return old::parse(&lines).map(|lines| DomainFilter { lines });
        }
        let (mut found, mut mistakes) = (Vec::new(), Vec::new());
        for (index, text) in lines.into_iter().enumerate() {
            match line(text) {
                Ok(line) => found.extend(line),
                Err((column, text)) => mistakes.push(Mistake::new(index + 1, column, text)),
            }
        }
        if mistakes.is_empty() { Ok(DomainFilter { lines: found }) } else { Err(mistakes) }
    }

    /// Takes everything without a look.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub fn asks_headers(&self) -> bool {
        let mut conditions = self.lines.iter().flat_map(|line| &line.conditions);
        conditions.any(|condition| matches!(condition.what, What::Text(Field::Header(_), _)))
    }

    /// Whether the sender attempts this recipient.
    pub fn takes(&self, facts: &Facts<'_>) -> bool {
        let decided = self.lines.iter().find(|line| line.conditions.iter().all(|condition| condition.holds(facts)));
        decided.map_or_else(|| !self.lines.iter().any(|line| line.attempt), |line| line.attempt)
    }
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        let holds = match &self.what {
            What::All => true,
            What::Size(comparison) => comparison.holds(facts.size),
            What::Text(Field::From, wanted) => wanted.is(facts.from),
            What::Text(Field::To, wanted) => wanted.is(facts.to),
            What::Text(Field::Auth, wanted) => wanted.is(facts.auth),
            What::Text(Field::Header(name), wanted) => {
                crate::mail::Header::of(facts.header).all(name).any(|field| wanted.is(field.unfolded().trim()))
            }
        };
        holds != self.negated
    }
}

impl Match {
    fn is(&self, text: &str) -> bool {
        match self {
            Match::Pattern(pattern) => matches(pattern, text),
            Match::Domain(pattern) => matches(pattern, text.rsplit_once('@').map_or("", |(_, domain)| domain)),
            Match::Regex(regex) => regex.is_match(text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()),
        }
    }
}

/// A column, and what is wrong there.
type Wrong = (usize, String);

/// What a line begins with, and how long that is.
fn verb(line: &str) -> Option<(bool, usize)> {
    let is = |verb: &str| line.get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb));
    [("attempt:", true), ("skip:", false)].into_iter().find(|(text, _)| is(text)).map(|(text, verb)| (verb, text.len()))
}

fn line(text: &str) -> Result<Option<Line>, Wrong> {
    let trimmed = text.trim_start();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Ok(None);
    }
    let indent = text.chars().count() - trimmed.chars().count();
    let Some((attempt, length)) = verb(trimmed) else {
        return Err((indent + 1, "a line begins with \"Attempt:\", \"Skip:\" or #".into()));
    };
    let rest = trimmed.get(length..).unwrap_or_default();
    let start = indent + length + 1;
    let mut parts = parts(rest, start)?.into_iter().peekable();
    let mut conditions = Vec::new();
    while let Some(mut part) = parts.next() {
        // `Size >= 5000` is one condition.
        while is_size(&part.text) && size(&part.text).is_none() {
            let Some(more) = parts.next() else { break };
            part.text.push_str(&more.text);
        }
        conditions.push(condition(&part)?);
    }
    if conditions.is_empty() {
        return Err((start + rest.chars().count(), "a condition is missing, such as All".into()));
    }
    Ok(Some(Line { attempt, conditions }))
}

struct Part {
    text: String,
    column: usize,
}

/// Cut at white space outside quotes; the quotes go.
fn parts(text: &str, start: usize) -> Result<Vec<Part>, Wrong> {
    let mut parts: Vec<Part> = Vec::new();
    let mut open: Option<Part> = None;
    let mut quoted: Option<usize> = None;
    for (index, c) in text.chars().enumerate() {
        let column = start + index;
        if c == '"' {
            quoted = if quoted.is_some() { None } else { Some(column) };
            open.get_or_insert(Part { text: String::new(), column });
        } else if c.is_whitespace() && quoted.is_none() {
            parts.extend(open.take());
        } else {
            open.get_or_insert(Part { text: String::new(), column }).text.push(c);
        }
    }
    match quoted {
        Some(column) => Err((column, "the quotes are not closed".into())),
        None => {
            parts.extend(open);
            Ok(parts)
        }
    }
}

fn is_size(text: &str) -> bool {
    let bare = text.strip_prefix('!').unwrap_or(text);
    let rest = bare.get(..4).filter(|start| start.eq_ignore_ascii_case("size")).and_then(|_| bare.get(4..));
    rest.is_some_and(|rest| rest.trim_start_matches(['<', '>', '=', '!']).bytes().all(|b| b.is_ascii_digit()))
}

fn size(text: &str) -> Option<Comparison> {
    text.strip_prefix('!').unwrap_or(text).get(4..).and_then(Comparison::parse)
}

fn condition(part: &Part) -> Result<Condition, Wrong> {
    let (negated, text) = part.text.strip_prefix('!').map_or((false, part.text.as_str()), |rest| (true, rest));
    let condition = |what| Ok(Condition { negated, what });
    let wrong = |text: String| Err((part.column, text));
    if text.eq_ignore_ascii_case("all") {
        return condition(What::All);
    }
    if text.eq_ignore_ascii_case("none") {
        return Ok(Condition { negated: !negated, what: What::All });
    }
    if is_size(text) {
        return match size(text) {
            Some(comparison) => condition(What::Size(comparison)),
            None => wrong("\"Size\" needs an operator and a number, such as Size>=5000".into()),
        };
    }
    let Some((name, wanted)) = text.split_once('=') else {
        return wrong(format!(
            "no such condition: \"{text}\"; there are All, None, Size>=5000, From=, To=, Auth= and Header:Name="
        ));
    };
    let field = match name.to_ascii_lowercase().as_str() {
        "from" => Field::From,
        "to" => Field::To,
        "auth" => Field::Auth,
        lower => match lower.strip_prefix("header:").filter(|name| is_header_name(name)) {
            Some(name) => Field::Header(name.to_string()),
            None => return wrong(format!("no such condition: \"{name}\"; there are From, To, Auth and Header:Name")),
        },
    };
    match wanted_text(&field, wanted) {
        Ok(wanted) => condition(What::Text(field, wanted)),
        Err(text) => Err((part.column + usize::from(negated) + name.chars().count() + 1, text)),
    }
}

fn wanted_text(field: &Field, text: &str) -> Result<Match, String> {
    let slashes = text.len() > 1 && text.starts_with('/') && text.ends_with('/');
    if let Some(regex) = text.get(1..text.len().saturating_sub(1)).filter(|_| slashes) {
        if regex.len() > MAX_REGEX {
            return Err(format!("the regular expression is longer than {MAX_REGEX} bytes"));
        }
        return Regex::new(regex).map(Match::Regex).map_err(|error| format!("a wrong regular expression: {error}"));
    }
    let is_address = matches!(field, Field::From | Field::To);
    Ok(if is_address && !text.contains('@') && !text.is_empty() && text != "*" {
        Match::Domain(text.to_string())
    } else {
        Match::Pattern(text.to_string())
    })
}

fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(from: &'a str, to: &'a str) -> Facts<'a> {
        Facts { size: 1000, from, to, auth: "ann", header: b"Subject: a special\r\n offer\r\nX-A: 1\r\n\r\n" }
    }

    fn takes(lines: &[&str], facts: &Facts<'_>) -> bool {
        DomainFilter::parse(lines.iter().copied()).unwrap().takes(facts)
    }

    #[test]
    fn behaviour_12_an_empty_script_takes_all_one_attempt_that_does_not_match_nothing() {
        let facts = facts("ann@office.example", "bob@else.example");
        for empty in [&[][..], &["", "# nothing"]] {
            assert!(takes(empty, &facts));
        }
        assert!(!takes(&["Attempt: To=other.example"], &facts));
        assert!(takes(&["Skip: To=other.example"], &facts));
        assert!(!takes(&["Skip: None", "Attempt: None"], &facts));
    }

    #[test]
    fn the_first_line_that_matches_decides() {
        let facts = facts("ann@office.example", "bob@else.example");
        for (lines, expected) in [
            (&["Attempt: All", "Skip: All"][..], true),
            (&["skip: to=ELSE.example", "Attempt: All"], false),
            (&["Skip: To=else.example From=boss@*", "Attempt: All"], true),
            (&["Attempt: Size > 999 Size<=1000"], true),
            (&["Attempt: Size == 999"], false),
            (&["Attempt: !Size=999 !To=*@x.example"], true),
            (&["Attempt: Auth=ANN"], true),
            (&["Attempt: Header:subject=\"*special offer\""], true),
            (&["Attempt: Header:X-B=*"], false),
            (&["Attempt: From=/^ann@(office|home)\\./"], true),
            (&["Attempt: From=/^ANN@/"], false),
            (&["Attempt: To=\"b*@else.example\""], true),
            (&["Attempt: To=b*"], false),
        ] {
            assert_eq!(takes(lines, &facts), expected, "{lines:?}");
        }
        assert!(!DomainFilter::parse(["Attempt: To=x"]).unwrap().asks_headers());
        assert!(DomainFilter::parse(["Attempt: Header:X=1"]).unwrap().asks_headers());
    }

    #[test]
    fn the_old_language() {
        let facts = facts("ann@office.example", "bob@else.example");
        for (lines, expected) in [
            (&["else.example"][..], true),
            (&["*.example", "other.org"], true),
            (&["other.org"], false),
            (&["!other.org"], true),
            (&["!else.example"], false),
            (&["From: ann@*"], true),
            (&["From: ann@*", "other.org"], false),
            (&["From: boss@*", "!From: x@y.org", "else.example"], true),
            (&["from: !ann@*"], false),
        ] {
            assert_eq!(takes(lines, &facts), expected, "{lines:?}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (line, column, words) in [
            ("Attempt:", 9, "a condition is missing"),
            (" Allow: All", 2, "a line begins with"),
            ("Attempt: All Form=x", 14, "no such condition: \"Form\""),
            ("Attempt: Sometimes", 10, "no such condition: \"Sometimes\""),
            ("Skip: Size", 7, "an operator and a number"),
            ("Skip: Size>x", 7, "no such condition"),
            ("Skip: From=\"a b", 12, "the quotes are not closed"),
            ("Skip: To=/a(/", 10, "a wrong regular expression"),
            ("Skip: !To=/a(/", 11, "a wrong regular expression"),
            ("Skip: Header:=x", 7, "no such condition"),
        ] {
            let mistakes = DomainFilter::parse(["Skip: None", line]).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{line}");
            assert_eq!((mistakes[0].line, mistakes[0].column), (2, column), "{line}: {}", mistakes[0]);
            assert!(mistakes[0].text.contains(words), "{line}: {}", mistakes[0]);
        }
        let old = DomainFilter::parse(["else.example", "From:", "a b"]).unwrap_err();
        assert_eq!(old.iter().map(|mistake| (mistake.line, mistake.column)).collect::<Vec<_>>(), [(2, 6), (3, 1)]);
        assert!(DomainFilter::parse(["Atempt: All"]).unwrap_err()[0].text.contains("Attempt:"));
    }
}
