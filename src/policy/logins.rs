//! Logins: password, CRAM-MD5, APOP. A disabled user, an unknown one and a wrong password all fail alike.
//!
//! Delays after failures are the sessions' business.

use std::sync::Arc;
use std::time::Instant;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use smol::lock::Semaphore;

use super::memory::Memory;
use crate::config::{Config, Secret, User, password};
use crate::mail::Address;

/// Hashes computed at a time: each takes 19 MiB.
const HASHES_AT_A_TIME: usize = 2;
/// A hash of no password, compared with where there is no user, so that it takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5aXNoZXJlMDEyMw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Longest password looked at, bytes.
const LONGEST: usize = 1024;

/// Logins, with a short memory of good ones (as HMAC, for minutes), so that a hash is not computed at each poll.
/// At most two hashes are computed at a time. Cheap to clone.
#[derive(Clone)]
pub struct Logins {
    inner: Arc<Inner>,
}

struct Inner {
    memory: Memory,
    hashes: Arc<Semaphore>,
}

/// A user who has proved who he is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    pub user: u32,
    pub name: String,
}

impl Default for Logins {
    fn default() -> Logins {
        let (memory, hashes) = (Memory::new(), Arc::new(Semaphore::new(HASHES_AT_A_TIME)));
        Logins { inner: Arc::new(Inner { memory, hashes }) }
    }
}

impl Logins {
    /// Name and password. The name is a user's, alone or at a local domain. The time taken does not tell whether the name
    /// exists.
    pub async fn password(&self, config: &Config, name: &str, password: &Secret) -> Option<LoggedIn> {
        let user = user_of(config, name).filter(|user| !user.password.is_empty());
        let now = Instant::now();
        if let Some(user) = user.filter(|user| self.inner.memory.knows(user, password, now)) {
            return Some(logged_in(user));
        }
        let stored = user.map_or_else(|| Secret::new(NOBODY), |user| user.password.clone());
        if !self.fits(stored, password.clone()).await {
            return None;
        }
        let user = user?;
        self.inner.memory.remember(user, password, now);
        Some(logged_in(user))
    }

    async fn fits(&self, stored: Secret, given: Secret) -> bool {
        if given.reveal().len() > LONGEST {
            return false;
        }
        let permit = self.inner.hashes.acquire_arc().await;
        // The permit goes along: a session that ends meanwhile does not stop the hash, nor make room for another.
        smol::unblock(move || {
            let fits = password::verify(&stored, given.reveal());
            drop(permit);
            fits
        })
        .await
    }

    /// CRAM-MD5 (RFC 2195): `digest` in hex over `challenge`. Needs a reversible password.
    pub fn cram_md5(&self, config: &Config, name: &str, challenge: &str, digest: &str) -> Option<LoggedIn> {
        let (user, clear) = reversible(config, name);
        let mut mac = Hmac::<Md5>::new_from_slice(clear.as_bytes()).ok()?;
        mac.update(challenge.as_bytes());
        let good = mac.verify_slice(&from_hex(digest)?).is_ok();
        user.filter(|_| good).map(logged_in)
    }

    /// APOP (RFC 1939 §7): `digest` in hex over `banner` (with its angle brackets) and password. Needs a reversible
    /// password.
    pub fn apop(&self, config: &Config, name: &str, banner: &str, digest: &str) -> Option<LoggedIn> {
        let (user, clear) = reversible(config, name);
        let expected = Md5::new().chain_update(banner).chain_update(clear).finalize();
        let given = from_hex(digest)?;
        // Each byte is compared, wherever the first difference is.
        let difference = expected.iter().zip(&given).fold(0, |all, (a, b)| all | (a ^ b));
        user.filter(|_| difference == 0 && given.len() == expected.len()).map(logged_in)
    }
}

fn logged_in(user: &User) -> LoggedIn {
    LoggedIn { user: user.id, name: user.name.clone() }
}

/// The enabled user of a login name: `bob`, or `bob@` a local domain.
fn user_of<'a>(config: &'a Config, name: &str) -> Option<&'a User> {
    let name = name.trim();
    let by_address = || {
        let address = Address::parse(name).ok().filter(|address| config.is_local(address))?;
        config.user_named(address.local())
    };
    config.user_named(name).or_else(by_address).filter(|user| user.enabled)
}

/// The user and his password in clear, if he has one and the settings allow its use; else nobody and a stand-in, so that
/// the work is the same.
fn reversible<'a>(config: &'a Config, name: &str) -> (Option<&'a User>, &'a str) {
    let user = user_of(config, name).filter(|_| config.general.reversible_passwords);
    match user.and_then(|user| Some((user, user.clear_password.as_ref()?))) {
        Some((user, clear)) if !clear.is_empty() => (Some(user), clear.reveal()),
        _ => (None, "nobody has this password"),
    }
}

