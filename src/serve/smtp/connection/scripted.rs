//! `SMTPSVR.LUA` in a session (spec lua-hooks §6): between what the service has decided and what the client hears.
//!
//! Functions return a reply with its code, or nothing for the usual one. An error refuses the command; a good reply only
//! changes the words. Sessions without a script never come here.

use super::Connection;
use crate::config::{AntiRelay, Authentication};
use crate::hooks::Script;
use crate::hooks::datum::Named;
use crate::hooks::declare::Hook;
use crate::hooks::scripts::smtp_server::*;
use crate::mail::{Address, Recipient};
use crate::proto::smtp::server::{Answer, Moment, Reply};

impl Connection {
    /// Opens the script, and greets as it says.
    pub(super) async fn start_script(&mut self) {
        let hooks = self.context.intake.hooks.clone();
        let (session, control) = (self.session_globals(), self.control_globals());
        let Some(mut script) = hooks.open(Script::SmtpServer, None, session).await else { return };
        script.set(control);
        script.set(RblGlobals { check_rbl: Some(!self.looked_up) });
        self.script = Some(Box::new(script));
        self.session.scripted();
        if let Some(lines) = self.said::<Start, _>(Start {}, |back| back.reply).await {
            self.session.greet_with(lines);
        }
        if let Some(script) = &mut self.script
            && let Some(RblGlobals { check_rbl: Some(false) }) = script.globals().await
        {
            self.looked_up = true;
        }
    }

    pub(super) async fn end_script(&mut self) {
        if let Some(script) = &mut self.script {
            script.call(End {}).await;
        }
    }

    fn session_globals(&self) -> SessionGlobals {
        SessionGlobals {
            ip_address: Some(self.peer.to_string()),
            server_id: Some(self.service.id.into()),
            server_name: Some(self.service.name.clone()),
            encryption: Some(self.wire.encryption().is_some()),
            encryption_details: Some(self.wire.encryption().unwrap_or_default()),
            authentication_required: Some(self.service.authentication == Authentication::Required && !self.trusted),
            authenticated_user: Some(self.session.login().unwrap_or_default().to_string()),
            rbl_result_info: Some(Named(
                self.listed.iter().map(|list| (list.to_string(), "listed".to_string())).collect(),
            )),
        }
    }

    fn control_globals(&self) -> ControlGlobals {
        let by_address = self.service.anti_relay == AntiRelay::ClientAddress;
        ControlGlobals {
            valid_client_address: Some(self.trusted),
            local_client_address: Some(self.trusted && by_address),
            force_disconnect: Some(false),
        }
    }

    /// Calls a function, and does what the variables say after it.
    async fn called<H: Hook>(&mut self, arguments: H) -> H::Returned {
        let (session, control) = (self.session_globals(), self.control_globals());
        let before = control.clone();
        let Some(script) = self.script.as_mut().filter(|script| script.defines::<H>()) else {
            return H::Returned::default();
        };
        script.set(session);
        script.set(control);
        let (returned, globals) = script.call_reading::<H, ControlGlobals>(arguments).await;
        let globals = globals.unwrap_or_default();
        if globals.force_disconnect == Some(true) {
            self.session.disconnect();
        }
        let changed = |now: Option<bool>, before: Option<bool>| now.filter(|_| now != before);
        let valid = changed(globals.valid_client_address, before.valid_client_address);
        let local = changed(globals.local_client_address, before.local_client_address);
        if let Some(trusted) = valid.or(local) {
            self.trusted = trusted;
        }
        returned
    }

    /// What a function says, if it is a reply.
    async fn said<H: Hook, F>(&mut self, arguments: H, reply: F) -> Option<Vec<Reply>>
    where
        F: FnOnce(H::Returned) -> Option<String>,
    {
        let text = reply(self.called(arguments).await)?;
        let lines = Reply::by_script(&text);
        if lines.is_none() && !text.trim().is_empty() {
            log::warn!("smtp: SMTPSVR.LUA {}: {text:?} is no reply", H::FUNCTION.name);
        }
        lines
    }

    pub(super) async fn scripted_results(&mut self) -> Option<Answer> {
        let lines = self.said::<RblResults, _>(RblResults {}, |back| back.reply).await?;
        let refusal = refusal(&lines)?;
        self.session.disconnect();
        Some(Answer::No(refusal))
    }

    pub(super) async fn scripted_command(&mut self, moment: Moment) -> Answer {
        let lines = match moment {
            Moment::Hello { name, extended } => return self.scripted_hello(name, extended).await,
            Moment::Help => self.said::<DoHelp, _>(DoHelp {}, |back| back.reply).await,
            Moment::Quit => self.said::<DoQuit, _>(DoQuit {}, |back| back.reply).await,
            Moment::Noop => self.said::<DoNoop, _>(DoNoop {}, |back| back.reply).await,
            Moment::Reset => self.said::<DoRset, _>(DoRset {}, |back| back.reply).await,
            Moment::Unknown(line) => {
                let call = DoUnrecognised { line, response: "500 5.5.2 Unknown command".into() };
                self.said(call, |back| back.reply).await
            }
        };
        answered(Answer::Yes, lines)
    }

