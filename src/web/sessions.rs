//! Who is logged in to the page. In memory only: a restart of the box ends all sessions.
//!
//! A session is known by 32 random bytes in a cookie, of which only the SHA-256 is kept here, and has a second random
//! text, the token, that a request which changes something must repeat in a header field: another site can have a
//! browser send the cookie, but cannot read the token. A session ends after some silence, after some hours in all, when
//! its user is switched off or gone, and when his password changes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::config::{Config, User};

/// Sessions of one user at a time, and of all; the one that has been silent longest makes room.
const OF_ONE: usize = 16;
const OF_ALL: usize = 512;

/// Names a session in the box. The cookie cannot be made from it.
pub type SessionId = [u8; 32];

/// What a login brings.
pub struct Opened {
    /// For the cookie.
    pub key: String,
    pub token: String,
}

/// A session in force.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub user: u32,
    pub token: String,
    pub peer: IpAddr,
    pub since: Instant,
    /// Of the user's stored password, so that a change of it ends the session.
    password: SessionId,
    active: Instant,
}

/// Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Sessions {
    inner: Arc<Mutex<HashMap<SessionId, Session>>>,
}

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `user` has proved who he is.
    pub fn open(&self, user: &User, peer: IpAddr, now: Instant) -> std::io::Result<Opened> {
        let opened = Opened { key: random()?, token: random()? };
        let id = digest(opened.key.as_bytes());
        let session = Session {
            id,
            user: user.id,
            token: opened.token.clone(),
            peer,
            since: now,
            password: digest(user.password.reveal().as_bytes()),
            active: now,
        };
        let mut all = self.all();
        make_room(&mut all, OF_ONE, |other| other.user == user.id);
        make_room(&mut all, OF_ALL, |_| true);
        all.insert(id, session);
        Ok(opened)
    }

    /// The session of a cookie, if it still counts. `active`: somebody did something, and not only his open page.
    pub fn find(&self, config: &Config, key: &str, active: bool, now: Instant) -> Option<Session> {
        let id = digest(key.as_bytes());
        let mut all = self.all();
        let session = all.get_mut(&id)?;
        let minutes = |minutes: u32| Duration::from_secs(u64::from(minutes) * 60);
        let user = config.user(session.user).filter(|user| user.enabled);
        let counts = now.duration_since(session.active) < minutes(config.web.idle_timeout)
            && now.duration_since(session.since) < minutes(config.web.session_hours * 60)
            && user.is_some_and(|user| digest(user.password.reveal().as_bytes()) == session.password);
        if !counts {
            all.remove(&id);
            return None;
        }
        if active {
            session.active = now;
        }
        Some(session.clone())
    }

    /// The token of a session that counts.
    pub fn token(&self, id: &SessionId) -> Option<String> {
        self.all().get(id).map(|session| session.token.clone())
    }

    pub fn end(&self, id: &SessionId) {
        self.all().remove(id);
    }

    /// A session goes on although its user has changed his password in it; his others end.
    pub fn password_changed(&self, id: &SessionId, user: &User) {
        let mut all = self.all();
        all.retain(|other, session| other == id || session.user != user.id);
        if let Some(session) = all.get_mut(id) {
            session.password = digest(user.password.reveal().as_bytes());
        }
    }
}

fn make_room(all: &mut HashMap<SessionId, Session>, most: usize, counts: impl Fn(&Session) -> bool) {
    while all.values().filter(|session| counts(session)).count() >= most {
        let quietest = all.values().filter(|session| counts(session)).min_by_key(|session| session.active);
        let Some(id) = quietest.map(|session| session.id) else { return };
        all.remove(&id);
    }
}

/// 32 random bytes as text.
fn random() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn digest(bytes: &[u8]) -> SessionId {
    Sha256::digest(bytes).into()
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub fn same(a: &str, b: &str) -> bool {
    digest(a.as_bytes()).iter().zip(digest(b.as_bytes())).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn office() -> Config {
        let user =
            |id: u32, name: &str| User { id, name: name.into(), password: Secret::new("hash"), ..User::default() };
        Config { users: vec![user(1, "anna"), user(2, "bob")], ..Config::default() }
    }

    #[test]
    fn a_session_ends_by_silence_and_after_some_hours() {
        let (sessions, config, start) = (Sessions::default(), office(), Instant::now());
        let opened = sessions.open(&config.users[0], PEER, start).unwrap();
        let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
        assert!(sessions.find(&config, &opened.key, true, at(29)).is_some());
        assert!(sessions.find(&config, &opened.key, false, at(58)).is_some(), "an open page is no sign of life");
        assert!(sessions.find(&config, &opened.key, true, at(60)).is_none());
        assert!(sessions.find(&config, &opened.key, true, at(29)).is_none(), "it is over");
        let opened = sessions.open(&config.users[0], PEER, start).unwrap();
        for minute in (20..720).step_by(20) {
            assert!(sessions.find(&config, &opened.key, true, at(minute)).is_some(), "{minute}");
        }
        assert!(sessions.find(&config, &opened.key, true, at(720)).is_none());
    }

    #[test]
    fn a_session_ends_with_its_user_or_password() {
        let (sessions, config, now) = (Sessions::default(), office(), Instant::now());
        let opened = sessions.open(&config.users[0], PEER, now).unwrap();
        let other = sessions.open(&config.users[0], PEER, now).unwrap();
        assert!(sessions.find(&config, "", true, now).is_none());
        assert!(sessions.find(&config, &opened.token, true, now).is_none());
        let mut changed = config.clone();
        changed.users[0].password = Secret::new("another hash");
        let id = sessions.find(&config, &opened.key, true, now).unwrap().id;
        sessions.password_changed(&id, &changed.users[0]);
        assert!(sessions.find(&changed, &opened.key, true, now).is_some());
        assert!(sessions.find(&changed, &other.key, true, now).is_none());
        let mut off = changed.clone();
        off.users[0].enabled = false;
        assert!(sessions.find(&Config { users: off.users, ..Config::default() }, &opened.key, true, now).is_none());
    }

    #[test]
    fn the_quietest_session_makes_room() {
        let (sessions, config, start) = (Sessions::default(), office(), Instant::now());
        let first = sessions.open(&config.users[1], PEER, start).unwrap();
        let many: Vec<Opened> = (1..=OF_ONE as u64)
            .map(|second| sessions.open(&config.users[0], PEER, start + Duration::from_secs(second)).unwrap())
            .collect();
        sessions.open(&config.users[0], PEER, start + Duration::from_secs(60)).unwrap();
        let now = start + Duration::from_secs(61);
        assert!(sessions.find(&config, &many[0].key, true, now).is_none());
        assert!(sessions.find(&config, &many[1].key, true, now).is_some());
        assert!(sessions.find(&config, &first.key, true, now).is_some(), "another user's");
    }

    #[test]
    fn texts_are_compared() {
        assert!(same("a", "a") && !same("a", "b") && !same("a", ""));
    }
}
