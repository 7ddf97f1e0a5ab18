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
        if self.script.is_some() {
            return Box::pin(self.scripted_answer(request)).await;
        }
        match request {
            Request::Mail { return_path, size } => self.mail(return_path.as_ref(), size.unwrap_or(0)),
            Request::Recipient(recipient) => {
                if self.is_to_be_looked_up() {
                    Box::pin(self.look_up()).await;
                }
                self.recipient(recipient)
            }
            Request::Begin => self.begin_message(),
            Request::Verify(text) => Answer::Say(people::verify(&self.context.config.current(), &text)),
            Request::Expand(text) => Answer::Say(people::expand(&self.context.config.current(), &text)),
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
            Request::Script(_) => Answer::Yes,
        }
    }

    /// The same, with the script between what is decided and what the client hears.
    async fn scripted_answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Mail { return_path, size } => {
                let answer = self.mail(return_path.as_ref(), size.unwrap_or(0));
                self.scripted_mail(return_path, answer).await
            }
            Request::Recipient(recipient) => {
                if self.is_to_be_looked_up() {
                    self.look_up().await;
                    if let Some(answer) = self.scripted_results().await {
                        return answer;
                    }
                }
                self.scripted_recipient(recipient).await
            }
            Request::Begin => match self.scripted_data().await {
                Some(reply) => Answer::No(reply),
                None => self.begin_message(),
            },
            Request::Verify(text) => {
                let lines = people::verify(&self.context.config.current(), &text);
                self.scripted_words(true, lines).await
            }
            Request::Expand(text) => {
                let lines = people::expand(&self.context.config.current(), &text);
                self.scripted_words(false, lines).await
            }
            Request::StartQueue(queue) if is_listed(&self.service.etrn_access, self.peer) => {
                Answer::Say(vec![etrn::start(&self.context.intake, &queue).await])
            }
            Request::StartQueue(queue) => Answer::No(Reply::queue_denied(&queue.domain)),
            Request::Commit(mail) => self.commit(mail).await,
            Request::Challenge => match challenge(&self.context.config.current()) {
                Some(challenge) => Answer::Challenge(challenge),
                None => Answer::No(Reply::temporary()),
            },
            Request::Login(claim) => self.login(claim).await,
            Request::Script(moment) => self.scripted_command(moment).await,
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