    async fn scripted_hello(&mut self, name: String, extended: bool) -> Answer {
        let current = i64::try_from(self.session.max_size()).unwrap_or(i64::MAX);
        let size = self.called(GetMaxMessageSize { current }).await.size;
        if let Some(size) = size.and_then(|size| u64::try_from(size).ok()) {
            self.session.limit_size(size);
        }
        let offered = self.session.offered();
        let host = offered.first().cloned().unwrap_or_default();
        let response = match offered.split_last() {
            Some((last, lines)) if extended => {
                lines.iter().map(|line| format!("250-{line}\r\n")).collect::<String>() + "250 " + last
            }
            _ => format!("250 {host}"),
        };
        let said = self.said(DoHelo { name, response }, |back| back.reply).await;
        if said.is_some() || !extended {
            return answered(Answer::Yes, said);
        }
        let capabilities = offered.get(1..).unwrap_or_default().to_vec();
        let Some(wanted) = self.called(GetEhloCapabilities { capabilities }).await.capabilities else {
            return Answer::Yes;
        };
        // Left out may be anything; what we cannot do is not offered.
        let kept = offered.iter().skip(1).filter(|line| wanted.contains(line));
        let lines: Vec<Reply> = [&host].into_iter().chain(kept).map(|line| Reply::offer(line)).collect();
        Answer::Say(lines)
    }

    pub(super) async fn scripted_mail(&mut self, return_path: Option<Address>, answer: Answer) -> Answer {
        if !matches!(answer, Answer::Yes) {
            return answer;
        }
        let address = return_path.as_ref().map(Address::to_string).unwrap_or_default();
        let call = DoMailFrom { address, response: "250 2.1.0 Sender ok".into() };
        let lines = self.said(call, |back| back.reply).await;
        answered(answer, lines)
    }

    pub(super) async fn scripted_recipient(&mut self, recipient: Recipient) -> Answer {
        let address = recipient.address.clone();
        let destinations = match self.check_recipient(recipient) {
            Ok(destinations) => destinations,
            Err(reply) => return Answer::No(reply),
        };
        let call = DoRcptTo { address: address.to_string(), response: "250 2.1.5 Recipient ok".into() };
        let lines = self.said(call, |back| back.reply).await;
        if let Some(refusal) = lines.as_deref().and_then(refusal) {
            return Answer::No(refusal);
        }
        let word = address.to_string();
        let answer = self.take_recipient(address, destinations);
        if matches!(answer, Answer::Yes) {
            self.recipients.push(word);
        }
        answered(answer, lines)
    }

    /// `Some`: the message is refused.
    pub(super) async fn scripted_data(&mut self) -> Option<Reply> {
        let lines = self.said(DoDataStart {}, |back| back.reply).await?;
        refusal(&lines)
    }

    pub(super) async fn scripted_words(&mut self, verify: bool, lines: Vec<Reply>) -> Answer {
        if self.script.is_none() {
            return Answer::Say(lines);
        }
        let recipients = lines.iter().filter(|line| !line.is_error()).map(|line| line.text().to_string()).collect();
        let response = lines.first().map(|line| format!("{} {}", line.code(), line.text())).unwrap_or_default();
        let said = match verify {
            true => self.said(DoVrfy { recipients, response }, |back| back.reply).await,
            false => self.said(DoExpn { recipients, response }, |back| back.reply).await,
        };
        Answer::Say(said.unwrap_or(lines))
    }

    /// Before the message is kept: `Some` refuses it.
    pub(super) async fn scripted_end(&mut self, mail_from: &str, recipients: &[String]) -> Option<Reply> {
        self.called(EndMessage {}).await;
        let call = CheckRecipients { mail_from: mail_from.into(), recipients: recipients.to_vec() };
        let lines = self.said(call, |back| back.reply).await?;
        refusal(&lines)
    }

    /// After the message was kept or refused: what the log says.
    pub(super) async fn scripted_log(&mut self, mail_from: String, recipients: Vec<String>, taken: bool) {
        let line = match taken {
            true => self.called(LogRecipients { mail_from, recipients }).await.line,
            false => self.called(LogRecipientsBlocked { mail_from, recipients }).await.line,
        };
        if let Some(line) = line.filter(|line| !line.is_empty()) {
            self.context.logs.write("smtp-recipients.log", &line);
        }
    }
}

/// The refusal in a reply, if it is one.
fn refusal(lines: &[Reply]) -> Option<Reply> {
    lines.last().filter(|line| line.is_error()).cloned()
}

/// What the client hears of a command that is taken.
fn answered(answer: Answer, lines: Option<Vec<Reply>>) -> Answer {
    match (answer, lines) {
        (Answer::Yes, Some(lines)) => match refusal(&lines) {
            Some(refusal) => Answer::No(refusal),
            None if lines.iter().all(|line| (200..300).contains(&line.code())) => Answer::Say(lines),
            None => Answer::Yes,
        },
        (answer, _) => answer,
    }
}
