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
mod lines;
mod path;
mod proceed;
mod reply;
mod scripted;
mod talk;
mod text;
mod verbs;

pub use auth::Claim;
pub use path::Mail;
pub use reply::Reply;
pub use talk::{Answer, End, LoginPolicy, Lookups, Mistake, Moment, Next, Queue, Request, Settings, Step};
pub use verbs::Hello;

use auth::{Exchange, Turn};
use body::{Body, Piece};
use verbs::Command;

/// Replies gathered before they are written though more commands wait.
const FLUSH: usize = 16 * 1024;
/// An emptied output buffer up to this size is kept.
const KEEP: usize = 512;
/// Failed logins a session may have.
const MAX_LOGIN_FAILURES: u32 = 3;

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
    mistakes: Vec<Mistake>,
    /// A script may answer.
    scripted: bool,
    /// Ends before the next command.
    closing: bool,
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
    Chunk {
        size: u64,
        last: bool,
    },
    Commit,
    /// One that changes nothing.
    Words,
    Challenge,
    Login,
    /// `None`: a command that is not known.
    Script(Option<Command>),
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
            mistakes: Vec::new(),
            scripted: false,
            closing: false,
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

    /// What the client did wrong since the last call.
    pub fn take_mistakes(&mut self) -> Vec<Mistake> {
        std::mem::take(&mut self.mistakes)
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

    /// What comes now is text of a message.
    pub fn is_in_message(&self) -> bool {
        matches!(self.state, State::Data(_) | State::Chunk { .. })
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
            State::Command if self.closing => {
                self.state = State::Closed;
                (rest.len(), Some(Next::Close))
            }
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
        match reply.code() {
            500 | 501 | 503 | 521 | 555 => self.mistakes.push(Mistake::Syntax(reply.clone())),
            _ if reply == Reply::too_large() => self.mistakes.push(Mistake::TooLarge),
            _ => {}
        }
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
