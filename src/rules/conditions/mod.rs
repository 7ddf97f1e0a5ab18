//! Conditions of download rules and SMTP rules (spec connectors-and-smtp §4.8, §8.5).
//!
//! A condition is a line: a field, a colon, what it must be, with `!` before the field for "not":
//!
//! ```text
//! Subject: invoice                 download rules: the header has this text in it
//! !MailFrom: *@office.example      SMTP rules: the whole field fits the pattern, which has * and ?
//! Any: /^(buy|sell) now/           either: a regular expression finds something
//! MessageSize: > 5000000           bytes; a bare number means "at least"
//! TimeNow: 18:00-7:30              the first minute counts, the last does not; may go over midnight
//! DayNow: 23456                    1 is Sunday, 7 is Saturday
//! ```
//!
//! Other names are headers of the message. All comparisons of text are without regard to case. A fact that is not known
//! makes a condition on it neither hold nor not hold: a rule never fires on what it does not know.

mod facts;
mod field;
mod test;

pub use facts::{Facts, Stage};
pub use field::Field;

use super::Mistake;
use test::Test;

/// Longest condition, bytes.
pub const MAX_CONDITION: usize = 1000;
/// Most conditions of one rule.
pub const MAX_CONDITIONS: usize = 200;

/// Whose conditions they are: which fields there are, and what a text without wildcards means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Texts are looked for anywhere in a header.
    Download,
    /// Texts are patterns for the whole of a field.
    Smtp,
}

#[derive(Clone, Debug)]
pub struct Condition {
    negated: bool,
    field: Field,
    test: Test,
}

impl Condition {
    /// Reads one line. The mistake's line is 1.
    pub fn parse(line: &str, language: Language) -> Result<Condition, Mistake> {
        let at = |rest: &str, text: String| Err(Mistake::new(1, column(line, rest), text));
        if line.len() > MAX_CONDITION {
            return at(line, format!("a condition is at most {MAX_CONDITION} bytes long"));
        }
        let start = line.trim_start();
        let (negated, start) = match start.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, start),
        };
        let Some((name, value)) = start.split_once(':') else {
            return at(start, "there is no colon: a condition is a field, a colon, and what it must be".into());
        };
        let field = match Field::parse(name.trim_end(), language) {
            Ok(field) => field,
            Err(text) => return at(start, text),
        };
        let value = value.trim();
        match Test::parse(&field, value, language) {
            Ok(test) => Ok(Condition { negated, field, test }),
            Err(text) => at(value, text),
        }
    }

    /// `None`: not known.
    pub fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        self.test.holds(&self.field, facts).map(|holds| holds != self.negated)
    }
}

/// The column of `rest`, a part of `line`, from 1, in characters.
fn column(line: &str, rest: &str) -> usize {
    let offset = (rest.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    line.get(..offset).map_or(1, |before| before.chars().count() + 1)
}

/// Those of one rule.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    any: bool,
    list: Vec<Condition>,
}

impl Conditions {
    /// `any`: one that holds is enough. A mistake's line is the number of the condition, from 1.
    pub fn parse(lines: &[String], any: bool, language: Language) -> Result<Conditions, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        if lines.len() > MAX_CONDITIONS {
            mistakes.push(Mistake::new(MAX_CONDITIONS + 1, 1, format!("there are more than {MAX_CONDITIONS}")));
        }
        let mut list = Vec::new();
        for (position, line) in lines.iter().take(MAX_CONDITIONS).enumerate() {
            match Condition::parse(line, language) {
                Ok(condition) => list.push(condition),
                Err(mistake) => mistakes.push(Mistake { line: position + 1, ..mistake }),
            }
        }
        if mistakes.is_empty() { Ok(Conditions { any, list }) } else { Err(mistakes) }
    }

    /// No conditions always hold.
    pub fn hold(&self, facts: &Facts<'_>) -> bool {
        let holds = |condition: &Condition| condition.holds(facts) == Some(true);
        if self.any && !self.list.is_empty() { self.list.iter().any(holds) } else { self.list.iter().all(holds) }
    }

    /// From when on all their facts are known. `None` without conditions.
    pub fn stage(&self) -> Option<Stage> {
        self.list.iter().map(|condition| condition.field.stage()).max()
    }

    /// Whether they may hold for one recipient and not for another.
    pub fn ask_recipients(&self) -> bool {
        self.list.iter().any(|condition| matches!(condition.field, Field::RcptTo | Field::Recipient))
    }

    /// Whether the message's header must be known.
    pub fn need_header(&self) -> bool {
        self.list.iter().any(|condition| matches!(condition.field, Field::AnyHeader | Field::Header(_)))
    }
}

#[cfg(test)]
mod tests;
