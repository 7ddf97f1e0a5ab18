//! `MAIL` and `RCPT`: who hands the mail in, whether that may be, and where each recipient leads.

use super::super::rules::Ruling;
use super::Connection;
use super::answers::reply_to;
use crate::config::AntiRelay;
use crate::intake::{Refusal, Submitter};
use crate::mail::{Address, Recipient};
use crate::policy::Event;
use crate::proto::smtp::server::{Answer, Reply};
use crate::route::Destination;

impl Connection {
    pub(super) fn mail(&mut self, return_path: Option<&Address>, size: u64) -> Answer {
        self.destinations.clear();
        self.recipients.clear();
        self.only_recipient = None;
        self.sender_is_ours = self.is_ours(return_path);
        let (login, may_relay) = (self.session.login(), self.may_relay());
        let user = self.context.intake.sender(login, may_relay, return_path);
        self.submitter = Submitter { may_relay, user, size };
        self.ruling = None;
        if let Err(refusal) = self.context.intake.room_for(size) {
            return Answer::No(reply_to(&refusal));
        }
        if let Some(mut ruling) = Ruling::begin(&self.service, self.peer, self.session.login(), return_path) {
            if let Some(reply) = ruling.on_sender(&self.service, &self.context.logs) {
                return self.refused_by_rule(reply);
            }
            self.ruling = Some(ruling);
        }
        Answer::Yes
    }

    pub(super) fn recipient(&mut self, recipient: Recipient) -> Answer {
        let address = recipient.address.clone();
        match self.check_recipient(recipient) {
            Ok(destinations) => self.take_recipient(address, destinations),
            Err(reply) => Answer::No(reply),
        }
    }

    /// Where the recipient leads, or why not.
    pub(super) fn check_recipient(&self, recipient: Recipient) -> Result<Vec<Destination>, Reply> {
        let address = recipient.address.clone();
        if let Some(list) = self.refused_by(&address) {
            log::info!("smtp: {}: recipient {address} refused: client listed by {list}", self.peer);
            return Err(Reply::blacklisted(self.peer, list));
        }
        self.context.intake.recipient_of(&self.submitter, recipient).map_err(|refusal| {
            log::info!("smtp: {}: recipient {address} refused: {refusal}", self.peer);
            match refusal {
                Refusal::RelayDenied => self.note(Event::RelayDenied, address.as_str()),
                Refusal::UnknownRecipient => self.note(Event::BadRecipient, address.as_str()),
                _ => {}
            }
            if refusal == Refusal::RelayDenied && self.trusted {
                return Reply::relay_denied_to_sender();
            }
            reply_to(&refusal)
        })
    }

    pub(super) fn take_recipient(&mut self, address: Address, destinations: Vec<Destination>) -> Answer {
        let out = destinations.iter().any(|place| matches!(place, Destination::Outgoing(_)));
        self.note(if out { Event::RelayAllowed } else { Event::GoodRecipient }, address.as_str());
        let first = self.ruling.as_ref().map_or(self.destinations.is_empty(), |ruling| !ruling.has_recipients());
        self.only_recipient = first.then(|| address.clone());
        let Some(ruling) = &mut self.ruling else {
            self.destinations.extend(destinations);
            return Answer::Yes;
        };
        match ruling.on_recipient(&self.service, &address, destinations, &self.context.logs) {
            Ok(()) => Answer::Yes,
            Err(reply) => self.refused_by_rule(reply),
        }
    }

    fn may_relay(&self) -> bool {
        self.session.login().is_some() || (self.trusted && self.sender_is_ours)
    }

    /// Whether a sender may send out where the service looks at senders; everybody's may where it does not.
    fn is_ours(&self, return_path: Option<&Address>) -> bool {
        match (self.service.anti_relay, return_path) {
            (AntiRelay::ClientAddress, _) | (AntiRelay::ClientAndSenderAddress, None) => true,
            (AntiRelay::ClientAndSenderAddress, Some(address)) => {
                let config = self.context.config.current();
                config.is_local(&address.clone().or_domain(&config.general.default_domain))
            }
        }
    }
}
