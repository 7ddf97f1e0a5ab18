//! What a client proves itself with.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Refusal;

/// Not printed: passwords do not belong in logs.
#[derive(PartialEq, Eq)]
pub enum Credentials {
    Password {
        name: String,
        password: String,
    },
    /// MD5 over the greeting's time stamp and the password, in hex (RFC 1939 §7).
    Apop {
        name: String,
        digest: String,
    },
}

impl Credentials {
    pub fn name(&self) -> &str {
        match self {
            Credentials::Password { name, .. } | Credentials::Apop { name, .. } => name,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Credentials::Password { name, .. } | Credentials::Apop { name, .. }) = self;
        write!(f, "Credentials of {name:?}")
    }
}

/// Names and passwords are UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<String, Refusal> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Refusal::error("Names and passwords are UTF-8")),
    }
}

/// The response of PLAIN (RFC 4616): on whose behalf, who, password, with NUL between them, in base64.
pub(super) fn plain(response: &[u8]) -> Result<Credentials, Refusal> {
    let malformed = || Refusal::error("The response is malformed");
    let decoded = STANDARD.decode(response).map_err(|_| malformed())?;
    let mut parts = decoded.split(|byte| *byte == 0);
    let (Some(behalf), Some(name), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    if name.is_empty() || !(behalf.is_empty() || behalf == name) {
        return Err(Refusal::error("Nobody logs in for another"));
    }
    Ok(Credentials::Password { name: text(name)?, password: text(password)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_of(response: &str) -> Result<Credentials, &'static str> {
        plain(STANDARD.encode(response).as_bytes()).map_err(|refusal| refusal.text)
    }

    #[test]
    fn plain_names_one_person() {
        let anna = || Credentials::Password { name: "anna".into(), password: "s3cret pass".into() };
        assert_eq!(plain_of("\0anna\0s3cret pass"), Ok(anna()));
        assert_eq!(plain_of("anna\0anna\0s3cret pass"), Ok(anna()));
        assert!(plain_of("root\0anna\0s3cret pass").is_err());
        assert!(plain_of("\0anna").is_err());
        assert!(plain_of("\0anna\0a\0b").is_err());
        assert!(plain(b"!!").is_err());
    }

    #[test]
    fn passwords_are_not_printed() {
        let shown = format!("{:?}", plain_of("\0anna\0s3cret"));
        assert!(shown.contains("anna") && !shown.contains("s3cret"), "{shown}");
    }
}
