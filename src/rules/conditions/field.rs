//! What a condition looks at.

use super::{Language, Stage};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    MailFrom,
    RcptTo,
    RcptCount,
    /// A user who would get the mail.
    Recipient,
    AuthUser,
    ClientAddress,
    MessageSize,
    TimeNow,
    DayNow,
    Collector,
    ValidRcpts,
    InvalidRcpts,
    AnyHeader,
    /// Its name.
    Header(String),
}

use Language::{Download, Smtp};

/// A name, and the language that has it not with what to say there.
type Name = (&'static str, Field, Option<(Language, &'static str)>);

const NAMES: [Name; 17] = [
    (
        "MailFrom",
        Field::MailFrom,
        Some((Download, "the return path of collected mail is not known; test the header From")),
    ),
    ("RcptTo", Field::RcptTo, Some((Download, "the envelope of collected mail is not known; test To or Recipient"))),
    ("RcptCount", Field::RcptCount, Some((Download, "the envelope of collected mail is not known; test ValidRcpts"))),
    ("Recipient", Field::Recipient, None),
    ("VPOP3Recipient", Field::Recipient, None),
    ("AuthUser", Field::AuthUser, Some((Download, "nobody logs in for collected mail"))),
    ("ClientAddress", Field::ClientAddress, Some((Download, "collected mail has no client"))),
    ("MessageSize", Field::MessageSize, None),
    ("Size", Field::MessageSize, None),
    ("TimeNow", Field::TimeNow, None),
    ("DayNow", Field::DayNow, None),
    ("Collector", Field::Collector, Some((Smtp, "mail that comes in by SMTP has no collector"))),
    ("InMail", Field::Collector, Some((Smtp, "mail that comes in by SMTP has no collector"))),
    ("ValidRcpts", Field::ValidRcpts, Some((Smtp, "an SMTP server refuses other recipients; test RcptCount"))),
    ("InvalidRcpts", Field::InvalidRcpts, Some((Smtp, "an SMTP server refuses them itself"))),
    ("Any", Field::AnyHeader, None),
    ("Any Header", Field::AnyHeader, None),
];

impl Field {
    /// Names compare without case; spaces in the box's own ones do not count. What is none of them is a header.
    pub(super) fn parse(name: &str, language: Language) -> Result<Field, String> {
        let same = |known: &str| {
            let chars = |text: &str| -> String { text.chars().filter(|c| *c != ' ').collect() };
            chars(known).eq_ignore_ascii_case(&chars(name))
        };
        match NAMES.into_iter().find(|(known, ..)| same(known)) {
            Some((known, _, Some((without, why)))) if without == language => {
                Err(format!("there is no {known} here: {why}"))
            }
            Some((_, field, _)) => Ok(field),
            None if name.is_empty() => Err("there is no field before the colon".into()),
            None if name.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Field::Header(name.to_string())),
            None => Err(format!("\"{name}\" is no field and cannot be the name of a header")),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self {
            Field::MailFrom | Field::AuthUser | Field::ClientAddress | Field::TimeNow | Field::DayNow => Stage::Sender,
            // Only for collected mail, where all is known at once.
            Field::Collector | Field::ValidRcpts | Field::InvalidRcpts => Stage::Sender,
            Field::RcptTo | Field::Recipient => Stage::Recipient,
            // The count is known only when no more recipients can come.
            Field::RcptCount | Field::MessageSize | Field::AnyHeader | Field::Header(_) => Stage::Message,
        }
    }
}
