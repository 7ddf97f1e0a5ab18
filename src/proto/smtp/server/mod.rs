//! The server's side of SMTP as a session without a socket: bytes in; bytes, message text and questions out.
//!
//! The shell feeds what it has read ([`Session::feed`]) and does what the step says: write [`Session::output`], read
//! on, keep text, or find an answer and give it back ([`Session::answer`]). Cutting the input differently changes
//! nothing but the cuts of the text.
//!
//! Promises: every command gets one reply, in order; commands that come in one read are answered in one write; only
//! CR LF "." CR LF ends `DATA`; a refused message is read to its end before anything is taken for a command again.
//! Never asks a clock, a random source or the configuration.
//!
//! RFC 5321; extensions: PIPELINING (2920), SIZE (1870), 8BITMIME (6152), SMTPUTF8 (6531), CHUNKING (3030),
//! ENHANCEDSTATUSCODES (2034), DSN (3461), STARTTLS (3207), AUTH (4954).

mod auth;
mod body;
mod path;
mod proceed;
mod reply;
mod text;
mod verbs;

use memchr::memchr;

pub use auth::Claim;
pub use path::Mail;
pub use reply::Reply;
pub use verbs::Hello;

use crate::mail::{Address, Recipient};
use auth::{Exchange, Turn};
use body::{Body, Piece};
use verbs::Verb;

/// Longest command line with its CRLF, bytes: 512, and what the extensions add (RFC 5321 §4.5.3.1.4).
const MAX_LINE: usize = 2048;
/// Longest line of a login (RFC 4954 §4).
const MAX_LOGIN_LINE: usize = 12_288;
/// Replies gathered before they are written though more commands wait.
const FLUSH: usize = 16 * 1024;
/// An emptied output buffer up to this size is kept.
const KEEP: usize = 512;
/// Failed logins a session may have.
const MAX_LOGIN_FAILURES: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginPolicy {
    Off,
    Optional,
    /// Needed for mail.
    Required,
}

/// What the service decides, and what holds for this client.
#[derive(Clone, Debug)]
pub struct Settings {
    pub host_name: String,
    /// Bytes, 0 is no limit.
    pub max_size: u64,
    pub max_recipients: u32,
    /// The session ends at this many errors without a mail taken between them.
    pub max_errors: u32,
    /// Offer STARTTLS.
    pub starttls: bool,
    /// Encryption before mail and login.
    pub require_tls: bool,
    /// Encrypted from the first byte.
    pub encrypted: bool,
    pub login: LoginPolicy,
    /// This client may send a password without encryption.
    pub clear_login: bool,
    pub cram_md5: bool,
    pub dsn: bool,
    /// No recipients with `%`.
    pub refuse_percent: bool,
}

/// How much of the input was used, and what comes next.
#[derive(Debug)]
pub struct Step<'a> {
    pub used: usize,
    pub next: Next<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Write the output, then feed what is left with more behind it.
    Read,
    /// Write the output, then feed what is left.
    Write,
    /// Find the answer and give it, then feed what is left. The output may wait.
    Ask(Request),
    /// Text of the message, without stuffing. [`Session::refuse_body`] when it cannot be kept.
    Text(&'a [u8]),
    /// The message that has begun will not be completed.
    Abandon,
    /// Write the output and encrypt, then [`Session::encrypted`]. What was read before is dropped.
    StartTls,
    /// Write the output and close.
    Close,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// May a mail with this return path and size come? Recipients start anew.
    Mail { return_path: Option<Address>, size: Option<u64> },
    /// Is this recipient taken?
    Recipient(Recipient),
    /// The text follows.
    Begin,
    /// The text is complete: keep the mail for good.
    Commit(Mail),
    /// A fresh challenge for CRAM-MD5 ([`Answer::Challenge`]).
    Challenge,
    /// Who is it? ([`Answer::LoggedIn`])
    Login(Claim),
}

/// To a [`Request`].
#[derive(Debug)]
pub enum Answer {
    Yes,
    No(Reply),
    /// The mail is kept, under this name.
    Queued(String),
    Challenge(String),
    LoggedIn(String),
}

/// Why there is no more input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Gone,
    TimedOut,
    Stopping,
}

pub struct Session {
    settings: Settings,
    output: Vec<u8>,
    state: State,
    encrypted: bool,
    hello: Option<Hello>,
    login: Option<String>,
    transaction: Option<Transaction>,
    errors: u32,
    login_failures: u32,
}

