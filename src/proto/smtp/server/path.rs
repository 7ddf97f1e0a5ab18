//! Paths and parameters of `MAIL` and `RCPT` (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.2; RFC 1870, 3461, 6152, 6531).

use super::reply::Reply;
use crate::mail::{Address, BodyType, Notify, Recipient, Ret};

/// Longest `ENVID`, bytes (RFC 3461 §4.4).
const MAX_ENVID: usize = 100;
/// Longest `ORCPT`, bytes (RFC 3461 §4.2).
const MAX_ORCPT: usize = 500;

/// What `MAIL` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// `None` is the null return path.
    pub return_path: Option<Address>,
    /// `SIZE=`, bytes, as the client estimates it.
    pub size: Option<u64>,
    pub body: BodyType,
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    /// In xtext, as received.
    pub envid: Option<String>,
}

const MAIL_USAGE: Reply = Reply::syntax("Syntax: MAIL FROM:<address>");
const RCPT_USAGE: Reply = Reply::syntax("Syntax: RCPT TO:<address>");

/// The argument of `MAIL`. `dsn`: whether the parameters of RFC 3461 are offered.
pub(super) fn read_mail(argument: &str, dsn: bool) -> Result<Mail, Reply> {
    let (path, parameters) = split_path(argument, "FROM:").ok_or(MAIL_USAGE)?;
    let mut mail = Mail::default();
    let mut seen = 0u8;
    for parameter in parameters.split_ascii_whitespace() {
        let (key, value) = split_parameter(parameter);
        let bit = match (key, value) {
            ("SIZE", Some(digits)) => {
                mail.size = Some(read_size(digits)?);
                1
            }
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("7BIT") => 2,
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("8BITMIME") => {
                mail.body = BodyType::EightBitMime;
                2
            }
            ("SMTPUTF8", None) => {
                mail.smtputf8 = true;
                4
            }
            ("RET", Some(ret)) if dsn => {
                mail.ret = Some(read_ret(ret)?);
                8
            }
            ("ENVID", Some(envid)) if dsn => {
                if envid.len() > MAX_ENVID || !is_xtext(envid) {
                    return Err(Reply::bad_parameter("ENVID is not valid"));
                }
                mail.envid = Some(envid.to_string());
                16
            }
            // RFC 4954 §5: taken, and never believed.
            ("AUTH", Some(_)) => 32,
            ("SIZE" | "BODY" | "SMTPUTF8" | "RET" | "ENVID" | "AUTH", _) if dsn || !matches!(key, "RET" | "ENVID") => {
                return Err(Reply::bad_parameter("Parameter value is not valid"));
            }
            _ => return Err(Reply::unknown_parameter()),
        };
        once(&mut seen, bit)?;
    }
    if !path.is_empty() {
        mail.return_path = Some(read_address(path, mail.smtputf8, Reply::bad_sender())?);
    }
    Ok(mail)
}

/// The argument of `RCPT`.
pub(super) fn read_recipient(argument: &str, dsn: bool, smtputf8: bool) -> Result<Recipient, Reply> {
    let (path, parameters) = split_path(argument, "TO:").ok_or(RCPT_USAGE)?;
    let mut recipient = Recipient::new(read_address(path, smtputf8, Reply::bad_recipient())?);
    let mut seen = 0u8;
    for parameter in parameters.split_ascii_whitespace() {
        let (key, value) = split_parameter(parameter);
        let bit = match (key, value) {
            ("NOTIFY", Some(notify)) if dsn => {
                recipient.notify = read_notify(notify).ok_or(Reply::bad_parameter("NOTIFY is not valid"))?;
                1
            }
            ("ORCPT", Some(orcpt)) if dsn => {
                if !is_orcpt(orcpt) {
                    return Err(Reply::bad_parameter("ORCPT is not valid"));
                }
                recipient.orcpt = Some(orcpt.to_string());
                2
            }
            ("NOTIFY" | "ORCPT", None) if dsn => return Err(Reply::bad_parameter("Parameter value is not valid")),
            _ => return Err(Reply::unknown_parameter()),
        };
        once(&mut seen, bit)?;
    }
    Ok(recipient)
}

fn once(seen: &mut u8, bit: u8) -> Result<(), Reply> {
    if *seen & bit != 0 {
        return Err(Reply::bad_parameter("Parameter given twice"));
    }
    *seen |= bit;
    Ok(())
}

/// Path without its brackets and source route, and the parameters. Space after the colon and a path without brackets
/// are let through: scanners and copiers send both.
fn split_path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (word, rest) = argument.split_at_checked(keyword.len())?;
    if !word.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let Some(inside) = rest.strip_prefix('<') else {
        let (path, parameters) = rest.split_once(' ').unwrap_or((rest, ""));
        return (!path.is_empty()).then_some((path, parameters));
    };
    let end = closing_bracket(inside)?;
    let (path, parameters) = (inside.get(..end)?, inside.get(end + 1..)?);
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return None;
    }
    Some((without_route(path), parameters))
}

/// Where the path ends; brackets in a quoted local part do not count.
fn closing_bracket(path: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// `@one,@two:bob@three` is `bob@three` (RFC 5321 §4.1.1.3, appendix C).
fn without_route(path: &str) -> &str {
    match path.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, address)) => address,
        None => path,
    }
}

fn read_address(path: &str, smtputf8: bool, bad: Reply) -> Result<Address, Reply> {
    let address = Address::parse(path).map_err(|_| bad)?;
    if !smtputf8 && !address.is_ascii() {
        return Err(Reply::needs_smtputf8());
    }
    Ok(address)
}

