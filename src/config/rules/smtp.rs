//! Services > SMTP > SMTP Rules (spec connectors-and-smtp §8.5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Common, Matching, Rule};
use crate::rules::conditions::Language;

/// What to do with a mail, or with one recipient of it where a condition is about recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpAction {
    /// Take it as usual; no other rule is asked.
    #[default]
    Accept,
    /// Refuse it with an error.
    Reject,
    /// Answer as if it were taken, then discard it.
    Ignore,
    /// Take it, for the addresses given instead of its recipients.
    Redirect,
    /// Take it, and give a copy to the addresses given.
    Copy,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpRule {
    /// A name for displays and smtprules.log.
    pub name: String,
    /// Off: the rule is passed over.
    pub enabled: bool,
    /// What happens to the mail. With a condition on RcptTo or Recipient it happens for the recipients that match, the
    /// others get the mail as usual. Only reject together with a condition on the message (a header, its size, the count
    /// of recipients) refuses the mail for all of its recipients when one of them matches: after the message a server
    /// cannot refuse for one alone, and the sender is told of each.
    pub action: SmtpAction,
    /// Users or addresses, for redirect and copy.
    #[schemars(title = "Redirect to / copy to", extend("x-target" = true))]
    pub addresses: Vec<String>,
    /// For reject: what the sender is told. Empty: "Message refused by a rule". A code of 450 to 559 at the beginning
    /// replaces 550.
    pub reply: String,
    /// Whether all conditions must hold, or one of them.
    pub matching: Matching,
    /// Each a field, a colon and a pattern with * and ? for the whole of it, such as "!MailFrom: *@office.example" ("!"
    /// means "not"), or a regular expression, such as "Subject: /^(buy|sell)/". Fields: MailFrom, RcptTo, RcptCount, the
    /// name of a header, Any (any header), Recipient (a user who would get it), AuthUser (empty: nobody has logged in),
    /// ClientAddress (also a network), MessageSize (bytes; a bare number is "at least", else with <, <=, =, >=, >, <>),
    /// TimeNow (18:00-7:30), DayNow (digits, 1 is Sunday). No conditions: always, after the rules above.
    pub conditions: Vec<String>,
}

impl Default for SmtpRule {
    fn default() -> SmtpRule {
        SmtpRule {
            name: "Rule".into(),
            enabled: true,
            action: SmtpAction::default(),
            addresses: Vec::new(),
            reply: String::new(),
            matching: Matching::default(),
            conditions: Vec::new(),
        }
    }
}

impl SmtpAction {
    /// Whether it needs addresses.
    pub fn has_addresses(self) -> bool {
        matches!(self, SmtpAction::Redirect | SmtpAction::Copy)
    }
}

impl SmtpRule {
    /// Code and text of a refusal. `None`: the text is none that can be sent.
    pub fn refusal(&self) -> Option<(u16, &str)> {
        let reply = self.reply.trim();
        let code = reply.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
        let (code, text) = match code.map(str::parse::<u16>) {
            Some(Ok(code @ 450..=559)) => (code, reply.get(3..).unwrap_or_default().trim_start()),
            _ => (550, reply),
        };
        // A reply line is at most 512 bytes, and others have no other letters than these (RFC 5321 §4.2).
        let sendable = text.len() <= 400 && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        sendable.then_some((code, if text.is_empty() { "Message refused by a rule" } else { text }))
    }
}

impl Rule for SmtpRule {
    const LANGUAGE: Language = Language::Smtp;

    fn common(&self) -> Common<'_> {
        let SmtpRule { name, enabled, matching, conditions, .. } = self;
        Common { name, enabled: *enabled, matching: *matching, conditions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_may_bring_a_code() {
        let of = |reply: &str| SmtpRule { reply: reply.into(), ..SmtpRule::default() };
        for (reply, expected) in [
            ("", Some((550, "Message refused by a rule"))),
            ("No thanks", Some((550, "No thanks"))),
            ("451 Come back", Some((451, "Come back"))),
            ("250 Yes", Some((550, "250 Yes"))),
            ("450", Some((450, "Message refused by a rule"))),
            ("Nö", None),
        ] {
            assert_eq!(of(reply).refusal(), expected, "{reply}");
        }
        assert_eq!(of(&"x".repeat(500)).refusal(), None);
    }
}
