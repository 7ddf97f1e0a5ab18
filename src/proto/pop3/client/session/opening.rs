//! Between the greeting and the login: encryption as the settings want it, then the login the server offers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Encryption, Expected, Failure, Session};

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
        if self.capabilities.prefers_plain() {
            self.send(Expected::Plain);
        } else {
            self.send(Expected::User);
            self.send(Expected::Pass);
        }
        Ok(())
    }

    pub(super) fn plain(&self) -> String {
        BASE64.encode(format!("\0{}\0{}", self.login.user, self.login.password))
    }
}
