//! Logging in (RFC 4954): PLAIN (RFC 4616), LOGIN or CRAM-MD5 (RFC 2195).
//!
//! Without a wish the password goes the way that shows least of it: encrypted, PLAIN before LOGIN before CRAM-MD5; in
//! clear, CRAM-MD5 first. An announced mechanism that is not to be had leads to the next one. A refused login does so once:
//! some servers announce one that only some of their accounts have, but more tries could lock the account.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};

use super::{Capabilities, Failure, Reply};

/// A name and a password. Never printed.
#[derive(Clone)]
pub struct Login {
    pub user: String,
    pub password: String,
    pub mechanism: Option<Mechanism>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    Login,
    CramMd5,
}

const ENCRYPTED: [Mechanism; 3] = [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5];
const CLEAR: [Mechanism; 3] = [Mechanism::CramMd5, Mechanism::Plain, Mechanism::Login];

/// Where a login stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    mechanism: Mechanism,
    next: Next,
    /// Another mechanism has been refused.
    again: bool,
}

/// What is to be answered next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Challenge,
    /// It went out with the command; once more after a server that did not see it.
    Plain,
    User,
    Password,
    /// All has been said.
    Nothing,
}

/// What is known of the session.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub login: &'a Login,
    pub offered: &'a Capabilities,
    pub encrypted: bool,
}

impl Terms<'_> {
    /// That are wanted and offered, the best first.
    fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        let order = if self.encrypted { ENCRYPTED } else { CLEAR };
        order.into_iter().filter(|mechanism| {
            let offered = match mechanism {
                Mechanism::Plain => self.offered.auth_plain,
                Mechanism::Login => self.offered.auth_login,
                Mechanism::CramMd5 => self.offered.auth_cram_md5,
            };
            offered && self.login.mechanism.is_none_or(|wanted| wanted == *mechanism)
        })
    }

    /// The mechanism to be tried after another.
    fn after(&self, tried: Mechanism) -> Option<Mechanism> {
        self.mechanisms().skip_while(|mechanism| *mechanism != tried).nth(1)
    }
}

/// Writes the first command. `Err` when nothing we know is offered.
pub(super) fn begin(terms: Terms<'_>, out: &mut Vec<u8>) -> Result<Step, Failure> {
    match terms.mechanisms().next() {
        Some(mechanism) => Ok(command(mechanism, terms.login, false, out)),
        None => Err(Failure::LoginNotOffered),
    }
}

fn command(mechanism: Mechanism, login: &Login, again: bool, out: &mut Vec<u8>) -> Step {
    let next = match mechanism {
        Mechanism::Plain => {
            out.extend_from_slice(b"AUTH PLAIN ");
            line(out, &plain(login));
            Next::Plain
        }
        Mechanism::Login => {
            out.extend_from_slice(b"AUTH LOGIN\r\n");
            Next::User
        }
        Mechanism::CramMd5 => {
            out.extend_from_slice(b"AUTH CRAM-MD5\r\n");
            Next::Challenge
        }
    };
    Step { mechanism, next, again }
}

