//! DNS overrides: servers that stand in the place of a domain's MX records (spec connectors-and-smtp §5.6).
//!
//! One line each: a pattern of domains, a server `[user:password@]host[:port]`, then options that begin with `$`. All lines
//! that match count together; `$end` on one of them ends the reading. Sizes are bytes, ages minutes. A blank line and one
//! that begins with `#` say nothing. A password is never printed.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::pattern::matches;
use super::words::{Word, words};
use super::{Comparison, Mistake};
use crate::mail::Address;

/// Lines of one text, at most.
pub const MAX_LINES: usize = 10_000;
/// As an MX record without a preference has it.
const DEFAULT_PRIORITY: u16 = 10;
const DEFAULT_PORT: u16 = 25;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    target: String,
    server: Server,
    conditions: Vec<Condition>,
    end: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Size(Comparison),
    Tries(Comparison),
    Age(Comparison),
    Sender(String),
    Auth(String),
}

/// Takes the place of one MX record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Smaller is asked first.
    pub priority: u16,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
    pub login: Option<Login>,
}

/// Never printed whole.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Login {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.user)
    }
}

/// What is known of the mail that is to go.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Of the recipient.
    pub domain: &'a str,
    /// Bytes.
    pub size: u64,
    /// The return path, empty where there is none.
    pub sender: &'a str,
    /// The login name of who submitted it, empty where there was no login.
    pub auth: &'a str,
    /// Tries that have failed.
    pub tries: u64,
    /// Minutes since the mail was accepted.
    pub age: u64,
}

impl Overrides {
    /// From lines; a mistake's line counts from 1.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Overrides, Vec<Mistake>> {
        let (mut found, mut mistakes) = (Vec::new(), Vec::new());
        for (index, text) in lines.into_iter().enumerate() {
            if index >= MAX_LINES {
                mistakes.push(Mistake::new(index + 1, 1, format!("there are more than {MAX_LINES} lines")));
                break;
            }
            match line(text) {
                Ok(line) => found.extend(line),
                Err((column, text)) => mistakes.push(Mistake::new(index + 1, column, text)),
            }
        }
        if mistakes.is_empty() { Ok(Overrides { lines: found }) } else { Err(mistakes) }
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Some line asks for more than the domain.
    pub fn has_conditions(&self) -> bool {
        self.lines.iter().any(|line| !line.conditions.is_empty())
    }

    /// The servers by priority, equal ones as the lines stand; empty where no line matches, so that DNS is asked.
    pub fn servers(&self, facts: &Facts<'_>) -> Vec<Server> {
        let mut servers = Vec::new();
        for line in self.lines.iter().filter(|line| line.is_for(facts)) {
            servers.push(line.server.clone());
            if line.end {
                break;
            }
        }
        servers.sort_by_key(|server| server.priority);
        servers
    }
}

impl Line {
    fn is_for(&self, facts: &Facts<'_>) -> bool {
        matches(&self.target, facts.domain) && self.conditions.iter().all(|condition| condition.holds(facts))
    }
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Condition::Size(comparison) => comparison.holds(facts.size),
            Condition::Tries(comparison) => comparison.holds(facts.tries),
            Condition::Age(comparison) => comparison.holds(facts.age),
            Condition::Sender(pattern) => matches(pattern, facts.sender),
            Condition::Auth(pattern) => matches(pattern, facts.auth),
        }
    }
}

/// A column, and what is wrong there.
type Wrong = (usize, String);

fn line(text: &str) -> Result<Option<Line>, Wrong> {
    let mut words = words(text);
    let Some(target) = words.next().filter(|word| !word.text.starts_with('#')) else { return Ok(None) };
    if !is_domain_pattern(target.text) {
        return Err((target.column, format!("\"{}\" is no domain and no pattern of one", target.text)));
    }
    let end_of_line = text.chars().count() + 1;
    let Some(word) = words.next() else { return Err((end_of_line, "the server is missing".into())) };
    let server = server(&word)?;
    let mut line = Line { target: target.text.to_string(), server, conditions: Vec::new(), end: false };
    for word in words {
        option(&mut line, &word)?;
    }
    Ok(Some(line))
}

fn server(word: &Word<'_>) -> Result<Server, Wrong> {
    let wrong = |skipped: &str, text: String| Err((word.column + skipped.chars().count(), text));
    let (before, place) = match word.text.rsplit_once('@') {
        Some((before, place)) => (Some(before), place),
        None => (None, word.text),
    };
    let skipped = before.map(|before| format!("{before}@")).unwrap_or_default();
    let login = match before.map(|before| before.split_once(':')) {
        None => None,
        Some(Some((user, password))) if !user.is_empty() => {
            Some(Login { user: user.to_string(), password: password.to_string() })
        }
        // What was meant as a password must not be repeated.
        Some(_) => return wrong("", "before the @ there must be user:password".into()),
    };
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        // Without its colon it is nothing at all.
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or_default())),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    if !is_host(host) {
        return wrong(&skipped, format!("\"{host}\" is no host name and no address"));
    }
    let port = match port.map(str::parse::<u16>) {
        None => DEFAULT_PORT,
        Some(Ok(port)) if port > 0 => port,
        Some(_) => return wrong(&skipped, format!("\"{place}\" has no port from 1 to 65535 behind the colon")),
    };
    Ok(Server { priority: DEFAULT_PRIORITY, host: host.to_string(), port, login })
}

