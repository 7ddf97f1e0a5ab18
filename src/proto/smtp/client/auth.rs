//! Logging in (RFC 4954): CRAM-MD5 (RFC 2195), PLAIN (RFC 4616) or LOGIN, the first that is offered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};

use super::{Capabilities, Failure, Reply};

/// A name and a password. Never printed.
#[derive(Clone)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// Where a login stands: what is to be answered next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    CramMd5,
    /// The answer went out with the command; `asked` once more after a server that did not see it.
    Plain {
        asked: bool,
    },
    LoginUser,
    LoginPassword,
    /// All has been said.
    Verdict,
}

/// Writes the first command. `Err` when nothing we know is offered.
pub(super) fn begin(login: &Login, offered: &Capabilities, out: &mut Vec<u8>) -> Result<Step, Failure> {
    if offered.auth_cram_md5 {
        out.extend_from_slice(b"AUTH CRAM-MD5\r\n");
        Ok(Step::CramMd5)
    } else {
        begin_clear(login, offered, out)
    }
}

fn begin_clear(login: &Login, offered: &Capabilities, out: &mut Vec<u8>) -> Result<Step, Failure> {
    if offered.auth_plain {
        out.extend_from_slice(b"AUTH PLAIN ");
        line(out, &plain(login));
        Ok(Step::Plain { asked: false })
    } else if offered.auth_login {
        out.extend_from_slice(b"AUTH LOGIN\r\n");
        Ok(Step::LoginUser)
    } else {
        Err(Failure::LoginNotOffered)
    }
}

/// Takes a reply. `Ok(None)`: logged in.
pub(super) fn proceed(
    step: Step,
    reply: Reply,
    login: &Login,
    offered: &Capabilities,
    out: &mut Vec<u8>,
) -> Result<Option<Step>, Failure> {
    if reply.is_positive() {
        return Ok(None);
    }
    // 504: announced, but not to be had after all (RFC 4954 §4).
    if reply.code == 504 && step == Step::CramMd5 {
        return begin_clear(login, offered, out).map(Some);
    }
    if reply.code != 334 {
        return Err(Failure::Login(reply));
    }
    match step {
        Step::CramMd5 => match BASE64.decode(reply.text.trim()) {
            Ok(challenge) => {
                line(out, cram_md5(login, &challenge).as_bytes());
                Ok(Some(Step::Verdict))
            }
            Err(_) => Err(Failure::Login(reply)),
        },
        Step::Plain { asked: false } => {
            line(out, &plain(login));
            Ok(Some(Step::Plain { asked: true }))
        }
        Step::LoginUser => {
            line(out, login.user.as_bytes());
            Ok(Some(Step::LoginPassword))
        }
        Step::LoginPassword => {
            line(out, login.password.as_bytes());
            Ok(Some(Step::Verdict))
        }
        Step::Plain { asked: true } | Step::Verdict => Err(Failure::Login(reply)),
    }
}

fn line(out: &mut Vec<u8>, secret: &[u8]) {
    out.extend_from_slice(BASE64.encode(secret).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn plain(login: &Login) -> Vec<u8> {
    format!("\0{}\0{}", login.user, login.password).into_bytes()
}

/// Name and HMAC-MD5 of the challenge in hex.
fn cram_md5(login: &Login, challenge: &[u8]) -> String {
    use std::fmt::Write;
    let mut answer = format!("{} ", login.user);
    // HMAC takes keys of any length.
    if let Ok(mut mac) = Hmac::<md5::Md5>::new_from_slice(login.password.as_bytes()) {
        mac.update(challenge);
        for byte in mac.finalize().into_bytes() {
            let _ = write!(answer, "{byte:02x}");
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tim() -> Login {
        Login { user: "tim".into(), password: "tanstaaftanstaaf".into() }
    }

    #[test]
    fn cram_md5_of_the_rfc() {
        let answer = cram_md5(&tim(), b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(answer, "tim b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn falls_back_when_an_announced_mechanism_is_not_there() {
        let offered = Capabilities { auth_cram_md5: true, auth_login: true, ..Capabilities::default() };
        let mut out = Vec::new();
        let step = begin(&tim(), &offered, &mut out).unwrap();
        let no = Reply { code: 504, text: String::new() };
        assert_eq!(proceed(step, no, &tim(), &offered, &mut out).unwrap(), Some(Step::LoginUser));
        assert_eq!(out, b"AUTH CRAM-MD5\r\nAUTH LOGIN\r\n");
    }
}
