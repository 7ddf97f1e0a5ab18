//! Why a session cannot go on.

/// What a server says about an `-ERR` in brackets, where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseCode {
    /// Another session has the mailbox (RFC 2449 §8.1.2).
    InUse,
    /// Logged in too soon after the last time (RFC 2449 §8.1.1).
    LoginDelay,
    /// A trouble that will pass (RFC 3206 §4).
    SysTemp,
    /// A trouble that somebody has to look into (RFC 3206 §4).
    SysPerm,
    /// Name or password (RFC 3206 §5).
    Auth,
    None,
}

impl ResponseCode {
    /// Of the text after `-ERR `.
    pub fn of(text: &str) -> ResponseCode {
        let code = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(code, _)| code);
        let is = |word: &str| code.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        match () {
            () if is("IN-USE") => ResponseCode::InUse,
            () if is("LOGIN-DELAY") => ResponseCode::LoginDelay,
            () if is("SYS/TEMP") => ResponseCode::SysTemp,
            () if is("SYS/PERM") => ResponseCode::SysPerm,
            () if is("AUTH") => ResponseCode::Auth,
            () => ResponseCode::None,
        }
    }

    /// Says by itself that the same login may succeed later.
    pub fn is_temporary(self) -> bool {
        matches!(self, ResponseCode::InUse | ResponseCode::LoginDelay | ResponseCode::SysTemp)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The greeting was `-ERR`.
    #[error("the server takes no session: {0}")]
    Refused(String),
    #[error("this is no POP3 server")]
    NotPop3,
    /// STLS is wanted and not offered, or was refused.
    #[error("the server offers no encryption (STLS)")]
    NoStls,
    /// The way to log in that is set.
    #[error("the server does not offer {0}")]
    NotOffered(&'static str),
    #[error("login refused: {text}")]
    Login { text: String, code: ResponseCode },
    /// A name or password with a line end or NUL in it, which no server could take.
    #[error("user name or password contain a control character")]
    BadLogin,
    #[error("a reply line is longer than {} bytes", super::MAX_LINE)]
    LineTooLong,
    #[error("a list from the server does not end")]
    EndlessList,
    /// A reply that fits no command, and what it was.
    #[error("unexpected reply: {0}")]
    Unexpected(String),
}
