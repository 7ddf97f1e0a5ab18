//! Download rules and SMTP rules in the text form of the reference product (spec connectors-and-smtp §4.8, §8.5).
//!
//! A rule begins with a line that has a sign and the rule's name; its conditions follow, one a line. SMTP rules have the
//! digit of their stage before the sign; it is read and not kept, since the conditions tell it.
//!
//! ```text
//! 1*Reject non-local mail          SMTP: * reject  ~ ignore  < accept
//! !MailFrom: *@local.example       download: * delete and warn  @ delete silently  ~ ignore  < download
//! >boss<To the boss                either: > < redirect, >+ < copy, several addresses with commas
//! ```
//!
//! Empty lines and lines that begin with `#` do not count. All conditions of a rule must hold; the form has no "any".

use super::conditions::{Condition, Language, MAX_CONDITIONS};
use super::{Conditions, Mistake};

/// Most rules of a text.
const MOST: usize = 1000;
/// Mistakes told at most.
const MOST_MISTAKES: usize = 50;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `<`: accept, download.
    Take,
    /// `*`: reject; delete and warn.
    Refuse,
    /// `@`: delete silently; download rules only.
    Delete,
    /// `~`.
    Ignore,
    /// `>addresses<`.
    Redirect(Vec<String>),
    /// `>+addresses<`.
    Copy(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicRule {
    pub sign: Sign,
    /// Not the name of another rule of the text.
    pub name: String,
    /// In the language of `conditions`.
    pub conditions: Vec<String>,
}

/// Reads a text.
pub fn parse(text: &str, language: Language) -> Result<Vec<ClassicRule>, Vec<Mistake>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rules: Vec<ClassicRule> = Vec::new();
    let mut mistakes = Vec::new();
    for (number, line) in super::words::lines(text) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if let Err((column, why)) = read_line(line, language, &mut rules) {
            mistakes.push(Mistake::new(number, column, why));
        }
        if mistakes.len() >= MOST_MISTAKES || rules.len() > MOST {
            break;
        }
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}

type Wrong = (usize, String);

fn read_line(line: &str, language: Language, rules: &mut Vec<ClassicRule>) -> Result<(), Wrong> {
    let indent = line.chars().take_while(|c| c.is_whitespace()).count();
    let text = line.trim();
    if let Some((sign, name)) = first_line(text, language).map_err(|(column, why)| (indent + column, why))? {
        if rules.len() >= MOST {
            rules.push(ClassicRule { sign, name, conditions: Vec::new() });
            return Err((1, format!("there are more than {MOST} rules")));
        }
        let name = unused(if name.is_empty() { format!("Rule {}", rules.len() + 1) } else { name }, rules);
        rules.push(ClassicRule { sign, name, conditions: Vec::new() });
        return Ok(());
    }
    let Some(rule) = rules.last_mut() else {
        return Err((indent + 1, "a rule begins with its sign: *, ~, <, > or, for download rules, @".into()));
    };
    if rule.conditions.len() >= MAX_CONDITIONS {
        return Err((1, format!("the rule has more than {MAX_CONDITIONS} conditions")));
    }
    let condition = literal(text, language);
    // A regular expression is unknown to this form, so a mistake in it is none of the text's: columns are those of the line.
    Condition::parse(&condition, language).map_err(|mistake| (indent + mistake.column, mistake.text))?;
    rule.conditions.push(condition);
    Ok(())
}

