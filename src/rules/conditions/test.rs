//! What a field must be.

use jiff::civil::{DateTime, Time};
use regex_lite::{Regex, RegexBuilder};

use super::{Facts, Field, Language};
use crate::mail::header::Field as HeaderField;
use crate::rules::compare::{Comparison, Operator};
use crate::rules::network::Network;
use crate::rules::pattern::matches;

/// Longest part of a value that is looked at, bytes: a header is the sender's, and its time is ours.
const MAX_VALUE: usize = 16 * 1024;
/// Largest compiled regular expression, bytes.
const MAX_REGEX: usize = 256 * 1024;

#[derive(Clone, Debug)]
pub(super) enum Test {
    /// The whole fits the pattern.
    Whole(String),
    /// In lower case; stands somewhere in the value.
    Contains(String),
    Regex(Box<Regex>),
    Number(Comparison),
    Network(Network),
    /// From the first minute to before the last, in minutes of the day.
    Time(u16, u16),
    /// Bit 1 is Sunday, bit 7 Saturday.
    Days(u8),
}

impl Test {
    /// `Err`: what is wrong with the value.
    pub(super) fn parse(field: &Field, value: &str, language: Language) -> Result<Test, String> {
        match field {
            // A large message is at least that large, "at most" has to be said.
            Field::MessageSize => number(value, Operator::AtLeast),
            Field::RcptCount | Field::Collector | Field::ValidRcpts | Field::InvalidRcpts => {
                number(value, Operator::Equal)
            }
            Field::ClientAddress => match Network::parse(value) {
                Ok(network) => Ok(Test::Network(network)),
                Err(_) => Err(format!("\"{value}\" is no address and no network such as 192.168.1.0/24")),
            },
            Field::TimeNow => time_range(value),
            Field::DayNow => days(value),
            // Half a user's name is no user.
            Field::Recipient | Field::AuthUser => text(value, Language::Smtp),
            _ => text(value, language),
        }
    }

    pub(super) fn holds(&self, field: &Field, facts: &Facts<'_>) -> Option<bool> {
        match field {
            Field::MailFrom => facts.mail_from.map(|text| self.fits(text)),
            Field::AuthUser => facts.auth_user.map(|text| self.fits(text)),
            Field::RcptTo => facts.recipients.map(|all| all.iter().any(|text| self.fits(text))),
            Field::Recipient => facts.users.map(|all| all.iter().any(|text| self.fits(text))),
            Field::RcptCount => facts.recipient_count.map(|number| self.counts(number)),
            Field::MessageSize => facts.size.map(|number| self.counts(number)),
            Field::Collector => facts.collector.map(|number| self.counts(number)),
            Field::ValidRcpts => facts.valid_recipients.map(|number| self.counts(number)),
            Field::InvalidRcpts => facts.invalid_recipients.map(|number| self.counts(number)),
            Field::ClientAddress => {
                facts.client.map(|client| matches!(self, Test::Network(network) if network.contains(client)))
            }
            Field::TimeNow | Field::DayNow => facts.now.map(|now| self.is_now(now)),
            Field::AnyHeader => facts.header.map(|header| header.fields().any(|field| self.fits_header(&field))),
            Field::Header(name) => facts.header.map(|header| header.all(name).any(|field| self.fits_header(&field))),
        }
    }

    /// As it stands there, or with its encoded words (RFC 2047) read: whoever writes a rule writes what he sees.
    fn fits_header(&self, field: &HeaderField<'_>) -> bool {
        let value = field.unfolded();
        self.fits(&value) || (value.contains("=?") && self.fits(&field.decoded()))
    }

    fn fits(&self, text: &str) -> bool {
        let text = bounded(text);
        match self {
            Test::Whole(pattern) => matches(pattern, text),
            Test::Contains(part) => text.to_lowercase().contains(part),
            Test::Regex(regex) => regex.is_match(text),
            _ => false,
        }
    }

    fn counts(&self, number: u64) -> bool {
        matches!(self, Test::Number(comparison) if comparison.holds(number))
    }

    fn is_now(&self, now: DateTime) -> bool {
        match self {
            Test::Time(from, to) => {
                let minute = minutes(now.time());
                if from < to { (*from..*to).contains(&minute) } else { minute >= *from || minute < *to }
            }
            Test::Days(days) => days & (1 << now.weekday().to_sunday_one_offset()) != 0,
            _ => false,
        }
    }
}

fn bounded(text: &str) -> &str {
    let end = (0..=MAX_VALUE.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// A text; between slashes a regular expression.
fn text(value: &str, language: Language) -> Result<Test, String> {
    if let Some(source) = value.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|s| !s.is_empty()) {
        let regex = RegexBuilder::new(source).case_insensitive(true).size_limit(MAX_REGEX).build();
        return regex.map(|regex| Test::Regex(Box::new(regex))).map_err(|error| format!("the expression: {error}"));
    }
    match language {
        // Only whole fields can be asked to be empty; every value has an empty text in it.
        Language::Smtp => Ok(Test::Whole(value.to_string())),
        Language::Download if value.is_empty() => Err("there is no text to look for after the colon".into()),
        Language::Download => Ok(Test::Contains(value.to_lowercase())),
    }
}

fn number(value: &str, operator: Operator) -> Result<Test, String> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = value.parse().map_err(|_| format!("{value} is too large"))?;
        return Ok(Test::Number(Comparison { operator, number }));
    }
    let wrong = || format!("\"{value}\" is no number, also none with <, <=, =, >=, > or <> before it");
    Comparison::parse(value).map(Test::Number).ok_or_else(wrong)
}

fn minutes(time: Time) -> u16 {
    // Never negative, at most 1439.
    (i32::from(time.hour()) * 60 + i32::from(time.minute())) as u16
}

fn time_range(value: &str) -> Result<Test, String> {
    let wrong = || format!("\"{value}\" is no range of times such as 8:00-17:30");
    let (from, to) = value.split_once('-').ok_or_else(wrong)?;
    let (from, to) = (time_of_day(from.trim()).ok_or_else(wrong)?, time_of_day(to.trim()).ok_or_else(wrong)?);
    if from == to {
        return Err("the range begins when it ends; 0:00-24:00 is the whole day".into());
    }
    Ok(Test::Time(from % (24 * 60), to))
}

/// `H:MM` or `HH:MM`, up to 24:00, in minutes.
fn time_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str, lengths: &[usize]| {
        (lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<u16>())
    };
    let (hour, minute) = (digits(hour, &[1, 2])?.ok()?, digits(minute, &[2])?.ok()?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= 24 * 60).then_some(minutes)
}

fn days(value: &str) -> Result<Test, String> {
    let bit = |digit: char| ('1'..='7').contains(&digit).then(|| 1u8 << (digit as u32 - '0' as u32));
    let days = value.chars().try_fold(0, |days, digit| Some(days | bit(digit)?));
    let wrong = || format!("\"{value}\" is no list of days: digits from 1 (Sunday) to 7 (Saturday), such as 23456");
    days.filter(|days| *days != 0).map(Test::Days).ok_or_else(wrong)
}
