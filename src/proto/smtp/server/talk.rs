//! What the session and its shell say to each other.

use super::auth::Claim;
use super::path::Mail;
use super::reply::Reply;
use crate::mail::{Address, Recipient};

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
    /// A client whose name has this in it is refused; empty for none. In lower case.
    pub refuse_hello: String,
    /// VRFY and EXPN.
    pub lookups: Lookups,
    /// ETRN is offered.
    pub etrn: bool,
}

/// Whether people's addresses are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookups {
    /// To nobody.
    Off,
    /// Not to this client.
    Denied,
    On,
}

/// A mistake of the client's that others may want to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// With what was said to it.
    Syntax(Reply),
    TooLarge,
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
    /// Text of the message, without stuffing. [`super::Session::refuse_body`] when it cannot be kept.
    Text(&'a [u8]),
    /// The message that has begun will not be completed.
    Abandon,
    /// Write the output and encrypt, then [`super::Session::encrypted`]. What was read before is dropped.
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
    /// What is known of this address or name? ([`Answer::Say`])
    Verify(String),
    /// Where does it lead? ([`Answer::Say`])
    Expand(String),
    /// Send what waits for this domain ([`Answer::Say`]).
    StartQueue(Queue),
    /// A fresh challenge for CRAM-MD5 ([`Answer::Challenge`]).
    Challenge,
    /// Who is it? ([`Answer::LoggedIn`])
    Login(Claim),
    /// What does the script of the session say? Only after [`super::Session::scripted`]. [`Answer::Yes`] for the usual
    /// reply, [`Answer::Say`] for another.
    Script(Moment),
}

/// A command that a script may answer, and that asks nothing else of the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    Hello {
        name: String,
        extended: bool,
    },
    Help,
    Quit,
    Noop,
    Reset,
    /// The line of a command that is not known.
    Unknown(String),
}

/// What `ETRN` names (RFC 1985 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    pub domain: String,
    pub with_subdomains: bool,
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
    /// One reply of one or more lines, all with the code of the first. To other requests than those that ask for it: yes,
    /// in other words.
    Say(Vec<Reply>),
}

/// Why there is no more input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Gone,
    TimedOut,
    Stopping,
}
