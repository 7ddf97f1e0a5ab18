//! Where a recipient leads, and whether whoever hands in the mail may send there (spec connectors-and-smtp §7.2, §8.2, §5.12).

use super::question::question_at;
use super::{Intake, Refusal, Source};
use crate::config::{Config, User};
use crate::mail::{Address, Recipient};
use crate::route::{self, Destination, Origin, Resolution};

/// Who hands in a mail by SMTP, as far as it matters for where it may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Submitter {
    /// Logged in, or from an address that may send out without.
    pub may_relay: bool,
    /// The user who sends, where he is known ([`Intake::sender`]).
    pub user: Option<u32>,
    /// Bytes of the mail as announced; 0: it was not.
    pub size: u64,
}

impl Source {
    pub(super) fn may_relay(&self) -> bool {
        match self {
            Source::Smtp { may_relay, .. } => *may_relay,
            Source::Collector { .. } => false,
            Source::Own => true,
        }
    }
}

impl Intake {
    /// Where a recipient leads, or why it is not taken.
    pub fn recipient(&self, source: &Source, recipient: Recipient) -> Result<Vec<Destination>, Refusal> {
        let (user, by_smtp) = match source {
            Source::Smtp { user, .. } => (*user, true),
            Source::Collector { .. } | Source::Own => (None, false),
        };
        self.lead(&Submitter { may_relay: source.may_relay(), user, size: 0 }, by_smtp, recipient)
    }

    /// The same, for a client of the SMTP service of whom only that is known yet.
    pub fn recipient_of(&self, from: &Submitter, recipient: Recipient) -> Result<Vec<Destination>, Refusal> {
        self.lead(from, true, recipient)
    }

    /// The user who sends, by the name of his login, else by his address where the client is in the office. Looked for only
    /// where some user has limits.
    pub fn sender(&self, login: Option<&str>, may_relay: bool, return_path: Option<&Address>) -> Option<u32> {
        let config = self.config.current();
        if !config.has_user_limits() {
            return None;
        }
        let by_login = || login.and_then(|name| config.user_named(name));
        let by_address = || return_path.filter(|_| may_relay).and_then(|address| route::user_of(&config, address));
        let user = if login.is_some() { by_login() } else { by_address() };
        user.map(|user| user.id)
    }

    fn lead(&self, from: &Submitter, by_smtp: bool, recipient: Recipient) -> Result<Vec<Destination>, Refusal> {
        let config = self.config.current();
        let recipient = Recipient { address: recipient.address.or_domain(&config.general.default_domain), ..recipient };
        if let Some(question) = question_at(&config, &recipient.address)
            && self.store.asked(question).map_err(|error| self.failed(error))?.is_some()
        {
            return Ok(vec![Destination::Answer { question }]);
        }
        if by_smtp && from.may_relay && config.general.send_all_smtp_mail_out {
            return from.outgoing(&config, recipient);
        }
        let origin = if from.may_relay { Origin::Office } else { Origin::Outside };
        let unknown = (config.general.unknown_local_is_outgoing && from.may_relay).then(|| recipient.clone());
        match (route::resolve(&config, origin, recipient), unknown) {
            (Resolution::Local(destinations), _) => from.beyond(&config, &destinations).map(|()| destinations),
            (Resolution::Outgoing(recipient), _) => from.outgoing(&config, recipient),
            // It has its mailbox elsewhere; who sent a copy here as well is not to hear of an error.
            (Resolution::Remote(address), _) => Ok(vec![Destination::Nowhere(address)]),
            (Resolution::Unknown, Some(recipient)) => from.outgoing(&config, recipient),
            (Resolution::Unknown, None) => Err(Refusal::UnknownRecipient),
        }
    }
}

impl Submitter {
    fn outgoing(&self, config: &Config, recipient: Recipient) -> Result<Vec<Destination>, Refusal> {
        if !self.may_relay {
            return Err(Refusal::RelayDenied);
        }
        self.may_send(config)?;
        Ok(vec![Destination::Outgoing(recipient)])
    }

    /// What a local address leads to may be outside; another server of the office is not.
    fn beyond(&self, config: &Config, destinations: &[Destination]) -> Result<(), Refusal> {
        let is_out = |to: &Destination| matches!(to, Destination::Outgoing(Recipient { lan: None, .. }));
        if self.user.is_some() && destinations.iter().any(is_out) { self.may_send(config) } else { Ok(()) }
    }

    fn may_send(&self, config: &Config) -> Result<(), Refusal> {
        let Some(user) = self.user.and_then(|id| config.user(id)) else { return Ok(()) };
        if !user.allow_sending {
            return Err(Refusal::SendingNotAllowed);
        }
        within_limit(user, self.size)
    }
}

/// The user's limit for mail that goes out of the office.
pub(super) fn within_limit(user: &User, size: u64) -> Result<(), Refusal> {
    match user.max_outgoing_message_size {
        limit if limit > 0 && size > limit => Err(Refusal::TooLarge(limit)),
        _ => Ok(()),
    }
}