/// Takes a reply. `Ok(None)`: logged in.
pub(super) fn proceed(step: Step, reply: Reply, terms: Terms<'_>, out: &mut Vec<u8>) -> Result<Option<Step>, Failure> {
    if reply.is_positive() {
        return Ok(None);
    }
    if reply.code != 334 {
        // 504: announced, but not to be had after all (RFC 4954 §4).
        let next = match reply.code {
            504 => terms.after(step.mechanism),
            535 if !step.again => terms.after(step.mechanism),
            _ => None,
        };
        return match next {
            Some(mechanism) => Ok(Some(command(mechanism, terms.login, step.again || reply.code == 535, out))),
            None => Err(Failure::Login(reply)),
        };
    }
    let login = terms.login;
    let next = match step.next {
        Next::Challenge => match BASE64.decode(reply.text.trim()) {
            Ok(challenge) => {
                line(out, cram_md5(login, &challenge).as_bytes());
                Next::Nothing
            }
            Err(_) => return Err(Failure::Login(reply)),
        },
        Next::Plain => {
            line(out, &plain(login));
            Next::Nothing
        }
        Next::User => {
            line(out, login.user.as_bytes());
            Next::Password
        }
        Next::Password => {
            line(out, login.password.as_bytes());
            Next::Nothing
        }
        Next::Nothing => return Err(Failure::Login(reply)),
    };
    Ok(Some(Step { next, ..step }))
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
        Login { user: "tim".into(), password: "tanstaaftanstaaf".into(), mechanism: None }
    }

    #[test]
    fn cram_md5_of_the_rfc() {
        let answer = cram_md5(&tim(), b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(answer, "tim b913a602c7eda7a495b4e6e7334d3890");
    }

    /// The commands of a login that is answered with these codes, and whether it came to an end.
    fn tried(mechanism: Option<Mechanism>, encrypted: bool, codes: &[u16]) -> (Vec<String>, bool) {
        let login = Login { mechanism, ..tim() };
        let offered =
            Capabilities { auth_cram_md5: true, auth_login: true, auth_plain: true, ..Capabilities::default() };
        let terms = Terms { login: &login, offered: &offered, encrypted };
        let mut out = Vec::new();
        let mut step = begin(terms, &mut out).unwrap();
        let mut over = false;
        for &code in codes {
            match proceed(step, Reply { code, text: String::new() }, terms, &mut out) {
                Ok(Some(next)) => step = next,
                Ok(None) | Err(_) => over = true,
            }
        }
        let text = String::from_utf8(out).unwrap();
        (text.lines().filter_map(|line| line.strip_prefix("AUTH ")?.split(' ').next().map(Into::into)).collect(), over)
    }

    #[test]
    fn the_password_goes_the_safest_way_that_works() {
        for (mechanism, encrypted, codes, commands, over) in [
            (None, true, &[235][..], &["PLAIN"][..], true),
            (None, false, &[235], &["CRAM-MD5"], true),
            // Announced, but not to be had.
            (None, false, &[504, 504], &["CRAM-MD5", "PLAIN", "LOGIN"], false),
            (None, true, &[504, 504, 504], &["PLAIN", "LOGIN", "CRAM-MD5"], true),
            // Refused: one other, once.
            (None, false, &[535, 235], &["CRAM-MD5", "PLAIN"], true),
            (None, false, &[334, 535, 535], &["CRAM-MD5", "PLAIN"], true),
            (None, false, &[535, 504, 535], &["CRAM-MD5", "PLAIN", "LOGIN"], true),
            (None, true, &[535, 334], &["PLAIN", "LOGIN"], false),
            (None, true, &[454], &["PLAIN"], true),
            (Some(Mechanism::Login), true, &[535], &["LOGIN"], true),
            (Some(Mechanism::CramMd5), true, &[504], &["CRAM-MD5"], true),
            (Some(Mechanism::Plain), false, &[334], &["PLAIN"], false),
        ] {
            let found = tried(mechanism, encrypted, codes);
            assert_eq!(
                (found.0, found.1),
                (commands.iter().map(ToString::to_string).collect::<Vec<_>>(), over),
                "{mechanism:?} {encrypted} {codes:?}"
            );
        }
    }

    #[test]
    fn a_wanted_mechanism_that_is_not_offered_is_not_replaced() {
        let login = Login { mechanism: Some(Mechanism::CramMd5), ..tim() };
        let offered = Capabilities { auth_plain: true, ..Capabilities::default() };
        let mut out = Vec::new();
        let began = begin(Terms { login: &login, offered: &offered, encrypted: true }, &mut out);
        assert_eq!((began, out.as_slice()), (Err(Failure::LoginNotOffered), &b""[..]));
    }
}