/// A mail that is announced.
struct Transaction {
    mail: Mail,
    /// Taken ones.
    recipients: u32,
    /// The message between two chunks.
    chunks: Option<Body>,
}

enum State {
    Command,
    /// In a line that is too long.
    LongLine,
    Login(Exchange),
    Data(Body),
    Chunk {
        left: u64,
        size: u64,
        last: bool,
        body: Body,
    },
    Asked(Question),
    Closed,
}

/// What an answer is waited for, with what will be needed then.
enum Question {
    Mail(Mail),
    Recipient,
    Data,
    Chunk { size: u64, last: bool },
    Commit,
    Challenge,
    Login,
}

impl Session {
    /// The greeting is in the output.
    pub fn new(settings: Settings) -> Session {
        let mut output = Vec::new();
        Reply::greeting(&settings.host_name).write_to(&mut output);
        Session {
            encrypted: settings.encrypted,
            settings,
            output,
            state: State::Command,
            hello: None,
            login: None,
            transaction: None,
            errors: 0,
            login_failures: 0,
        }
    }

    /// Replies that wait to be written.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// The output has been written.
    pub fn clear_output(&mut self) {
        self.output.clear();
        if self.output.capacity() > KEEP {
            self.output = Vec::new();
        }
    }

    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Login name.
    pub fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// The word for `with` in a Received line (RFC 3848, RFC 6531 §4.3).
    pub fn protocol(&self) -> &'static str {
        let utf8 = self.transaction.as_ref().is_some_and(|transaction| transaction.mail.smtputf8);
        if !utf8 && self.hello.as_ref().is_some_and(|hello| !hello.extended) {
            return "SMTP";
        }
        match (utf8, self.encrypted, self.login.is_some()) {
            (false, false, false) => "ESMTP",
            (false, false, true) => "ESMTPA",
            (false, true, false) => "ESMTPS",
            (false, true, true) => "ESMTPSA",
            (true, false, false) => "UTF8SMTP",
            (true, false, true) => "UTF8SMTPA",
            (true, true, false) => "UTF8SMTPS",
            (true, true, true) => "UTF8SMTPSA",
        }
    }

    /// Something is going on that should come to its end before the program stops.
    pub fn is_busy(&self) -> bool {
        self.transaction.is_some() || !matches!(self.state, State::Command | State::LongLine | State::Closed)
    }

    /// Takes the input from its beginning on. Not to be called between [`Next::Ask`] and its answer.
    pub fn feed<'a>(&mut self, input: &'a [u8]) -> Step<'a> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let (count, next) = self.advance(rest);
            used += count;
            if let Some(next) = next {
                return Step { used, next };
            }
            if self.output.len() >= FLUSH {
                return Step { used, next: Next::Write };
            }
        }
    }

    /// The read has ended; what is left to say is in the output.
    pub fn end(&mut self, end: End) {
        match end {
            End::Gone => {}
            End::TimedOut => self.say(&Reply::timed_out()),
            End::Stopping => self.say(&Reply::stopping()),
        }
        self.state = State::Closed;
    }

    /// Text of the message could not be kept: the rest is read and dropped, then `reply` is given.
    pub fn refuse_body(&mut self, reply: Reply) {
        if let State::Data(body) | State::Chunk { body, .. } = &mut self.state {
            body.refuse(reply);
        }
    }

    /// The handshake is done. All that was said before is forgotten (RFC 3207 §4.2).
    pub fn encrypted(&mut self) {
        self.encrypted = true;
        self.hello = None;
        self.login = None;
        self.transaction = None;
        self.state = State::Command;
    }

    fn advance<'a>(&mut self, rest: &'a [u8]) -> (usize, Option<Next<'a>>) {
        match &mut self.state {
            State::Command | State::Login(_) => self.line(rest),
            State::LongLine => self.long_line(rest),
            State::Data(body) => {
                let (used, piece) = body.take(rest, self.settings.max_size);
                (used, self.piece(piece))
            }
            State::Chunk { left, body, .. } => {
                let within = rest.get(..usize::try_from(*left).unwrap_or(usize::MAX)).unwrap_or(rest);
                let (used, piece) = body.take(within, self.settings.max_size);
                *left -= used as u64;
                let over = *left == 0 && matches!(piece, Piece::More);
                (used, if over { self.chunk_over() } else { self.piece(piece) })
            }
            // Out of turn; nothing is used, so that the caller sees that it has not answered.
            State::Asked(_) => (0, Some(Next::Write)),
            State::Closed => (rest.len(), Some(Next::Close)),
        }
    }

    fn piece<'a>(&mut self, piece: Piece<'a>) -> Option<Next<'a>> {
        match piece {
            Piece::Text(text) => Some(Next::Text(text)),
            Piece::Refused => Some(Next::Abandon),
            Piece::End => self.body_over(),
            Piece::More => Some(Next::Read),
        }
    }

    fn line<'a>(&mut self, rest: &'a [u8]) -> (usize, Option<Next<'a>>) {
        let long = matches!(self.state, State::Login(_))
            || rest.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH "));
        let limit = if long { MAX_LOGIN_LINE } else { MAX_LINE };
        let Some(end) = memchr(b'\n', rest) else {
            if rest.len() <= limit {
                return (0, Some(Next::Read));
            }
            self.state = State::LongLine;
            return (rest.len(), None);
        };
        let used = end + 1;
        if used > limit {
            self.state = State::LongLine;
            return (end, None);
        }
        let line = rest.get(..end).unwrap_or_default();
        let next = match line.strip_suffix(b"\r") {
            Some(line) if memchr(b'\r', line).is_none() => match std::str::from_utf8(line) {
                Ok(line) => self.understood(line),
                Err(_) => self.misunderstood(Reply::not_text()),
            },
            _ => self.misunderstood(Reply::bare_line_end()),
        };
        if matches!(next, Some(Next::StartTls)) {
            // Whatever came in clear behind the command is not the client's (RFC 3207 §6).
            return (rest.len(), next);
        }
        (used, next)
    }

    fn long_line<'a>(&mut self, rest: &'a [u8]) -> (usize, Option<Next<'a>>) {
        let Some(end) = memchr(b'\n', rest) else { return (rest.len(), Some(Next::Read)) };
        (end + 1, self.misunderstood(Reply::line_too_long()))
    }

    fn misunderstood(&mut self, reply: Reply) -> Option<Next<'static>> {
        self.state = State::Command;
        self.refuse(reply)
    }

    fn understood(&mut self, line: &str) -> Option<Next<'static>> {
        if let State::Login(exchange) = std::mem::replace(&mut self.state, State::Command) {
            return match auth::respond(exchange, line) {
                Ok(turn) => self.turn(turn),
                Err(reply) => self.refuse(reply),
            };
        }
        let (word, argument) = line.split_once(' ').unwrap_or((line, ""));
        let Some(verb) = Verb::by_word(word) else {
            if verbs::is_web(word) {
                return self.close(&Reply::no_web_server());
            }
            return self.refuse(Reply::unknown_command());
        };
        let checked = verb.may_come(self).and_then(|()| (verb.check)(self, argument.trim_ascii()));
        match checked {
            Ok(command) => self.proceed(command),
            Err(reply) => self.refuse(reply),
        }
    }

    fn may_mail(&self) -> bool {
        self.settings.login != LoginPolicy::Required || self.login.is_some()
    }

    fn may_show_password(&self) -> bool {
        self.encrypted || self.settings.clear_login
    }

    fn say(&mut self, reply: &Reply) {
        reply.write_to(&mut self.output);
    }

    /// Says `reply`, an error, and counts it.
    fn refuse(&mut self, reply: Reply) -> Option<Next<'static>> {
        self.say(&reply);
        self.errors += 1;
        if reply == Reply::bad_chunk() {
            self.state = State::Closed;
            return Some(Next::Close);
        }
        if self.errors >= self.settings.max_errors {
            return self.close(&Reply::too_many_errors());
        }
        None
    }

    fn close(&mut self, reply: &Reply) -> Option<Next<'static>> {
        self.say(reply);
        self.state = State::Closed;
        Some(Next::Close)
    }

    fn turn(&mut self, turn: Turn) -> Option<Next<'static>> {
        match turn {
            Turn::Prompt(text, exchange) => {
                self.say(&Reply::challenge(text));
                self.state = State::Login(exchange);
                None
            }
            Turn::Claim(claim) => self.ask(Question::Login, Request::Login(claim)),
        }
    }

    fn ask(&mut self, question: Question, request: Request) -> Option<Next<'static>> {
        self.state = State::Asked(question);
        Some(Next::Ask(request))
    }
}