/// The key as one of the known words, in upper case; an unknown one is empty.
fn split_parameter(parameter: &str) -> (&'static str, Option<&str>) {
    const KNOWN: [&str; 8] = ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH", "NOTIFY", "ORCPT"];
    let (key, value) = match parameter.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (parameter, None),
    };
    (KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(key)).unwrap_or(""), value)
}

fn read_size(digits: &str) -> Result<u64, Reply> {
    let bad = Reply::bad_parameter("SIZE is not valid");
    if digits.len() > 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad);
    }
    digits.parse().map_err(|_| bad)
}

fn read_ret(value: &str) -> Result<Ret, Reply> {
    if value.eq_ignore_ascii_case("FULL") {
        Ok(Ret::Full)
    } else if value.eq_ignore_ascii_case("HDRS") {
        Ok(Ret::Headers)
    } else {
        Err(Reply::bad_parameter("RET is not valid"))
    }
}

/// `NEVER`, or a list of the others.
fn read_notify(value: &str) -> Option<Notify> {
    let mut notify = Notify { success: false, failure: false, delay: false, given: true };
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in value.split(',') {
        let wish = if word.eq_ignore_ascii_case("SUCCESS") {
            &mut notify.success
        } else if word.eq_ignore_ascii_case("FAILURE") {
            &mut notify.failure
        } else if word.eq_ignore_ascii_case("DELAY") {
            &mut notify.delay
        } else {
            return None;
        };
        *wish = true;
    }
    Some(notify)
}

/// `address-type;address`. Other than ASCII only as RFC 6533 §3 allows it.
fn is_orcpt(value: &str) -> bool {
    let Some((kind, address)) = value.split_once(';') else { return false };
    let atom = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let address_ok = match kind.eq_ignore_ascii_case("utf-8") {
        true => !address.chars().any(|c| c.is_control() || c.is_whitespace()),
        false => is_xtext(address),
    };
    value.len() <= MAX_ORCPT && atom && !address.is_empty() && address_ok
}

/// RFC 3461 §4: printable ASCII but `+` and `=`, or `+` and two hex digits in upper case.
fn is_xtext(value: &str) -> bool {
    let mut bytes = value.bytes();
    let hex = |byte: Option<u8>| matches!(byte, Some(b'0'..=b'9' | b'A'..=b'F'));
    while let Some(byte) = bytes.next() {
        let valid = match byte {
            b'+' => hex(bytes.next()) && hex(bytes.next()),
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        };
        if !valid {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_they_are_seen() {
        for (argument, address) in [
            ("FROM:<bob@a.example>", "bob@a.example"),
            ("from: <bob@a.example>", "bob@a.example"),
            ("FROM:bob@a.example", "bob@a.example"),
            ("FROM:bob@a.example SIZE=1", "bob@a.example"),
            ("FROM:<@x.example,@y.example:bob@a.example>", "bob@a.example"),
            ("FROM:<\"a>b\\\"c\"@a.example> BODY=8BITMIME", "\"a>b\\\"c\"@a.example"),
        ] {
            let mail = read_mail(argument, true).unwrap();
            assert_eq!(mail.return_path.unwrap().as_str(), address, "{argument}");
        }
        assert_eq!(read_mail("FROM:<>", true).unwrap().return_path, None);
        for bad in ["", "FROM", "TO:<a@b>", "FROM:", "FROM:<a@b", "FROM:<a@b>x", "FROM:<a b@c>", "FROM:<a@b>SIZE=1"] {
            assert!(read_mail(bad, true).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn parameters_of_mail() {
        let mail = read_mail("FROM:<a@b> size=12 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<>", true).unwrap();
        assert_eq!((mail.size, mail.body, mail.smtputf8), (Some(12), BodyType::EightBitMime, true));
        assert_eq!((mail.ret, mail.envid.as_deref()), (Some(Ret::Headers), Some("a+2Bb")));
        for (bad, code) in [
            ("SIZE=x", 501),
            ("SIZE=99999999999999999999", 501),
            ("SIZE", 501),
            ("SIZE=1 SIZE=2", 501),
            ("BODY=BINARYMIME", 501),
            ("SMTPUTF8=1", 501),
            ("RET=SOME", 501),
            ("ENVID=a+2b", 501),
            ("FOO=1", 555),
            ("NOTIFY=NEVER", 555),
        ] {
            let reply = read_mail(&format!("FROM:<a@b> {bad}"), true).unwrap_err();
            assert_eq!(reply.code(), code, "{bad}");
        }
        assert_eq!(read_mail("FROM:<a@b> RET=FULL", false).unwrap_err().code(), 555);
        assert_eq!(read_mail("FROM:<m\u{fc}ller@b>", true).unwrap_err().code(), 553);
        assert!(read_mail("FROM:<m\u{fc}ller@b> SMTPUTF8", true).is_ok());
    }

    #[test]
    fn parameters_of_rcpt() {
        let bob = read_recipient("TO:<bob> NOTIFY=SUCCESS,delay ORCPT=rfc822;bob@a.example", true, false).unwrap();
        assert_eq!(bob.address.as_str(), "bob");
        assert_eq!(bob.notify, Notify { success: true, failure: false, delay: true, given: true });
        assert_eq!(bob.orcpt.as_deref(), Some("rfc822;bob@a.example"));
        for (bad, code) in [
            ("TO:<>", 501),
            ("TO:<a@b> NOTIFY=NEVER,DELAY", 501),
            ("TO:<a@b> NOTIFY=", 501),
            ("TO:<a@b> NOTIFY", 501),
            ("TO:<a@b> ORCPT=bob", 501),
            ("TO:<a@b> SIZE=1", 555),
        ] {
            assert_eq!(read_recipient(bad, true, false).unwrap_err().code(), code, "{bad}");
        }
        assert_eq!(read_recipient("TO:<a@b> NOTIFY=NEVER", false, false).unwrap_err().code(), 555);
    }
}
