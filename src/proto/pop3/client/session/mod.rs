//! The session: which reply belongs to which command, and what follows from it.

mod answer;
mod opening;

use std::collections::VecDeque;
use std::io::Write;

use super::body::{Piece, Unstuffer};
use super::reply::{self, Status};
use super::{Capabilities, Failure, ResponseCode};

/// Lines of one list that are read at most.
const MAX_LINES: u32 = 2_000_000;

/// How the session is to be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// None, or the stream is encrypted already.
    AsIs,
    /// STLS before the login, or no login.
    Required,
    /// STLS where it is offered.
    IfAvailable,
}

/// How the password is proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// In clear, by USER and PASS or `AUTH PLAIN`, whichever the server offers.
    #[default]
    Plain,
    /// A digest with the timestamp of the greeting (RFC 1939 §7).
    Apop,
    /// A digest with a challenge (RFC 2195). Never falls back to the password in clear, nor does APOP.
    CramMd5,
}

/// Never printed.
#[derive(Clone)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// What a caller may ask for once logged in. Numbers are those of the listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Uidl,
    List,
    Retr(u32),
    /// The header.
    Top(u32),
    Dele(u32),
    Quit,
}

/// What the server's bytes mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// Do the handshake now, then call [`Session::encrypted`]. Bytes that came before it are gone.
    StartTls,
    LoggedIn,
    Uid {
        number: u32,
        uid: &'b [u8],
    },
    Size {
        number: u32,
        size: u64,
    },
    /// Message (or header) bytes, the next of this command's answer.
    Body(Command, &'b [u8]),
    /// The command is done; a multi-line answer has come to its end.
    Done(Command),
    /// `-ERR`, in the server's words.
    Refused(Command, String),
}

/// Whose reply comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Greeting,
    Capa,
    Stls,
    User,
    Pass,
    Plain,
    /// The response alone, after `+`.
    PlainResponse,
    Apop,
    CramMd5,
    /// The answer to the challenge.
    CramMd5Response,
    Command(Command),
}

/// The multi-line answer that is coming in.
#[derive(Clone, Copy, Debug)]
enum Inside {
    Capa,
    Listing(Command),
    Message(Command, Unstuffer),
}

pub struct Session {
    encryption: Encryption,
    login: Login,
    method: Method,
    /// Of the greeting, for APOP. Came in clear where STLS follows; it is no secret and decides nothing.
    timestamp: Option<String>,
    capabilities: Capabilities,
    /// Commands not yet written.
    waiting: VecDeque<Expected>,
    /// Commands written and not yet answered, oldest first.
    expected: VecDeque<Expected>,
    inside: Option<Inside>,
    /// Lines the listing or capability list has brought so far.
    lines: u32,
    out: Vec<u8>,
    handshake: bool,
}

impl Session {
    /// A session that waits for its greeting.
    pub fn new(encryption: Encryption, login: Login) -> Session {
        Session {
            encryption,
            login,
            method: Method::default(),
            timestamp: None,
            capabilities: Capabilities::default(),
            waiting: VecDeque::new(),
            expected: VecDeque::from([Expected::Greeting]),
            inside: None,
            lines: 0,
            out: Vec::new(),
            handshake: false,
        }
    }

    /// Before the greeting has come.
    pub fn with_method(self, method: Method) -> Session {
        Session { method, ..self }
    }

    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Asked for and not yet answered.
    pub fn in_flight(&self) -> usize {
        self.waiting.len() + self.expected.len() + usize::from(self.inside.is_some())
    }

    pub fn ask(&mut self, command: Command) {
        self.send(Expected::Command(command));
    }

