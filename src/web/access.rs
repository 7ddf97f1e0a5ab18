//! Who may look at the status page from the network: an administrator with his password. As long as there is no
//! administrator, whoever is in the office's own networks, so that a new box can be looked at.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::{Config, Secret};
use crate::net::listen::is_local;
use crate::policy::Logins;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Granted,
    /// A login is needed.
    Login,
    /// The one given, of this name, is not good.
    Wrong(String),
    /// No login would help.
    Denied,
}

/// `authorization` is the value of the header field, if there was one (RFC 7617).
pub async fn access(config: &Config, logins: &Logins, peer: IpAddr, authorization: Option<&str>) -> Access {
    if !config.users.iter().any(|user| user.enabled && user.administrator) {
        return if is_local(peer) { Access::Granted } else { Access::Denied };
    }
    let Some((name, password)) = authorization.and_then(basic) else { return Access::Login };
    let Some(who) = logins.password(config, &name, &password).await else { return Access::Wrong(name) };
    let user = config.users.iter().find(|user| user.id == who.user);
    if user.is_some_and(|user| user.enabled && user.administrator) { Access::Granted } else { Access::Login }
}

fn basic(authorization: &str) -> Option<(String, Secret)> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_string(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_logins_are_read() {
        let (name, password) = basic("basic YW5uYTphOmI=").unwrap();
        assert_eq!((name.as_str(), password.reveal()), ("anna", "a:b"));
        assert!(basic("Bearer YW5uYTphOmI=").is_none());
        assert!(basic("Basic ???").is_none());
        assert!(basic("Basic YW5uYQ==").is_none(), "no colon");
    }

    #[test]
    fn without_an_administrator_only_the_office_may_look() {
        let (config, logins) = (Config::default(), Logins::default());
        let ask = |peer: &str| smol::block_on(access(&config, &logins, peer.parse().unwrap(), None));
        assert_eq!(ask("127.0.0.1"), Access::Granted);
        assert_eq!(ask("203.0.113.9"), Access::Denied);
    }
}