/// An MD5 digest in hex, either case.
fn from_hex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::config::General;

    static HASH: LazyLock<Secret> = LazyLock::new(|| password::hash("tanstaaftanstaaf"));

    fn office() -> Config {
        let bob = User {
            id: 2,
            name: "Bob".into(),
            password: HASH.clone(),
            clear_password: Some(Secret::new("tanstaaftanstaaf")),
            ..User::default()
        };
        let gone = User { id: 3, name: "gone".into(), enabled: false, ..bob.clone() };
        let empty =
            User { id: 4, name: "empty".into(), password: Secret::default(), clear_password: None, ..bob.clone() };
        let general =
            General { default_domain: "office.example".into(), reversible_passwords: true, ..General::default() };
        Config { general, users: vec![bob, gone, empty], ..Config::default() }
    }

    fn login(logins: &Logins, config: &Config, name: &str, password: &str) -> Option<u32> {
        smol::block_on(logins.password(config, name, &Secret::new(password))).map(|user| user.user)
    }

    #[test]
    fn a_password_opens_its_user_only() {
        let (logins, config) = (Logins::default(), office());
        for name in ["bob", "BOB", " bob ", "bob@office.example", "Bob@OFFICE.example"] {
            assert_eq!(login(&logins, &config, name, "tanstaaftanstaaf"), Some(2), "{name}");
        }
        for name in ["gone", "nobody", "bob@elsewhere.example", "", "@", "empty"] {
            assert_eq!(login(&logins, &config, name, "tanstaaftanstaaf"), None, "{name}");
        }
        for wrong in ["", "Tanstaaftanstaaf", "tanstaaf", HASH.reveal()] {
            assert_eq!(login(&logins, &config, "bob", wrong), None, "{wrong}");
        }
        assert_eq!(login(&logins, &config, "empty", ""), None);
        assert_eq!(login(&logins, &config, "bob", &"x".repeat(LONGEST + 1)), None);
    }

    #[test]
    fn an_unknown_name_costs_a_hash() {
        assert!(password::is_hash(&Secret::new(NOBODY)));
    }

    #[test]
    fn a_remembered_login_ends_with_its_user_or_password() {
        let (logins, mut config) = (Logins::default(), office());
        assert_eq!(login(&logins, &config, "bob", "tanstaaftanstaaf"), Some(2));
        config = config.clone();
        config.users[0].password = password::hash("other");
        assert_eq!(login(&logins, &config, "bob", "tanstaaftanstaaf"), None);
        let mut config = office();
        config.users[0].enabled = false;
        assert_eq!(login(&logins, &config, "bob", "tanstaaftanstaaf"), None);
    }

    #[test]
    fn many_logins_at_once_all_come_through() {
        let (logins, config) = (Logins::default(), office());
        let tries = (0..6).map(|n| {
            let (logins, config) = (logins.clone(), config.clone());
            let word = if n % 2 == 0 { "tanstaaftanstaaf" } else { "wrong" };
            smol::spawn(async move { logins.password(&config, "bob", &Secret::new(word)).await.is_some() })
        });
        let good: Vec<bool> = tries.collect::<Vec<_>>().into_iter().map(smol::block_on).collect();
        assert_eq!(good, [true, false, true, false, true, false]);
    }

    /// The example of RFC 2195 §2, with the name changed.
    #[test]
    fn cram_md5_as_in_its_rfc() {
        let (logins, config) = (Logins::default(), office());
        let challenge = "<1896.697170952@postoffice.reston.mci.net>";
        let digest = "b913a602c7eda7a495b4e6e7334d3890";
        assert_eq!(logins.cram_md5(&config, "bob", challenge, digest).map(|user| user.user), Some(2));
        assert!(logins.cram_md5(&config, "bob", challenge, &digest.to_uppercase()).is_some());
        for wrong in
            ["", "b9", "b913a602c7eda7a495b4e6e7334d3891", "+913a602c7eda7a495b4e6e7334d3890", "ééééééééééééééééé"]
        {
            assert_eq!(logins.cram_md5(&config, "bob", challenge, wrong), None, "{wrong}");
        }
        assert_eq!(logins.cram_md5(&config, "bob", "<other>", digest), None);
        assert_eq!(logins.cram_md5(&config, "gone", challenge, digest), None);
        assert_eq!(logins.cram_md5(&config, "empty", challenge, digest), None);
        let mut off = office();
        off.general.reversible_passwords = false;
        assert_eq!(logins.cram_md5(&off, "bob", challenge, digest), None);
    }

    /// The example of RFC 1939 §7.
    #[test]
    fn apop_as_in_its_rfc() {
        let logins = Logins::default();
        let mut config = office();
        config.users[0].clear_password = Some(Secret::new("tanstaaf"));
        let banner = "<1896.697170952@dbc.mtview.ca.us>";
        let digest = "c4c9334bac560ecc979e58001b3e22fb";
        assert_eq!(logins.apop(&config, "bob", banner, digest).map(|user| user.user), Some(2));
        assert_eq!(logins.apop(&config, "bob", banner, "c4c9334bac560ecc979e58001b3e22fc"), None);
        assert_eq!(logins.apop(&config, "bob", "<other>", digest), None);
        assert_eq!(logins.apop(&config, "gone", banner, digest), None);
        config.general.reversible_passwords = false;
        assert_eq!(logins.apop(&config, "bob", banner, digest), None);
    }
}