    /// What is to be written; [`Session::wrote`] takes it off.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    pub fn wrote(&mut self, bytes: usize) {
        self.out.drain(..bytes.min(self.out.len()));
    }

    /// The handshake of [`Event::StartTls`] is done: what was announced in clear is forgotten (RFC 2595 §4).
    pub fn encrypted(&mut self) {
        self.handshake = false;
        self.encryption = Encryption::AsIs;
        self.capabilities = Capabilities::default();
        self.send(Expected::Capa);
    }

    /// Takes bytes off the front of `input` until they mean something to the caller. `None`: more must come; at most
    /// [`super::MAX_LINE`] bytes are left in `input` and belong in front of it. After a failure the session is over.
    pub fn next<'b>(&mut self, input: &mut &'b [u8]) -> Result<Option<Event<'b>>, Failure> {
        loop {
            let event = match self.inside {
                _ if self.handshake => return Ok(None),
                Some(Inside::Message(command, body)) => match self.message(command, body, input) {
                    None => return Ok(None),
                    event => event,
                },
                inside => {
                    let Some(line) = reply::take(input)? else { return Ok(None) };
                    match inside {
                        Some(Inside::Capa) => self.capability(line.text)?,
                        Some(Inside::Listing(command)) => self.listing(command, line.text)?,
                        _ => self.reply(line)?,
                    }
                }
            };
            if self.handshake {
                *input = &[];
            }
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn message<'b>(&mut self, command: Command, mut body: Unstuffer, input: &mut &'b [u8]) -> Option<Event<'b>> {
        match body.next(input) {
            Piece::Wait => None,
            Piece::Bytes(bytes) => {
                self.inside = Some(Inside::Message(command, body));
                Some(Event::Body(command, bytes))
            }
            Piece::End => Some(self.done(command)),
        }
    }

    fn capability<'b>(&mut self, line: &[u8]) -> Result<Option<Event<'b>>, Failure> {
        if line != b"." {
            self.count_line()?;
            self.capabilities.line(line);
            return Ok(None);
        }
        self.inside = None;
        self.announced()?;
        Ok(None)
    }

    fn listing<'b>(&mut self, command: Command, line: &'b [u8]) -> Result<Option<Event<'b>>, Failure> {
        if line == b"." {
            return Ok(Some(self.done(command)));
        }
        self.count_line()?;
        Ok(reply::listing(line).and_then(|(number, value)| match command {
            Command::Uidl => Some(Event::Uid { number, uid: value }),
            _ => reply::decimal(value).map(|size| Event::Size { number, size }),
        }))
    }

    fn count_line(&mut self) -> Result<(), Failure> {
        self.lines += 1;
        if self.lines > MAX_LINES { Err(Failure::EndlessList) } else { Ok(()) }
    }

    fn done<'b>(&mut self, command: Command) -> Event<'b> {
        self.inside = None;
        self.pump();
        Event::Done(command)
    }

    fn reply<'b>(&mut self, line: reply::Line<'b>) -> Result<Option<Event<'b>>, Failure> {
        let unexpected = || Failure::Unexpected(reply::words(line.text));
        let Some(to) = self.expected.pop_front() else { return Err(unexpected()) };
        let event = match (to, reply::status(line.text)) {
            (Expected::Greeting, None) => return Err(Failure::NotPop3),
            (Expected::Greeting, Some(Status::Ok(text))) => {
                if self.method == Method::Apop {
                    self.timestamp = answer::timestamp(text);
                }
                self.send(Expected::Capa);
                None
            }
            (Expected::Greeting, Some(Status::Err(text))) => return Err(Failure::Refused(reply::words(text))),
            (Expected::Capa, Some(Status::Ok(_))) => {
                self.capabilities = Capabilities { known: true, ..Capabilities::default() };
                self.lines = 0;
                self.inside = Some(Inside::Capa);
                None
            }
            (Expected::Capa, Some(Status::Err(_))) => {
                self.announced()?;
                None
            }
            (Expected::Stls, Some(Status::Ok(_))) => {
                self.handshake = true;
                Some(Event::StartTls)
            }
            (Expected::Stls, Some(Status::Err(_))) => {
                self.unprotected()?;
                None
            }
            (Expected::User, Some(Status::Ok(_))) => None,
            (to, Some(Status::Ok(_))) if to.ends_login() => Some(Event::LoggedIn),
            (to, Some(Status::Err(text))) if to == Expected::User || to.ends_login() || to == Expected::CramMd5 => {
                let text = reply::words(text);
                return Err(Failure::Login { code: ResponseCode::of(&text), text });
            }
            (Expected::Plain, Some(Status::More(_))) => {
                self.answer(Expected::PlainResponse, answer::plain(&self.login));
                None
            }
            (Expected::CramMd5, Some(Status::More(challenge))) => {
                let answer = answer::cram_md5(&self.login, challenge).ok_or_else(unexpected)?;
                self.answer(Expected::CramMd5Response, answer);
                None
            }
            (Expected::Command(command), Some(Status::Ok(_))) => self.accepted(command, line.bare_lf),
            (Expected::Command(command), Some(Status::Err(text))) => Some(Event::Refused(command, reply::words(text))),
            (_, _) => return Err(unexpected()),
        };
        self.pump();
        Ok(event)
    }

    fn accepted<'b>(&mut self, command: Command, bare_lf: bool) -> Option<Event<'b>> {
        self.lines = 0;
        self.inside = Some(match command {
            Command::Dele(_) | Command::Quit => return Some(Event::Done(command)),
            Command::Uidl | Command::List => Inside::Listing(command),
            Command::Retr(_) | Command::Top(_) => Inside::Message(command, Unstuffer::new(bare_lf)),
        });
        None
    }

    fn send(&mut self, command: Expected) {
        self.waiting.push_back(command);
        self.pump();
    }

    /// Writes what may be written now.
    fn pump(&mut self) {
        while self.capabilities.pipelining || (self.expected.is_empty() && self.inside.is_none()) {
            let Some(command) = self.waiting.pop_front() else { return };
            // Nothing may be written between STLS and the handshake.
            if self.handshake {
                self.waiting.push_front(command);
                return;
            }
            self.write(command);
            self.expected.push_back(command);
        }
    }

    /// Goes on with a SASL exchange at once.
    fn answer(&mut self, awaited: Expected, response: String) {
        self.out.extend_from_slice(response.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self.expected.push_front(awaited);
    }

    fn write(&mut self, command: Expected) {
        let command = match command {
            Expected::Command(command) => command,
            other => return self.write_opening(other),
        };
        let out = &mut self.out;
        // Writing to a vector cannot fail.
        let _ = match command {
            Command::Uidl => out.write_all(b"UIDL\r\n"),
            Command::List => out.write_all(b"LIST\r\n"),
            Command::Retr(number) => write!(out, "RETR {number}\r\n"),
            Command::Top(number) => write!(out, "TOP {number} 0\r\n"),
            Command::Dele(number) => write!(out, "DELE {number}\r\n"),
            Command::Quit => out.write_all(b"QUIT\r\n"),
        };
    }
}

impl Expected {
    /// A positive reply means that we are in.
    fn ends_login(self) -> bool {
        use Expected::{Apop, CramMd5Response, Pass, Plain, PlainResponse};
        matches!(self, Pass | Plain | PlainResponse | Apop | CramMd5Response)
    }
}
