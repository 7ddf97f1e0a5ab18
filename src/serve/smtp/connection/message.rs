//! The message: from the draft that its text goes to, to the commit after which the client hears that it is kept.

use std::time::Instant;

use super::Connection;
use super::answers::reply_to;
use crate::intake::{Draft, MailParams, Source};
use crate::mail::Address;
use crate::net::now_ms;
use crate::policy::Event;
use crate::proto::smtp::server::{Answer, Mail, Reply};
use crate::store::{Change, JournalRow};

impl Connection {
    pub(super) fn begin_message(&mut self) -> Answer {
        match self.context.intake.begin(self.source(), self.only_recipient.as_ref()) {
            Ok(mut draft) => {
                // Those who have logged in since are ours.
                if let Some(list) = self.listed.as_deref().filter(|_| self.session.login().is_none()) {
                    draft.mark(&format!("X-RBL-Warning: [{}] is listed by {list}\r\n", self.peer));
                }
                self.draft = Some(Box::new(draft));
                Answer::Yes
            }
            Err(refusal) => Answer::No(reply_to(&refusal)),
        }
    }

    fn source(&self) -> Source {
        Source::Smtp {
            client: self.peer,
            helo: self.session.hello().map(|hello| hello.name.clone()).unwrap_or_default(),
            with: self.session.protocol(),
            tls: self.wire.encryption(),
            auth_user: self.session.login().map(str::to_string),
            may_relay: self.submitter.may_relay,
            user: self.submitter.user,
        }
    }

    pub(super) async fn commit(&mut self, mail: Mail) -> Answer {
        let Some(mut draft) = self.draft.take() else { return Answer::No(Reply::temporary()) };
        let Mail { return_path, body, smtputf8, ret, envid, .. } = mail;
        let scripted = self.script.is_some().then(|| self.envelope_words(return_path.as_ref()));
        if let Some((from, to)) = &scripted
            && let Some(refusal) = Box::pin(self.scripted_end(from, to)).await
        {
            Box::pin(self.scripted_log(from.clone(), to.clone(), false)).await;
            return Answer::No(refusal);
        }
        let mut destinations = std::mem::take(&mut self.destinations);
        let mut with = Vec::new();
        if let Some(ruling) = self.ruling.take() {
            if let Err(refusal) = draft.end_header().await {
                return Answer::No(reply_to(&refusal));
            }
            let ruled = ruling.on_message(&self.service, draft.header(), draft.size(), &self.context.logs);
            let fired = match ruled {
                Ok((places, fired)) => {
                    destinations = places;
                    fired
                }
                Err(reply) => return self.refused_by_rule(reply),
            };
            with =
                fired.into_iter().map(|line| Change::Journal(ruled_row(&draft, return_path.as_ref(), line))).collect();
            if destinations.is_empty() {
                return self.discard(&draft, with).await;
            }
        }
        let params = MailParams { return_path, body, smtputf8, ret, envid };
        match draft.finish(params, destinations, with).await {
            Ok(accepted) => {
                self.pace.mail(Instant::now());
                self.taken += 1;
                self.guard.mail();
                if let Some((from, to)) = scripted {
                    Box::pin(self.scripted_log(from, to, true)).await;
                }
                Answer::Queued(accepted.mail.to_string())
            }
            Err(refusal) => {
                log::info!("smtp: {}: mail refused: {refusal}", self.peer);
                if let Some((from, to)) = scripted {
                    Box::pin(self.scripted_log(from, to, false)).await;
                }
                Answer::No(reply_to(&refusal))
            }
        }
    }

    /// Envelope sender and recipients as scripts get them.
    fn envelope_words(&self, return_path: Option<&Address>) -> (String, Vec<String>) {
        (return_path.map(Address::to_string).unwrap_or_default(), self.recipients.clone())
    }

    /// What a rule has discarded is answered as if it were kept; only the journal knows.
    async fn discard(&mut self, draft: &Draft, with: Vec<Change>) -> Answer {
        self.note(Event::RuleMatched, "discarded");
        match self.context.intake.store.commit(with).await {
            Ok(()) => Answer::Queued(draft.mail_id().to_string()),
            Err(error) => {
                log::error!("smtp: a discarded mail is not in the journal: {error}");
                Answer::No(Reply::temporary())
            }
        }
    }
}

fn ruled_row(draft: &Draft, return_path: Option<&Address>, line: String) -> JournalRow {
    JournalRow {
        at: now_ms(),
        mail: Some(draft.mail_id()),
        event: "ruled".into(),
        from: return_path.map(Address::to_string).unwrap_or_default(),
        to: String::new(),
        detail: line,
    }
}