/// `None`: a condition.
fn first_line(text: &str, language: Language) -> Result<Option<(Sign, String)>, Wrong> {
    let stage = text.chars().next().filter(|c| language == Language::Smtp && c.is_ascii_digit());
    let rest = text.get(stage.map_or(0, char::len_utf8)..).unwrap_or_default();
    let at = 1 + usize::from(stage.is_some());
    let mut chars = rest.chars();
    let sign = chars.next();
    let name = chars.as_str();
    let named = |sign: Sign| Ok(Some((sign, name.trim().to_string())));
    let found = match (sign, language) {
        (Some('*'), _) => named(Sign::Refuse),
        (Some('~'), _) => named(Sign::Ignore),
        (Some('<'), _) => named(Sign::Take),
        (Some('@'), Language::Download) => named(Sign::Delete),
        (Some('@'), Language::Smtp) => Err((at, "SMTP rules have no sign @; * refuses, ~ ignores".into())),
        (Some('>'), _) => redirect(name, at).map(Some),
        _ => Ok(None),
    };
    match (stage, &found) {
        (Some('0' | '4'..='9'), Ok(Some(_))) => Err((1, "stages are 1 (sender), 2 (recipient) and 3 (message)".into())),
        _ => found,
    }
}

/// After the `>` at column `at`.
fn redirect(text: &str, at: usize) -> Result<(Sign, String), Wrong> {
    let (copy, text) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let Some((addresses, name)) = text.split_once('<') else {
        return Err((at, "the addresses after > end with <".into()));
    };
    let addresses = addresses.split(',').map(str::trim).filter(|address| !address.is_empty());
    let addresses: Vec<String> = addresses.map(str::to_string).collect();
    if addresses.is_empty() {
        return Err((at + 1, "there is no address between > and <".into()));
    }
    let name = name.trim().to_string();
    Ok(if copy { (Sign::Copy(addresses), name) } else { (Sign::Redirect(addresses), name) })
}

