//! The answers to the session's requests: which verb asks what of whom, and what is noted of the peer on the way.

use super::super::{etrn, people};
use super::Connection;
use super::login::challenge;
use crate::intake::Refusal;
use crate::policy::access::is_listed;
use crate::policy::{Event, Place};
use crate::proto::smtp::server::{Answer, Mistake, Reply, Request};

impl Connection {
    pub(super) async fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Mail { return_path, size } => {
                let answer = self.mail(return_path.as_ref(), size.unwrap_or(0));
                match self.script {
                    Some(_) => Box::pin(self.scripted_mail(return_path, answer)).await,
                    None => answer,
                }
            }
            Request::Recipient(recipient) => {
                if self.is_to_be_looked_up() {
                    Box::pin(self.look_up()).await;
                    if self.script.is_some()
                        && let Some(answer) = Box::pin(self.scripted_results()).await
                    {
                        return answer;
                    }
                }
                match self.script {
                    Some(_) => Box::pin(self.scripted_recipient(recipient)).await,
                    None => self.recipient(recipient),
                }
            }
            Request::Begin => {
                if self.script.is_some()
                    && let Some(reply) = Box::pin(self.scripted_data()).await
                {
                    return Answer::No(reply);
                }
                self.begin_message()
            }
            Request::Verify(text) => {
                let lines = people::verify(&self.context.config.current(), &text);
                Box::pin(self.scripted_words(true, lines)).await
            }
            Request::Expand(text) => {
                let lines = people::expand(&self.context.config.current(), &text);
                Box::pin(self.scripted_words(false, lines)).await
            }
            Request::Script(moment) => Box::pin(self.scripted_command(moment)).await,
            Request::StartQueue(queue) => {
                if !is_listed(&self.service.etrn_access, self.peer) {
                    return Answer::No(Reply::queue_denied(&queue.domain));
                }
                Answer::Say(vec![Box::pin(etrn::start(&self.context.intake, &queue)).await])
            }
            // Boxed: the session's future is kept small for the thousands that are idle.
            Request::Commit(mail) => Box::pin(self.commit(mail)).await,
            Request::Challenge => match challenge(&self.context.config.current()) {
                Some(challenge) => Answer::Challenge(challenge),
                None => Answer::No(Reply::temporary()),
            },
            Request::Login(claim) => Box::pin(self.login(claim)).await,
        }
    }

    pub(super) fn note(&self, event: Event, data: &str) {
        self.context.watch.note(&self.service.config.security, Place::Smtp, self.peer, event, data);
    }

    /// Of those the session has found; the others are noted where they happen.
    pub(super) fn note_mistakes(&mut self) {
        for mistake in self.session.take_mistakes() {
            match mistake {
                Mistake::Syntax(reply) => self.note(Event::SyntaxError, reply.text()),
                Mistake::TooLarge => self.note(Event::TooLarge, ""),
            }
        }
    }

    pub(super) fn refused_by_rule(&self, reply: Reply) -> Answer {
        self.note(Event::RuleMatched, reply.text());
        Answer::No(reply)
    }
}

pub(super) fn reply_to(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::UnknownRecipient => Reply::unknown_recipient(),
        Refusal::RelayDenied => Reply::relay_denied(),
        Refusal::SendingNotAllowed => Reply::sending_not_allowed(),
        Refusal::TooManyHops(_) => Reply::too_many_hops(),
        Refusal::TooLarge(_) => Reply::too_large(),
        Refusal::HeaderTooLarge(_) => Reply::header_too_large(),
        Refusal::NoRecipients => Reply::no_recipients(),
        Refusal::NoRoom => Reply::no_room(),
        Refusal::Temporary => Reply::temporary(),
    }
}
