//! Who asks: known by the cookie of a session. As long as there is no administrator, whoever is in the office's own
//! networks may set the box up.
//!
//! A request that changes something proves that it comes from our own page: by the token of the session, and by a media
//! type that another site cannot send without asking first.

use std::net::IpAddr;
use std::time::Instant;

use super::api::{Api, COOKIE, Caller, Visitor, has_administrator};
use super::sessions::same;
use crate::net::listen::is_local;

/// What of a request tells who it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a> {
    pub method: &'a str,
    pub kind: Option<&'a str>,
    pub cookie: Option<&'a str>,
    pub token: Option<&'a str>,
    /// Asked by an open page, and not by somebody at it.
    pub background: bool,
}

/// Who sent a request from `peer`; or why it is not looked at.
pub fn caller(api: &Api, peer: IpAddr, carried: &Carried<'_>) -> Result<Caller, &'static str> {
    let config = api.config.current();
    let changes = !matches!(carried.method, "GET" | "HEAD");
    let session = carried.cookie.and_then(key);
    let session = session.and_then(|key| api.sessions.find(&config, key, !carried.background, Instant::now()));
    let Some(session) = session else {
        if changes && !is_json(carried.kind) {
            return Err("requests are JSON");
        }
        return Ok(match has_administrator(&config) || !is_local(peer) {
            true => Caller::Stranger,
            false => Caller::Newcomer,
        });
    };
    if changes && !carried.token.is_some_and(|token| same(token, &session.token)) {
        return Err("the page is out of date; load it anew");
    }
    let Some(user) = config.user(session.user) else { return Ok(Caller::Stranger) };
    let (name, administrator) = (user.name.clone(), user.administrator);
    Ok(Caller::User(Visitor { user: user.id, name, administrator, session: session.id }))
}

/// The value of our cookie (RFC 6265 §4.2).
fn key(cookies: &str) -> Option<&str> {
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

fn is_json(kind: Option<&str>) -> bool {
    kind.and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(key("a=b; __Host-pillarbox=xyz; c"), Some("xyz"));
        assert_eq!(key("__Host-pillarbox2=xyz"), None);
        assert_eq!(key(""), None);
    }

    #[test]
    fn only_json_is_json() {
        assert!(is_json(Some("application/json")) && is_json(Some("Application/JSON; charset=utf-8")));
        assert!(!is_json(None) && !is_json(Some("text/plain; application/json")));
    }
}
