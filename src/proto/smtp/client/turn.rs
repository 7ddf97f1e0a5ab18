//! A session that has a server send us the mail it holds: ETRN (RFC 1985), where it connects to us for that, and ATRN
//! (RFC 2645), where the session itself turns around.
//!
//! One command at a time: greeting, EHLO, STARTTLS and login as the settings want it, then the wish. Never trusts what came
//! before TLS. After [`Outcome::Turned`] the connection is the caller's: the server waits for a greeting on it.

use super::reply::Reader;
use super::{Capabilities, Encryption, Failure, Reply, Settings, auth};

/// What is asked of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Names of domains or queues, each by an ETRN of its own.
    Etrn(Vec<String>),
    /// Mail for these domains, over this connection; empty: for all that are ours.
    Atrn(Vec<String>),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Make the connection encrypted, then call [`TurnSession::encrypted`].
    StartTls,
    Over(Outcome),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It sends now, on a connection of its own making.
    Started,
    /// There is nothing to send.
    Nothing,
    /// Roles are reversed: we are the server on this connection.
    Turned,
    /// In the server's words.
    Refused(Reply),
}

enum Stage {
    Greeting,
    Ehlo,
    StartTls,
    Handshake,
    Auth(auth::Step),
    /// The reply to the ETRN for this name, counted from 0.
    Etrn(usize),
    Atrn,
    Over,
}

pub struct TurnSession {
    settings: Settings,
    wish: Wish,
    stage: Stage,
    encrypted: bool,
    server: Capabilities,
    reader: Reader,
    out: Vec<u8>,
    /// The best that the ETRNs so far have brought.
    so_far: Outcome,
}

impl TurnSession {
    pub fn new(settings: Settings, wish: Wish) -> TurnSession {
        TurnSession {
            encrypted: settings.encryption == Encryption::FromStart,
            settings,
            wish,
            stage: Stage::Greeting,
            server: Capabilities::default(),
            reader: Reader::default(),
            out: Vec::new(),
            so_far: Outcome::Nothing,
        }
    }

    /// Takes what is to be written.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The handshake is done; what was announced in clear is forgotten (RFC 3207 §4.2).
    pub fn encrypted(&mut self) {
        self.encrypted = true;
        self.server = Capabilities::default();
        self.reader = Reader::default();
        self.say_hello();
    }

    /// Bytes of the server, cut anywhere. After a failure or [`Turn::Over`] the session is over.
    pub fn input(&mut self, mut bytes: &[u8]) -> Result<Option<Turn>, Failure> {
        while !bytes.is_empty() && !matches!(self.stage, Stage::Handshake | Stage::Over) {
            let Some(reply) = self.reader.read(&mut bytes)? else { return Ok(None) };
            if let Some(turn) = self.reply(reply)? {
                return Ok(Some(turn));
            }
        }
        Ok(None)
    }

    fn reply(&mut self, reply: Reply) -> Result<Option<Turn>, Failure> {
        if reply.code == 421 {
            return Err(Failure::Closing(reply));
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Greeting if reply.code == 220 => self.say_hello(),
            Stage::Greeting => return Err(Failure::Greeting(reply)),
            Stage::Ehlo if !reply.is_positive() => return Err(Failure::Hello(reply)),
            Stage::Ehlo => {
                self.server = Capabilities::read(&reply);
                return self.greeted();
            }
            Stage::StartTls if reply.code == 220 => {
                self.stage = Stage::Handshake;
                return Ok(Some(Turn::StartTls));
            }
            Stage::StartTls if self.settings.encryption == Encryption::Required => return Err(Failure::Tls(reply)),
            Stage::StartTls => return self.log_in(),
            Stage::Auth(step) => {
                let Some(login) = &self.settings.login else { return Ok(None) };
                let terms = auth::Terms { login, offered: &self.server, encrypted: self.encrypted };
                match auth::proceed(step, reply, terms, &mut self.out)? {
                    Some(step) => self.stage = Stage::Auth(step),
                    None => return Ok(self.ask(0)),
                }
            }
            Stage::Etrn(place) => return Ok(self.started(place, reply)),
            Stage::Atrn => {
                let outcome = match reply.code {
                    250 => Outcome::Turned,
                    453 => Outcome::Nothing,
                    _ => Outcome::Refused(reply),
                };
                if outcome != Outcome::Turned {
                    self.out.extend_from_slice(b"QUIT\r\n");
                }
                return Ok(Some(Turn::Over(outcome)));
            }
            Stage::Handshake | Stage::Over => {}
        }
        Ok(None)
    }

    fn say_hello(&mut self) {
        self.line(&["EHLO ", &self.settings.helo.clone()]);
        self.stage = Stage::Ehlo;
    }

    fn greeted(&mut self) -> Result<Option<Turn>, Failure> {
        match self.settings.encryption {
            Encryption::Required if !self.encrypted && !self.server.starttls => Err(Failure::TlsNotOffered),
            Encryption::Required | Encryption::IfOffered if !self.encrypted && self.server.starttls => {
                self.line(&["STARTTLS"]);
                self.stage = Stage::StartTls;
                Ok(None)
            }
            _ => self.log_in(),
        }
    }

    fn log_in(&mut self) -> Result<Option<Turn>, Failure> {
        let Some(login) = &self.settings.login else { return Ok(self.ask(0)) };
        let terms = auth::Terms { login, offered: &self.server, encrypted: self.encrypted };
        self.stage = Stage::Auth(auth::begin(terms, &mut self.out)?);
        Ok(None)
    }

