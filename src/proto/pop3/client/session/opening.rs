//! Between the greeting and the login: encryption as the settings want it, then the login the server offers.

use std::io::Write;

use super::{Encryption, Expected, Failure, Method, Session, answer};

impl Session {
    /// CAPA is answered, one way or the other.
    pub(super) fn announced(&mut self) -> Result<(), Failure> {
        match self.encryption {
            Encryption::AsIs => self.log_in(),
            // A server too old for CAPA may still know STLS.
            Encryption::Required if self.capabilities.known && !self.capabilities.stls => Err(Failure::NoStls),
            Encryption::IfAvailable if !self.capabilities.stls => self.log_in(),
            Encryption::Required | Encryption::IfAvailable => {
                self.send(Expected::Stls);
                Ok(())
            }
        }
    }

    pub(super) fn unprotected(&mut self) -> Result<(), Failure> {
        match self.encryption {
            Encryption::Required => Err(Failure::NoStls),
            _ => self.log_in(),
        }
    }

    fn log_in(&mut self) -> Result<(), Failure> {
        let unfit = |text: &str| text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0));
        if unfit(&self.login.user) || unfit(&self.login.password) {
            return Err(Failure::BadLogin);
        }
        match self.method {
            Method::Apop if self.timestamp.is_none() => return Err(Failure::NotOffered("APOP")),
            Method::Apop => self.send(Expected::Apop),
            Method::CramMd5 if self.capabilities.known && !self.capabilities.cram_md5 => {
                return Err(Failure::NotOffered("CRAM-MD5"));
            }
            Method::CramMd5 => self.send(Expected::CramMd5),
            Method::Plain if self.capabilities.prefers_plain() => self.send(Expected::Plain),
            Method::Plain => {
                self.send(Expected::User);
                self.send(Expected::Pass);
            }
        }
        Ok(())
    }

    /// What stands before the commands of the caller.
    pub(super) fn write_opening(&mut self, what: Expected) {
        let (login, out) = (&self.login, &mut self.out);
        let _ = match what {
            Expected::Capa => out.write_all(b"CAPA\r\n"),
            Expected::Stls => out.write_all(b"STLS\r\n"),
            Expected::User => write!(out, "USER {}\r\n", login.user),
            Expected::Pass => write!(out, "PASS {}\r\n", login.password),
            Expected::Plain => match answer::plain(login) {
                // RFC 5034 §4: a response that makes the line longer than 255 bytes waits for `+`.
                response if response.len() > 242 => out.write_all(b"AUTH PLAIN\r\n"),
                response => write!(out, "AUTH PLAIN {response}\r\n"),
            },
            Expected::Apop => {
                let timestamp = self.timestamp.as_deref().unwrap_or_default();
                write!(out, "APOP {} {}\r\n", login.user, answer::apop(login, timestamp))
            }
            Expected::CramMd5 => out.write_all(b"AUTH CRAM-MD5\r\n"),
            // Said by the server, or answered at once.
            Expected::Greeting | Expected::PlainResponse | Expected::CramMd5Response | Expected::Command(_) => Ok(()),
        };
    }
}
