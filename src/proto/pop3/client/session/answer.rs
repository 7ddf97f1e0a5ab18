//! What proves that we know the password: PLAIN (RFC 4616), APOP (RFC 1939 §7), CRAM-MD5 (RFC 2195).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::Login;

/// Longest timestamp of a greeting that is taken, bytes.
const MAX_TIMESTAMP: usize = 255;

pub(super) fn plain(login: &Login) -> String {
    BASE64.encode(format!("\0{}\0{}", login.user, login.password))
}

/// The timestamp of a greeting, with its angle brackets.
///
/// Only what is a message-id counts: servers that let a man in the middle put anything there let him find out the
/// password letter by letter, by collisions that need bytes no message-id has.
pub(super) fn timestamp(greeting: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(greeting).ok()?;
    let (_, rest) = text.split_once('<')?;
    let (inside, _) = rest.split_once('>')?;
    let (left, right) = inside.split_once('@')?;
    let fits =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"<>@,;:\\\"()".contains(&b));
    (inside.len() <= MAX_TIMESTAMP && fits(left) && fits(right)).then(|| format!("<{inside}>"))
}

/// MD5 of timestamp and password, in hex.
pub(super) fn apop(login: &Login, timestamp: &str) -> String {
    hex(&Md5::new().chain_update(timestamp).chain_update(&login.password).finalize())
}

/// Answers `+ challenge`, in base64; `None` where the challenge is not that.
pub(super) fn cram_md5(login: &Login, challenge: &[u8]) -> Option<String> {
    let challenge = BASE64.decode(challenge.trim_ascii()).ok()?;
    let mut mac = Hmac::<Md5>::new_from_slice(login.password.as_bytes()).ok()?;
    mac.update(&challenge);
    Some(BASE64.encode(format!("{} {}", login.user, hex(&mac.finalize().into_bytes()))))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.into(), password: password.into() }
    }

    #[test]
    fn apop_of_the_rfc() {
        let greeting = b"POP3 server ready <1896.697170952@dbc.mtview.ca.us>";
        let timestamp = timestamp(greeting).unwrap();
        assert_eq!(timestamp, "<1896.697170952@dbc.mtview.ca.us>");
        assert_eq!(apop(&login("mrose", "tanstaaf"), &timestamp), "c4c9334bac560ecc979e58001b3e22fb");
    }

    #[test]
    fn only_a_message_id_is_a_timestamp() {
        for greeting in ["ready", "<>", "<a>", "<@b>", "<a@>", "<a@b", "<a\u{80}@b>", "<a b@c>", "<a@b@c>", "a@b>"] {
            assert_eq!(timestamp(greeting.as_bytes()), None, "{greeting}");
        }
        assert_eq!(timestamp(format!("<{}@b>", "a".repeat(300)).as_bytes()), None);
        assert_eq!(timestamp(b"<\xff@b>"), None);
    }

    #[test]
    fn cram_md5_of_the_rfc() {
        let challenge = b" PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        let answer = cram_md5(&login("tim", "tanstaaftanstaaf"), challenge).unwrap();
        assert_eq!(answer, "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
        assert_eq!(cram_md5(&login("tim", "x"), b"no base64!"), None);
    }
}
