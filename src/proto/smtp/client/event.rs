//! What goes into a session besides bytes, and what comes out of it.

use super::{Login, Malformed, Reply, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// As the connection is, plain.
    AsIs,
    /// The connection is encrypted from the first byte.
    FromStart,
    /// STARTTLS, or nothing is sent.
    Required,
    /// STARTTLS where the server offers it.
    IfOffered,
}

pub struct Settings {
    /// The name given in EHLO.
    pub helo: String,
    pub encryption: Encryption,
    pub login: Option<Login>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Make the connection encrypted, then call [`Session::encrypted`]. Bytes received with or before this are void.
    StartTls,
    /// Transactions can begin.
    Ready,
    /// One verdict for each recipient, in the order given.
    Finished { tag: u64, verdicts: Vec<Verdict> },
    /// The server has not looked at this mail: it can be given to another session at once.
    Untouched { tag: u64 },
    /// The last event.
    Ended(Failure),
}

/// Why a session has ended. Printed as a sentence about the server, without a subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("turns us away: {0}")]
    Greeting(Reply),
    #[error("refuses our greeting: {0}")]
    Hello(Reply),
    #[error("does not offer STARTTLS, which the settings demand")]
    TlsNotOffered,
    #[error("refuses to encrypt: {0}")]
    Tls(Reply),
    #[error("offers no way to log in that we know and the settings allow")]
    LoginNotOffered,
    #[error("refuses the login: {0}")]
    Login(Reply),
    #[error("closes the session: {0}")]
    Closing(Reply),
    #[error("does not speak proper SMTP: {0}")]
    Malformed(#[from] Malformed),
    /// With a word on how.
    #[error("is gone: {0}")]
    Lost(String),
    /// We said QUIT.
    #[error("said goodbye")]
    Quit,
}

/// Why a mail cannot be sent to this server, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    #[error("5.3.4 the mail is larger than the {0} bytes this server takes")]
    TooLarge(u64),
    #[error("5.6.7 the mail needs SMTPUTF8, which this server does not offer")]
    NeedsUtf8,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaiting {
    Greeting,
    /// To EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET, QUIT.
    Reply,
    /// 354.
    Go,
    /// The reply to a mail's content.
    Content,
    Nothing,
}
