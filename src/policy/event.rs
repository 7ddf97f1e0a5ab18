//! Events that tell of intruders, with the numbers of the log (spec connectors-and-smtp §8.9).

use crate::config::Ips;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    BadLogin,
    RelayDenied,
    /// Harmless alone; many may show an open relay.
    RelayAllowed,
    BadRecipient,
    /// Harmless.
    GoodRecipient,
    /// A rule refused or discarded the mail.
    RuleMatched,
    Blacklisted,
    SyntaxError,
    TooLarge,
}

impl Event {
    pub fn number(self) -> u8 {
        match self {
            Event::BadLogin => 0,
            Event::RelayDenied => 1,
            Event::RelayAllowed => 2,
            Event::BadRecipient => 3,
            Event::GoodRecipient => 4,
            Event::RuleMatched => 7,
            Event::Blacklisted => 8,
            Event::SyntaxError => 9,
            Event::TooLarge => 10,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Event::BadLogin => "SMTP authentication failure",
            Event::RelayDenied => "Relay denied",
            Event::RelayAllowed => "Relay allowed",
            Event::BadRecipient => "Bad local recipient",
            Event::GoodRecipient => "Good local recipient",
            Event::RuleMatched => "SMTP rule matched",
            Event::Blacklisted => "Realtime DNS blacklist match",
            Event::SyntaxError => "SMTP syntax error",
            Event::TooLarge => "Message bigger than the size limit",
        }
    }

    /// What one event adds to the score of its client.
    pub fn score(self, ips: &Ips) -> u32 {
        match self {
            Event::BadLogin => ips.bad_authentication,
            Event::RelayDenied => ips.relay_denied,
            Event::BadRecipient => ips.bad_local_recipient,
            Event::RuleMatched => ips.smtp_rule,
            Event::Blacklisted => ips.blacklisted,
            Event::SyntaxError => ips.syntax_error,
            Event::TooLarge => ips.message_too_large,
            Event::RelayAllowed | Event::GoodRecipient => 0,
        }
    }
}
