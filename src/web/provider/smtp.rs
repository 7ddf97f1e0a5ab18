//! Whether a provider takes mail from us: a session with a real mail in it.

use std::sync::Arc;

use super::spoken::Spoken;
use super::{Means, Tried, broken, turn, within};
use crate::config::{RelayEncryption, RelayHost, Sender};
use crate::mail::date::rfc5322;
use crate::net::now_ms;
use crate::proto::smtp::client::{
    Content, Encryption, Event, Failure, Login, Mail, Recipient, Session, Settings, Verdict,
};
use jiff::tz::TimeZone;

/// The settings of a sender that are tried.
pub struct Smtp<'a> {
    pub sender: &'a Sender,
    pub host: &'a RelayHost,
    /// What is sent.
    pub letter: &'a Letter,
}

/// A test mail; the addresses have been parsed.
pub struct Letter {
    pub from: String,
    pub to: String,
}

impl Letter {
    fn text(&self, host_name: &str) -> Vec<u8> {
        let Letter { from, to } = self;
        let now = now_ms();
        let date = rfc5322(now, &TimeZone::UTC);
        format!(
            "Date: {date}\r\nFrom: Pillarbox <{from}>\r\nTo: <{to}>\r\nSubject: Test mail from Pillarbox\r\n\
             Message-ID: <test.{now}@{host_name}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Auto-Submitted: auto-generated\r\n\r\n\
             This mail was sent by your Pillarbox to test the way through your provider. It works.\r\n"
        )
        .into_bytes()
    }
}

impl Smtp<'_> {
    pub async fn test(&self, means: &Means<'_>) -> Tried {
        within(async {
            let mut spoken = Spoken::default();
            let trouble = self.talk(means, &mut spoken).await.err();
            Tried { trouble, said: spoken.lines() }
        })
        .await
    }

    async fn talk(&self, means: &Means<'_>, spoken: &mut Spoken) -> Result<(), String> {
        let host = self.host.host.trim();
        let checked = self.sender.encryption != RelayEncryption::StarttlsIfAvailable;
        let mut stream = means.connect(host, self.host.port).await?;
        let encryption = match self.sender.encryption {
            RelayEncryption::None => Encryption::AsIs,
            RelayEncryption::Ssl => Encryption::FromStart,
            RelayEncryption::Starttls => Encryption::Required,
            RelayEncryption::StarttlsIfAvailable => Encryption::IfOffered,
        };
        if self.sender.encryption == RelayEncryption::Ssl {
            stream = means.encrypt(stream, host, checked).await?;
            spoken.encrypted();
        }
        let login = self.sender.login.as_ref().filter(|login| !login.user.is_empty());
        let login = login.map(|login| Login {
            user: login.user.clone(),
            password: login.password.reveal().to_string(),
            mechanism: self.sender.login_method.mechanism(),
        });
        let helo = match self.sender.helo_name.as_str() {
            "" => means.config.general.host_name.clone(),
            name => name.to_string(),
        };
        let mut session = Session::new(Settings { helo, encryption, login });
        loop {
            while let Some(event) = session.event() {
                match event {
                    Event::StartTls => {
                        stream = means.encrypt(stream, host, checked).await?;
                        spoken.encrypted();
                        session.encrypted();
                    }
                    Event::Ready => self.begin(&mut session, means)?,
                    Event::Finished { verdicts, .. } => {
                        // Decided: what is said to the QUIT changes nothing.
                        session.quit();
                        let output = session.output().to_vec();
                        let _ = turn(&mut stream, &output, spoken).await;
                        return judged(verdicts.first(), host);
                    }
                    Event::Untouched { .. } => {}
                    Event::Ended(failure) => return Err(words(&failure, host)),
                }
            }
            let output = session.output().to_vec();
            session.written(output.len());
            let piece = turn(&mut stream, &output, spoken).await.map_err(|error| broken(host, &error))?;
            session.input(&piece);
        }
    }

    fn begin(&self, session: &mut Session, means: &Means<'_>) -> Result<(), String> {
        let content: Arc<[u8]> = self.letter.text(&means.config.general.host_name).into();
        let return_path = match self.sender.return_address.as_str() {
            "" => self.letter.from.as_str(),
            address => address,
        };
        let mail =
            Mail { return_path, size: content.len() as u64, eight_bit: false, smtputf8: false, ret: None, envid: None };
        let recipient = Recipient { address: &self.letter.to, notify: None, orcpt: None };
        let begun = session.begin(1, &mail, std::iter::once(recipient), Content::Whole(content));
        begun.map_err(|error| format!("The provider cannot take the test mail: {error}."))
    }
}

fn judged(verdict: Option<&Verdict>, host: &str) -> Result<(), String> {
    let reply = match verdict {
        Some(Verdict::Accepted(_)) => return Ok(()),
        Some(Verdict::Refused(reply)) => format!("{host} refused the test mail: {} {}", reply.code, reply.text),
        Some(Verdict::Deferred(reply)) => {
            return Err(format!(
                "{host} does not take mail at the moment: {} {}. Try again later.",
                reply.code, reply.text
            ));
        }
        Some(Verdict::Unanswered(why)) => format!("{host} {why}"),
        Some(Verdict::Surplus) | None => format!("{host} did not decide on the test mail"),
    };
    Err(format!("{reply}. Many providers take only mail whose sender address belongs to the login: check both."))
}

fn words(failure: &Failure, host: &str) -> String {
    match failure {
        Failure::Login(reply) => format!(
            "The provider refused name or password. It said: {} {}. Check both; some providers want the whole e-mail \
             address as the name, or a password made for mail programs.",
            reply.code, reply.text
        ),
        Failure::TlsNotOffered => format!("{host} offers no STARTTLS, so no password was sent. Try SSL with port 465."),
        Failure::LoginNotOffered => {
            format!("{host} offers no login here. Try STARTTLS with port 587, or SSL with port 465.")
        }
        other => format!("{host} {other}. Check the name of the server, the port, and the encryption."),
    }
}
