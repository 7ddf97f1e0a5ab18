//! The server side of a POP3 session.
//!
//! [`Session::step`] takes what the client has sent, appends replies to an output buffer, and says what it needs next:
//! more bytes, a login to be checked, a message to be sent, deletes to be made. It holds no input and no output, so
//! that an idle session is small and any way of cutting the client's bytes into pieces gives the same conversation.
//!
//! Promises: every line has a bound; a session ends after 20 errors or 3 wrong passwords; deletes happen only at QUIT,
//! all or none. Never decides on a password, reads a message or waits: the shell in `serve::pop3` does.
//!
//! RFC 1939 (POP3), RFC 2449 (CAPA, response codes, pipelining), RFC 2595 (STLS), RFC 3206 (SYS and AUTH response
//! codes), RFC 5034 (AUTH) with RFC 4616 (PLAIN).

mod login;
mod maildrop;
mod message;
mod number;
mod verbs;

use std::fmt;

pub use login::Credentials;
pub use maildrop::{Maildrop, Message};
pub use message::Writer;

use maildrop::Listing;

/// A command line, its end included (RFC 2449 §4).
const COMMAND_LIMIT: usize = 255;
/// A line of an AUTH exchange: room for a long name and a long password in base64.
const AUTH_LIMIT: usize = 512;
/// Commands with errors before the session ends.
const MAX_ERRORS: u32 = 20;
/// Wrong passwords before the session ends.
const MAX_REFUSED: u32 = 3;

/// What this session offers.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// STLS is offered while the connection is in clear.
    pub stls: bool,
    /// Nobody logs in before the connection is encrypted.
    pub login_needs_encryption: bool,
    /// The time stamp of the greeting, `<…@…>`, never the same twice (RFC 1939 §7). `None`: no APOP.
    pub timestamp: Option<String>,
}

/// What the shell does next. What stands in the output buffer goes out before `Read`, `Flush`, `StartTls` and `Close`.
#[derive(Debug)]
pub enum Step {
    /// Read more. What was not consumed must be given again, with more behind it.
    Read,
    /// A long answer: send what there is, then call again.
    Flush,
    /// Call again.
    Next,
    /// Check these and open the mailbox; answer with [`Session::login`].
    Login(Credentials),
    /// Send a message: [`Session::message`], or [`Session::message_failed`].
    Message(Retrieval),
    /// Make the deletes of [`Session::deleted`] in one commit; answer with [`Session::committed`].
    Commit,
    /// Send, throw away what the client has sent since, encrypt, call [`Session::encrypted`].
    StartTls,
    /// Send and close.
    Close,
}

/// One message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retrieval {
    pub message: Message,
    /// `TOP`: the header and so many lines of the body. `RETR`: `None`, everything.
    pub lines: Option<u32>,
}

/// What came of a login.
#[derive(Debug)]
pub enum Login {
    Granted(Maildrop),
    /// Name or password is wrong.
    Refused,
    /// Another session has the mailbox.
    InUse,
    /// The mailbox cannot be opened at present.
    Unavailable,
}

/// The conversation with one client. At most some 200 bytes and 24 a message.
pub struct Session {
    settings: Settings,
    encrypted: bool,
    state: State,
    errors: u32,
    refused: u32,
    /// The rest of a line that was too long is being thrown away.
    skipping: bool,
}

enum State {
    /// Nobody is logged in; `user` is the name of the last USER.
    Authorization { user: Option<String> },
    /// `AUTH PLAIN` without an initial response was answered, the next line is the response.
    Response,
    /// A mailbox is open. A long answer may be half written.
    Transaction { maildrop: Maildrop, listing: Option<Listing> },
    /// QUIT is being carried out, or the session has ended.
    Update { maildrop: Maildrop },
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Authorization { .. } => "Authorization",
            State::Response => "Response",
            State::Transaction { .. } => "Transaction",
            State::Update { .. } => "Update",
        })
    }
}

/// Why a command is refused: the text of the `-ERR`, and whether it counts as an error of the client.
struct Refusal {
    text: &'static str,
    counts: bool,
}

impl Refusal {
    /// The client broke the rules.
    const fn error(text: &'static str) -> Refusal {
        Refusal { text, counts: true }
    }

    /// An ordinary no.
    const fn no(text: &'static str) -> Refusal {
        Refusal { text, counts: false }
    }
}