fn option(line: &mut Line, word: &Word<'_>) -> Result<(), Wrong> {
    let text = word.text;
    let lower = text.to_ascii_lowercase();
    let wrong = |text: String| Err((word.column, text));
    if lower == "$end" {
        line.end = true;
        return Ok(());
    }
    if let Some(number) = lower.strip_prefix("$priority:") {
        return match number.parse() {
            Ok(priority) => {
                line.server.priority = priority;
                Ok(())
            }
            Err(_) => wrong(format!("\"{number}\" is no number from 0 to 65535")),
        };
    }
    for (name, make) in [("$sender:", Condition::Sender as fn(String) -> Condition), ("$auth:", Condition::Auth)] {
        if lower.starts_with(name) {
            let pattern = text.get(name.len()..).unwrap_or_default();
            line.conditions.push(make(pattern.to_string()));
            return Ok(());
        }
    }
    let comparisons = [
        ("$size", Condition::Size as fn(Comparison) -> Condition),
        ("$tries", Condition::Tries),
        ("$age", Condition::Age),
    ];
    for (name, make) in comparisons {
        if let Some(rest) = lower.strip_prefix(name) {
            let Some(comparison) = Comparison::parse(rest) else {
                return wrong(format!("\"{name}\" needs an operator and a number, such as {name}>=10"));
            };
            line.conditions.push(make(comparison));
            return Ok(());
        }
    }
    wrong(format!("no such option: \"{text}\"; there are $priority:, $size, $end, $sender:, $auth:, $tries and $age"))
}

fn is_domain_pattern(text: &str) -> bool {
    let filled = text.replace(['*', '?'], "x");
    (filled.starts_with('[') || !filled.contains('@')) && Address::parse(&format!("x@{filled}")).is_ok()
}

fn is_host(text: &str) -> bool {
    let is_name = || text.is_ascii() && !text.starts_with('[') && Address::parse(&format!("x@{text}")).is_ok();
    text.parse::<Ipv4Addr>().is_ok() || text.parse::<Ipv6Addr>().is_ok() || is_name()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(domain: &str) -> Facts<'_> {
        Facts { domain, size: 1000, sender: "ann@office.example", auth: "ann", tries: 0, age: 0 }
    }

    fn hosts(lines: &[&str], facts: &Facts<'_>) -> Vec<String> {
        let overrides = Overrides::parse(lines.iter().copied()).unwrap();
        overrides.servers(facts).into_iter().map(|server| server.host).collect()
    }

    #[test]
    fn the_examples_of_the_manual() {
        let lines =
            ["gmail.com smtp.myisp.com", "*.demon.co.uk fred:secret@smtp.myisp.com:587", "# all", "", "* [::1]:26"];
        let overrides = Overrides::parse(lines).unwrap();
        let of = |domain| overrides.servers(&facts(domain));
        assert_eq!(of("GMail.com").len(), 2);
        let demon = &of("a.demon.co.uk")[0];
        let login = demon.login.as_ref().map(|login| (login.user.as_str(), login.password.as_str()));
        assert_eq!((demon.host.as_str(), demon.port, login), ("smtp.myisp.com", 587, Some(("fred", "secret"))));
        assert!(!format!("{demon:?}").contains("secret"));
        assert_eq!((of("x.example")[0].host.as_str(), of("x.example")[0].port), ("::1", 26));
    }

    #[test]
    fn behaviour_11_lower_priorities_first_and_end_stops_the_reading() {
        let both = ["example.com a", "example.com b $priority:20"];
        assert_eq!(hosts(&both, &facts("example.com")), ["a", "b"]);
        assert_eq!(hosts(&["example.com a $end", both[1]], &facts("example.com")), ["a"]);
        assert_eq!(
            hosts(&["example.com b $priority:20", "example.com a $priority:5"], &facts("example.com")),
            ["a", "b"]
        );
        assert_eq!(hosts(&["other.com a $end", both[1]], &facts("example.com")), ["b"], "an end that did not match");
    }

    #[test]
    fn options_say_which_mails() {
        let line = |option: &str| vec![format!("* a {option}")];
        for (option, holds) in [
            ("$size>=1000", true),
            ("$size<1000", false),
            ("$SIZE<>5 $Tries=0", true),
            ("$size<>5 $tries>0", false),
            ("$age<=10", true),
            ("$sender:*@office.example", true),
            ("$sender:*@other.example", false),
            ("$auth:a*", true),
            ("$auth:bob", false),
        ] {
            let lines = line(option);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(!hosts(&lines, &facts("x.example")).is_empty(), holds, "{option}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (line, column, words) in [
            ("example.com", 12, "the server is missing"),
            ("a@b.example c", 1, "no domain"),
            ("* bad..host", 3, "no host name"),
            ("* host:0", 3, "no port"),
            ("* host:99999", 3, "no port"),
            ("* [::1]26", 3, "no port"),
            ("* [::1]:", 3, "no port"),
            ("* user@host", 3, "user:password"),
            ("* u:p@ho_st:x", 7, "no port"),
            ("* host  $prio:1", 9, "no such option"),
            ("* host $priority:-1", 8, "no number"),
            ("* host $size:5", 8, "an operator and a number"),
            ("* host end", 8, "no such option"),
        ] {
            let mistakes = Overrides::parse(["* fine", line]).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{line}");
            assert_eq!((mistakes[0].line, mistakes[0].column), (2, column), "{line}: {}", mistakes[0]);
            assert!(mistakes[0].text.contains(words), "{line}: {}", mistakes[0]);
        }
        assert_eq!(Overrides::parse(["x", "y"]).unwrap_err().len(), 2);
    }
}
