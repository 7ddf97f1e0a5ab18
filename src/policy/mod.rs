//! Who may connect, log in, relay.

use std::net::IpAddr;

use crate::config::{Config, Secret, SmtpService};

/// Logins, with a short memory of good ones (as HMAC, for minutes), so that a hash is not computed at each poll.
/// At most two hashes are computed at a time. Cheap to clone.
#[derive(Clone, Default)]
pub struct Logins {}

/// A user who has proved who he is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    pub user: u32,
    pub name: String,
}

impl Logins {
    /// Name and password. The time taken does not tell whether the name exists.
    pub async fn password(&self, _config: &Config, _name: &str, _password: &Secret) -> Option<LoggedIn> {
        unimplemented!()
    }

    /// CRAM-MD5 (RFC 2195): `digest` in hex over `challenge`. Needs a reversible password.
    pub fn cram_md5(&self, _config: &Config, _name: &str, _challenge: &str, _digest: &str) -> Option<LoggedIn> {
        unimplemented!()
    }

    /// APOP (RFC 1939 §7). Needs a reversible password.
    pub fn apop(&self, _config: &Config, _name: &str, _banner: &str, _digest: &str) -> Option<LoggedIn> {
        unimplemented!()
    }
}

/// Whether this client's address may send out without a login (`relay_from` of the service).
pub fn may_relay(_service: &SmtpService, _client: IpAddr) -> bool {
    unimplemented!()
}