    /// The ETRN for the name at `place`, or the ATRN.
    fn ask(&mut self, place: usize) -> Option<Turn> {
        match self.wish.clone() {
            Wish::Atrn(domains) => {
                let space = if domains.is_empty() { "" } else { " " };
                self.line(&["ATRN", space, &domains.join(",")]);
                self.stage = Stage::Atrn;
                None
            }
            Wish::Etrn(names) => match names.get(place) {
                Some(name) => {
                    self.line(&["ETRN ", name]);
                    self.stage = Stage::Etrn(place);
                    None
                }
                None => {
                    self.line(&["QUIT"]);
                    self.stage = Stage::Over;
                    Some(Turn::Over(std::mem::replace(&mut self.so_far, Outcome::Nothing)))
                }
            },
        }
    }

    /// RFC 1985 §5.2. One name that is refused does not keep the server from sending for the others.
    fn started(&mut self, place: usize, reply: Reply) -> Option<Turn> {
        match reply.code {
            250 | 252 | 253 => self.so_far = Outcome::Started,
            251 => {}
            _ if self.so_far == Outcome::Nothing => self.so_far = Outcome::Refused(reply),
            _ => {}
        }
        self.ask(place + 1)
    }

    /// Control characters, which no setting has, would make two commands of one.
    fn line(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend(part.bytes().filter(|b| !b.is_ascii_control()));
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::Login;
    use super::*;

    fn session(wish: Wish, encryption: Encryption, login: bool) -> TurnSession {
        let login = login.then(|| Login { user: "tim".into(), password: "tanstaaftanstaaf".into(), mechanism: None });
        TurnSession::new(Settings { helo: "box.example".into(), encryption, login }, wish)
    }

    /// What the server says and what we say to that, in turns.
    fn talk(session: &mut TurnSession, lines: &[(&str, &str)]) -> Option<Turn> {
        let mut last = None;
        for (server, client) in lines {
            last = session.input(format!("{server}\r\n").as_bytes()).unwrap();
            assert_eq!(String::from_utf8(session.take_output()).unwrap().trim_end(), *client, "after {server}");
        }
        last
    }

    fn etrn() -> Wish {
        Wish::Etrn(vec!["a.example".into(), "@b.example".into()])
    }

    #[test]
    fn etrn_for_each_name() {
        for (first, second, outcome) in [
            ("250 OK", "251 no messages", Outcome::Started),
            ("251 none", "253 2 pending", Outcome::Started),
            ("251 none", "251 none", Outcome::Nothing),
            ("458 unable", "252 OK", Outcome::Started),
            ("251 none", "459 not allowed", Outcome::Refused(Reply { code: 459, text: "not allowed".into() })),
        ] {
            let mut session = session(etrn(), Encryption::AsIs, false);
            let last = talk(
                &mut session,
                &[
                    ("220 isp ready", "EHLO box.example"),
                    ("250-isp\r\n250 ETRN", "ETRN a.example"),
                    (first, "ETRN @b.example"),
                    (second, "QUIT"),
                ],
            );
            assert_eq!(last, Some(Turn::Over(outcome)), "{first}, {second}");
        }
    }

    #[test]
    fn atrn_of_the_rfc() {
        let mut session = session(Wish::Atrn(vec!["a.example".into(), "b.example".into()]), Encryption::AsIs, true);
        let last = talk(
            &mut session,
            &[
                ("220 EXAMPLE.NET on-demand mail relay server ready", "EHLO box.example"),
                ("250-EXAMPLE.NET\r\n250-AUTH CRAM-MD5\r\n250 ATRN", "AUTH CRAM-MD5"),
                (
                    "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
                    "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw",
                ),
                ("235 now authenticated", "ATRN a.example,b.example"),
                ("250 OK now reversing the connection", ""),
            ],
        );
        assert_eq!(last, Some(Turn::Over(Outcome::Turned)));
        for (reply, outcome) in [
            ("453 You have no mail", Outcome::Nothing),
            ("450 refused", Outcome::Refused(Reply { code: 450, text: "refused".into() })),
        ] {
            let mut session = TurnSession {
                stage: Stage::Atrn,
                ..super::tests::session(Wish::Atrn(vec![]), Encryption::AsIs, false)
            };
            assert_eq!(talk(&mut session, &[(reply, "QUIT")]), Some(Turn::Over(outcome)));
        }
    }

    #[test]
    fn without_tls_where_it_must_be_nothing_is_said() {
        let mut session = session(Wish::Atrn(Vec::new()), Encryption::Required, true);
        talk(&mut session, &[("220 hi", "EHLO box.example")]);
        assert_eq!(session.input(b"250 AUTH PLAIN\r\n"), Err(Failure::TlsNotOffered));

        let mut session = super::tests::session(Wish::Atrn(Vec::new()), Encryption::Required, true);
        talk(&mut session, &[("220 hi", "EHLO box.example")]);
        session.input(b"250-x\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n").unwrap();
        assert_eq!(session.take_output(), b"STARTTLS\r\n");
        assert_eq!(session.input(b"220 go\r\n250 injected\r\n"), Ok(Some(Turn::StartTls)));
        assert_eq!(session.input(b"235 injected\r\n"), Ok(None));
        session.encrypted();
        assert_eq!(session.take_output(), b"EHLO box.example\r\n");
        assert_eq!(session.input(b"250 x\r\n"), Err(Failure::LoginNotOffered));
    }
}
