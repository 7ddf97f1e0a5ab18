//! Whether a provider lets a collector in.

use super::spoken::Spoken;
use super::{Means, Tried, broken, turn, within};
use crate::config::{Collector, CollectorEncryption, Pop3Authentication};
use crate::proto::pop3::client::{Command, Encryption, Event, Failure, Login, Method, Session};

/// The settings of a collector that are tried.
pub struct Pop3<'a>(pub &'a Collector);

impl Pop3<'_> {
    /// Logs in, counts the messages, and takes none.
    pub async fn test(&self, means: &Means<'_>) -> (Tried, usize) {
        let mut waiting = 0;
        let tried = within(async {
            let mut spoken = Spoken::default();
            let trouble = self.talk(means, &mut spoken, &mut waiting).await.err();
            Tried { trouble, said: spoken.lines() }
        });
        (tried.await, waiting)
    }

    async fn talk(&self, means: &Means<'_>, spoken: &mut Spoken, waiting: &mut usize) -> Result<(), String> {
        let Pop3(collector) = self;
        let host = collector.host.trim();
        let checked = collector.encryption != CollectorEncryption::StlsIfAvailable;
        let mut stream = means.connect(host, collector.port).await?;
        let encryption = match collector.encryption {
            CollectorEncryption::None | CollectorEncryption::Ssl => Encryption::AsIs,
            CollectorEncryption::Stls => Encryption::Required,
            CollectorEncryption::StlsIfAvailable => Encryption::IfAvailable,
        };
        if collector.encryption == CollectorEncryption::Ssl {
            stream = means.encrypt(stream, host, checked).await?;
            spoken.encrypted();
        }
        let login =
            Login { user: collector.login.user.clone(), password: collector.login.password.reveal().to_string() };
        let method = match collector.authentication {
            Pop3Authentication::PlainText => Method::Plain,
            Pop3Authentication::Apop => Method::Apop,
            Pop3Authentication::CramMd5 => Method::CramMd5,
        };
        let mut session = Session::new(encryption, login).with_method(method);
        let mut input: Vec<u8> = Vec::new();
        loop {
            let mut rest = input.as_slice();
            let (mut encrypt, mut over) = (false, false);
            while let Some(event) = session.next(&mut rest).map_err(|failure| words(&failure, host))? {
                match event {
                    Event::StartTls => {
                        encrypt = true;
                        break;
                    }
                    Event::LoggedIn => session.ask(Command::List),
                    Event::Size { .. } => *waiting += 1,
                    Event::Done(Command::List) | Event::Refused(Command::List, _) => session.ask(Command::Quit),
                    Event::Done(Command::Quit) | Event::Refused(Command::Quit, _) => over = true,
                    _ => {}
                }
            }
            let left = rest.len();
            input.drain(..input.len() - left);
            if over {
                return Ok(());
            }
            if encrypt {
                stream = means.encrypt(stream, host, checked).await?;
                spoken.encrypted();
                session.encrypted();
            }
            let output = session.output().to_vec();
            session.wrote(output.len());
            let piece = turn(&mut stream, &output, spoken).await.map_err(|error| broken(host, &error))?;
            input.extend_from_slice(&piece);
        }
    }
}

fn words(failure: &Failure, host: &str) -> String {
    match failure {
        Failure::Login { text, code } if code.is_temporary() => {
            format!("The provider does not let you in at the moment: {text}. Try again in some minutes.")
        }
        Failure::Login { text, .. } => format!(
            "The provider refused name or password. It said: {text}. Check both; some providers want the whole e-mail \
             address as the name, a password made for mail programs, or POP3 to be switched on in their settings first."
        ),
        Failure::Refused(text) => format!("{host} takes no connection at the moment: {text}. Try again later."),
        Failure::NotPop3 => {
            format!("What answers at {host} is no POP3 server. Check the name of the server and the port.")
        }
        Failure::NoStls => {
            format!("{host} offers no encryption by STLS, so no password was sent. Try SSL with port 995.")
        }
        Failure::NotOffered(method) => {
            format!("{host} offers no login by {method}, so no password was sent. Choose plain text with SSL.")
        }
        Failure::BadLogin => "Name or password contain a character that cannot be typed. Enter them again.".into(),
        other => format!("{host} answered something that makes no sense: {other}. Check the port."),
    }
}
