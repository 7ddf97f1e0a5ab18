//! A recipient at another mail server of the office, in one word (spec connectors-and-smtp §6.2):
//! `SMTP:address@[user:password@]server[:port]`.
//!
//! The address has a domain of its own; what follows its `@` names the server. A login may have `@` in it, a password
//! also `:`. An IPv6 address of a server stands in brackets. Port 25 where none is given.

use std::fmt;

use super::Mistake;
use crate::mail::{Address, LanServer};

/// Longest text, bytes.
pub const LONGEST: usize = 1024;
/// What stands for a password where it is not shown.
pub const STARS: &str = "********";

const PREFIX: &str = "SMTP:";

#[derive(Clone, PartialEq, Eq)]
pub struct LanTarget {
    pub address: Address,
    pub server: LanServer,
    /// Empty without a login.
    pub password: String,
}

/// Whether a text means such a target, right or wrong.
pub fn is_lan_target(text: &str) -> bool {
    text.trim_start().get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

impl LanTarget {
    /// White space around it does not count.
    pub fn parse(text: &str) -> Result<LanTarget, Mistake> {
        if text.len() > LONGEST {
            return Err(Mistake::new(1, 1, format!("is longer than {LONGEST} bytes")));
        }
        let target = text.trim_end();
        read(target).map_err(|(rest, words)| {
            let before = target.get(..target.len().saturating_sub(rest.len())).unwrap_or(target);
            Mistake::new(1, before.chars().count() + 1, words)
        })
    }

    /// The same text with [`STARS`] for the password.
    pub fn covered(&self) -> String {
        self.with_password(if self.password.is_empty() { "" } else { STARS })
    }

    /// The text that reads as this, with another password.
    pub fn with_password(&self, password: &str) -> String {
        let LanServer { host, port, user } = &self.server;
        let login = if user.is_empty() { String::new() } else { format!("{user}:{password}@") };
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let port = if *port == 25 { String::new() } else { format!(":{port}") };
        format!("{PREFIX}{}@{login}{host}{port}", self.address)
    }
}

impl fmt::Debug for LanTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.covered())
    }
}

/// What is wrong, and the rest of the text from there.
type Wrong<'a> = (&'a str, String);

fn read(text: &str) -> Result<LanTarget, Wrong<'_>> {
    let start = text.trim_start();
    let rest = match start.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => return Err((start, "should begin with SMTP:".into())),
    };
    let missing = "the server is missing: SMTP:address@server, such as SMTP:bob@office.example@192.168.1.5";
    let (address, after) = split_address(rest).ok_or_else(|| ("", missing.to_string()))?;
    let address = Address::parse(address).map_err(|error| (rest, error.to_string()))?;
    let (login, server) = match after.rsplit_once('@') {
        Some((login, server)) => (Some(login), server),
        None => (None, after),
    };
    let (user, password) = match login.map(|login| login.split_once(':').unwrap_or_default()) {
        None => ("", ""),
        Some((user, password)) if !user.is_empty() && !password.is_empty() => (user, password),
        Some(_) => return Err((after, "a login is written user:password".into())),
    };
    if login.is_some_and(|login| login.contains(char::is_control)) {
        return Err((after, "the login has a control character in it".into()));
    }
    let (host, port) = read_server(server)?;
    Ok(LanTarget { address, server: LanServer { host, port, user: user.into() }, password: password.into() })
}

/// The address with its domain, and what follows the second `@`. Signs inside quotes do not count.
fn split_address(text: &str) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped, mut ats) = (false, false, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if ats == 0 => quoted = !quoted,
            b'@' if !quoted => {
                ats += 1;
                if ats == 2 {
                    return Some((text.get(..at)?, text.get(at + 1..)?));
                }
            }
            _ => {}
        }
    }
    None
}

/// Host in lower case, and port.
fn read_server(text: &str) -> Result<(String, u16), Wrong<'_>> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(':').or(if rest.is_empty() { None } else { Some(rest) })),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let good = match bracketed {
        Some(_) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.is_ascii() && !host.starts_with('[') && Address::parse(&format!("x@{host}")).is_ok(),
    };
    if !good {
        return Err((text, format!("\"{host}\" is no host name and no address")));
    }
    let port = match port.map(|port| (port, port.parse::<u16>())) {
        None => 25,
        Some((port, Ok(number))) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => number,
        Some((port, _)) => return Err((port, format!("\"{port}\" is no port"))),
    };
    Ok((host.trim_end_matches('.').to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        for (text, address, host, port, user, password) in [
            ("SMTP:bob@example.com@192.168.1.1", "bob@example.com", "192.168.1.1", 25, "", ""),
            (
                "SMTP:bob@example.com@fred:mypass@192.168.1.1:587",
                "bob@example.com",
                "192.168.1.1",
                587,
                "fred",
                "mypass",
            ),
            (" smtp:bob@example.com@Mail.Branch.Example ", "bob@example.com", "mail.branch.example", 25, "", ""),
            ("SMTP:bob@example.com@f@x.example:a@b:c@s", "bob@example.com", "s", 25, "f@x.example", "a@b:c"),
            ("SMTP:\"b@b\"@example.com@[2001:db8::1]:26", "\"b@b\"@example.com", "2001:db8::1", 26, "", ""),
            ("SMTP:bob@example.com@[2001:db8::1]", "bob@example.com", "2001:db8::1", 25, "", ""),
        ] {
            let target = LanTarget::parse(text).unwrap();
            assert_eq!(target.address.as_str(), address, "{text}");
            let server = LanServer { host: host.into(), port, user: user.into() };
            assert_eq!((&target.server, target.password.as_str()), (&server, password), "{text}");
            assert_eq!(LanTarget::parse(&target.with_password(password)).unwrap(), target);
            assert!(password.is_empty() || !format!("{target:?}").contains(password));
        }
    }

    #[test]
    fn mistakes_have_a_column() {
        for (text, column, words) in [
            ("bob@example.com", 1, "should begin with SMTP:"),
            ("  bob", 3, "should begin with SMTP:"),
            ("", 1, "should begin with SMTP:"),
            ("SMTP:bob@192.168.1.1", 21, "the server is missing"),
            ("SMTP:", 6, "the server is missing"),
            ("SMTP:b ob@example.com@s", 6, "the part before the @ is not valid"),
            ("SMTP:@example.com@s", 6, "the part before the @ is not valid"),
            ("SMTP:bob@exa mple@s", 6, "the domain is not valid"),
            ("SMTP:bob@x.example@fred@s", 20, "a login is written user:password"),
            ("SMTP:bob@x.example@:pw@s", 20, "a login is written user:password"),
            ("SMTP:bob@x.example@", 20, "\"\" is no host name and no address"),
            ("SMTP:ü@x.example@a b ", 18, "\"a b\" is no host name and no address"),
            ("SMTP:bob@x.example@s:0", 22, "\"0\" is no port"),
            ("SMTP:bob@x.example@s:+25", 22, "\"+25\" is no port"),
            ("SMTP:bob@x.example@s:70000", 22, "\"70000\" is no port"),
            ("SMTP:bob@x.example@[::1]x", 25, "\"x\" is no port"),
            ("SMTP:bob@x.example@[::g]", 20, "\"::g\" is no host name and no address"),
        ] {
            let mistake = LanTarget::parse(text).unwrap_err();
            assert_eq!((mistake.line, mistake.column), (1, column), "{text}: {mistake}");
            assert!(mistake.text.starts_with(words), "{text}: {mistake}");
        }
        assert!(LanTarget::parse(&format!("SMTP:{}", "x".repeat(LONGEST))).is_err());
    }
}