/// Names are told apart by a number.
fn unused(name: String, rules: &[ClassicRule]) -> String {
    let lower = |text: &str| text.to_lowercase();
    let taken = |name: &str| rules.iter().any(|rule| lower(&rule.name) == lower(name));
    let numbered = (2..MOST + 2).map(|number| format!("{name} ({number})"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name)
}

/// A text between slashes is a text here, and a regular expression in our language.
fn literal(text: &str, language: Language) -> String {
    let Some((field, value)) = text.split_once(':') else { return text.to_string() };
    let value = value.trim();
    if value.len() < 3 || !value.starts_with('/') || !value.ends_with('/') {
        return text.to_string();
    }
    let escaped = regex_lite::escape(value);
    match language {
        Language::Download => format!("{field}: /{escaped}/"),
        Language::Smtp => format!("{field}: /^{}$/", escaped.replace(r"\*", ".*").replace(r"\?", ".")),
    }
}

/// The text of a rule.
pub fn write(sign: &Sign, name: &str, conditions: &[String], language: Language) -> String {
    let stage = Conditions::parse(conditions, false, language).ok().and_then(|conditions| conditions.stage());
    let digit = match (language, stage) {
        (Language::Download, _) => "",
        (_, None | Some(super::conditions::Stage::Sender)) => "1",
        (_, Some(super::conditions::Stage::Recipient)) => "2",
        (_, Some(super::conditions::Stage::Message)) => "3",
    };
    let sign = match sign {
        Sign::Take => "<".into(),
        Sign::Refuse => "*".into(),
        Sign::Delete => "@".into(),
        Sign::Ignore => "~".into(),
        Sign::Redirect(addresses) => format!(">{}<", addresses.join(",")),
        Sign::Copy(addresses) => format!(">+{}<", addresses.join(",")),
    };
    let mut text = format!("{digit}{sign}{name}\n");
    for condition in conditions {
        text.push_str(condition.trim());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(sign: Sign, name: &str, conditions: &[&str]) -> ClassicRule {
        ClassicRule { sign, name: name.into(), conditions: conditions.iter().map(|line| line.to_string()).collect() }
    }

    #[test]
    fn smtp_rules() {
        let text = "\u{feff}# moved\r\n1*Reject non-local mail\r\n!MailFrom: *@local.com\r\n\r\n2~Old people\r\n  RcptTo: old@*\r\n\
            3>boss, x@far.example<To the boss\r\nSubject: *offer*\r\nAny: /x?/\r\n1>+anna<\r\n<rest\r\n<Rest\r\n";
        let boss = Sign::Redirect(vec!["boss".into(), "x@far.example".into()]);
        let expected = [
            rule(Sign::Refuse, "Reject non-local mail", &["!MailFrom: *@local.com"]),
            rule(Sign::Ignore, "Old people", &["RcptTo: old@*"]),
            rule(boss, "To the boss", &["Subject: *offer*", "Any: /^/x./$/"]),
            rule(Sign::Copy(vec!["anna".into()]), "Rule 4", &[]),
            rule(Sign::Take, "rest", &[]),
            rule(Sign::Take, "Rest (2)", &[]),
        ];
        assert_eq!(parse(text, Language::Smtp).unwrap(), expected);
    }

    #[test]
    fn download_rules() {
        let text =
            "*Large\nMessageSize: 5000000\n@Spam\nSubject: [spam]\nFrom: /a/\n~Later\n<Rest\n>+bob<Copy\nInMail: 0\n";
        let expected = [
            rule(Sign::Refuse, "Large", &["MessageSize: 5000000"]),
            rule(Sign::Delete, "Spam", &["Subject: [spam]", "From: //a//"]),
            rule(Sign::Ignore, "Later", &[]),
            rule(Sign::Take, "Rest", &[]),
            rule(Sign::Copy(vec!["bob".into()]), "Copy", &["InMail: 0"]),
        ];
        assert_eq!(parse(text, Language::Download).unwrap(), expected);
    }

    #[test]
    fn mistakes_name_line_and_column() {
        for (language, text, line, column, part) in [
            (Language::Smtp, "MailFrom: x", 1, 1, "begins with its sign"),
            (Language::Smtp, "1*a\n  MailFrom", 2, 3, "no colon"),
            (Language::Smtp, "1*a\nTimeNow: 8", 2, 10, "8:00-17:30"),
            (Language::Smtp, "4*a", 1, 1, "stages are"),
            (Language::Smtp, "1@a", 1, 2, "no sign @"),
            (Language::Smtp, "1>bob", 1, 2, "end with <"),
            (Language::Smtp, " 2>, <bob", 1, 4, "no address"),
            (Language::Download, "*a\n\nMailFrom: x", 3, 1, "From"),
        ] {
            let mistakes = parse(text, language).expect_err(text);
            assert_eq!((mistakes[0].line, mistakes[0].column), (line, column), "{text}: {}", mistakes[0]);
            assert!(mistakes[0].text.contains(part), "{text}: {}", mistakes[0]);
        }
        assert_eq!(parse(&"x\n".repeat(200), Language::Smtp).unwrap_err().len(), MOST_MISTAKES);
        assert!(parse(&"*x\n".repeat(MOST + 1), Language::Smtp).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(name in "[a-z ]{1,10}", to in "[a-z]{1,8}", value in "[a-z@.]{1,10}") {
            for sign in [Sign::Take, Sign::Refuse, Sign::Ignore, Sign::Redirect(vec![to.clone()]), Sign::Copy(vec![to])] {
                let conditions = [format!("!MailFrom: {value}"), format!("Subject: *{value}*")];
                let text = write(&sign, &name, &conditions, Language::Smtp);
                let read = parse(&text, Language::Smtp).unwrap();
                prop_assert_eq!(&read[0].sign, &sign);
                prop_assert_eq!(&read[0].conditions, &conditions);
            }
        }

        #[test]
        fn no_text_ends_the_program(text in "([0-9]?[*~<>@+]?[a-zM:!/ ]{0,10}\\PC?\n?){0,10}") {
            for language in [Language::Smtp, Language::Download] {
                if let Err(mistakes) = parse(&text, language) {
                    prop_assert!(mistakes.iter().all(|mistake| mistake.line <= text.lines().count()));
                }
            }
        }
    }
}