impl Session {
    /// Puts the greeting into `out`. `encrypted`: TLS from the first byte.
    pub fn new(settings: Settings, encrypted: bool, out: &mut Vec<u8>) -> Session {
        out.extend_from_slice(b"+OK Pillarbox POP3 ready");
        if let Some(timestamp) = &settings.timestamp {
            out.push(b' ');
            out.extend_from_slice(timestamp.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Session {
            settings,
            encrypted,
            state: State::Authorization { user: None },
            errors: 0,
            refused: 0,
            skipping: false,
        }
    }

    /// Works on the first command in `input`. Gives the bytes of `input` it has used up.
    pub fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, Step) {
        if let State::Update { .. } = self.state {
            return (0, Step::Close);
        }
        if let State::Transaction { maildrop, listing } = &mut self.state
            && let Some(rest) = listing.take()
        {
            *listing = maildrop.write_listing(rest, out);
            return (0, Step::Flush);
        }
        let limit = self.line_limit(input);
        let Some(end) = memchr::memchr(b'\n', input) else {
            if input.len() < limit {
                return (0, Step::Read);
            }
            // The line is refused when its end has come, and costs no memory until then.
            self.skipping = true;
            return (input.len(), Step::Read);
        };
        let line = input.get(..end).unwrap_or_default();
        let step = if std::mem::take(&mut self.skipping) || end >= limit {
            self.leave_exchange();
            Err(Refusal::error("The line is too long"))
        } else {
            self.command(line.strip_suffix(b"\r").unwrap_or(line), out)
        };
        (end + 1, step.unwrap_or_else(|refusal| self.refuse(refusal, out)))
    }

    /// The answer to [`Step::Login`].
    pub fn login(&mut self, login: Login, out: &mut Vec<u8>) {
        let text: &[u8] = match login {
            Login::Granted(maildrop) => {
                let (count, size) = maildrop.total();
                out.extend_from_slice(b"+OK ");
                number::decimal(count, out);
                out.extend_from_slice(b" messages, ");
                number::decimal(size, out);
                out.extend_from_slice(b" octets\r\n");
                self.state = State::Transaction { maildrop, listing: None };
                return;
            }
            Login::Refused => {
                self.refused += 1;
                if self.refused >= MAX_REFUSED {
                    self.end();
                }
                b"-ERR [AUTH] Name or password is wrong\r\n"
            }
            Login::InUse => b"-ERR [IN-USE] Another session has this mailbox\r\n",
            Login::Unavailable => b"-ERR [SYS/TEMP] The mailbox cannot be opened at present\r\n",
        };
        out.extend_from_slice(text);
    }

    /// The answer to [`Step::Message`]: puts the first line into `out`, and gives the writer that the message goes
    /// through.
    pub fn message(&self, retrieval: &Retrieval, out: &mut Vec<u8>) -> Writer {
        out.extend_from_slice(b"+OK ");
        if retrieval.lines.is_none() {
            number::decimal(retrieval.message.size, out);
            out.extend_from_slice(b" octets\r\n");
        } else {
            out.extend_from_slice(b"top of message follows\r\n");
        }
        Writer::new(retrieval.lines)
    }

    /// The other answer to [`Step::Message`]: it cannot be read.
    pub fn message_failed(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR [SYS/TEMP] The message cannot be read at present\r\n");
    }

    /// The messages to be deleted at [`Step::Commit`].
    pub fn deleted(&self) -> Vec<u32> {
        match &self.state {
            State::Update { maildrop } => maildrop.deleted(),
            _ => Vec::new(),
        }
    }

    /// The answer to [`Step::Commit`]. Not `done`: nothing was deleted.
    pub fn committed(&mut self, done: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(if done {
            b"+OK The messages are deleted\r\n"
        } else {
            b"-ERR [SYS/TEMP] The messages could not be deleted, all are kept\r\n"
        });
    }

    /// After [`Step::StartTls`]: the connection is encrypted. What was said before counts no more (RFC 2595 §4).
    pub fn encrypted(&mut self) {
        self.encrypted = true;
        self.state = State::Authorization { user: None };
    }

    /// Wrong passwords so far.
    pub fn refused(&self) -> u32 {
        self.refused
    }

    /// How long the line at the start of `input` may be, its end included.
    fn line_limit(&self, input: &[u8]) -> usize {
        let auth = matches!(self.state, State::Response)
            || input.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH "));
        if auth { AUTH_LIMIT } else { COMMAND_LIMIT }
    }

    /// A SASL exchange ends with any line that is not its response.
    fn leave_exchange(&mut self) {
        if let State::Response = self.state {
            self.state = State::Authorization { user: None };
        }
    }

    fn refuse(&mut self, refusal: Refusal, out: &mut Vec<u8>) -> Step {
        self.errors += u32::from(refusal.counts);
        let last = self.errors >= MAX_ERRORS;
        out.extend_from_slice(b"-ERR ");
        out.extend_from_slice(if last { b"Too many errors, closing" } else { refusal.text.as_bytes() });
        out.extend_from_slice(b"\r\n");
        if !last {
            return Step::Next;
        }
        self.end();
        Step::Close
    }

    /// Ends the session; what was marked for deletion is kept.
    fn end(&mut self) {
        self.state = State::Update { maildrop: Maildrop::default() };
    }
}
