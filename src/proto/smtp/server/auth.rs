//! Login (RFC 4954): PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195). Grammar and the steps of the exchanges; whether a
//! password is right is asked from the shell.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reply::Reply;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    Login,
    CramMd5,
}

impl Mechanism {
    pub(super) fn by_name(name: &str) -> Option<Mechanism> {
        [("PLAIN", Mechanism::Plain), ("LOGIN", Mechanism::Login), ("CRAM-MD5", Mechanism::CramMd5)]
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, mechanism)| mechanism)
    }

    /// The password itself travels, so that the way must be encrypted or short.
    pub(super) fn shows_password(self) -> bool {
        self != Mechanism::CramMd5
    }
}

/// What the client's next line is.
#[derive(Clone, Debug)]
pub(super) enum Exchange {
    Plain,
    LoginName,
    LoginPassword { name: String },
    CramMd5 { challenge: String },
}

/// What a client says of itself; the shell is asked whether it is true.
#[derive(Clone, PartialEq, Eq)]
pub enum Claim {
    Password {
        name: String,
        password: String,
    },
    /// `digest`: HMAC-MD5 of `challenge` in hex.
    CramMd5 {
        name: String,
        challenge: String,
        digest: String,
    },
}

impl Claim {
    pub fn name(&self) -> &str {
        match self {
            Claim::Password { name, .. } | Claim::CramMd5 { name, .. } => name,
        }
    }
}

/// Without the secrets.
impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Claim::Password { name, .. } => f.debug_struct("Password").field("name", name).finish_non_exhaustive(),
            Claim::CramMd5 { name, challenge, .. } => {
                f.debug_struct("CramMd5").field("name", name).field("challenge", challenge).finish_non_exhaustive()
            }
        }
    }
}

#[derive(Debug)]
pub(super) enum Turn {
    /// Ask for the next line, with this challenge.
    Prompt(String, Exchange),
    Claim(Claim),
}

/// Takes the client's next line (or its initial response).
pub(super) fn respond(exchange: Exchange, line: &str) -> Result<Turn, Reply> {
    if line == "*" {
        return Err(Reply::login_cancelled());
    }
    let response = STANDARD.decode(line).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let response = response.ok_or(Reply::bad_base64())?;
    match exchange {
        Exchange::Plain => plain(&response).map(Turn::Claim),
        Exchange::LoginName => Ok(prompt("Password:", Exchange::LoginPassword { name: response })),
        Exchange::LoginPassword { name } => Ok(Turn::Claim(Claim::Password { name, password: response })),
        Exchange::CramMd5 { challenge } => {
            let (name, digest) = response.rsplit_once(' ').ok_or(Reply::bad_base64())?;
            Ok(Turn::Claim(Claim::CramMd5 { name: name.to_string(), challenge, digest: digest.to_string() }))
        }
    }
}

pub(super) fn prompt(text: &str, next: Exchange) -> Turn {
    Turn::Prompt(STANDARD.encode(text), next)
}

/// `[authorization identity] NUL name NUL password`. Acting for somebody else is not offered.
fn plain(response: &str) -> Result<Claim, Reply> {
    let mut parts = response.split('\0');
    let (Some(act_as), Some(name), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Reply::bad_base64());
    };
    if !act_as.is_empty() && !act_as.eq_ignore_ascii_case(name) {
        return Err(Reply::bad_login());
    }
    Ok(Claim::Password { name: name.to_string(), password: password.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_in_its_forms() {
        let bob = Claim::Password { name: "bob".into(), password: "pw".into() };
        assert_eq!(plain("\0bob\0pw").unwrap(), bob);
        assert_eq!(plain("bob\0bob\0pw").unwrap(), bob);
        assert_eq!(plain("eve\0bob\0pw").unwrap_err().code(), 535);
        assert_eq!(plain("bob\0pw").unwrap_err().code(), 501);
        assert_eq!(plain("\0bob\0p\0w").unwrap_err().code(), 501);
    }

    #[test]
    fn secrets_do_not_print() {
        let claim = Claim::Password { name: "bob".into(), password: "hunter2".into() };
        assert!(!format!("{claim:?}").contains("hunter2"));
    }
}
