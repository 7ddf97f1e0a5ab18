//! MAIL and RCPT with the parameters a server has announced (RFC 1870, 3461, 6152, 6531).

use super::Capabilities;

/// What is sent, as it stands in the envelope. The texts hold no CR, LF or space: whoever parsed them saw to that, and
/// parameters that do hold one are left out.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// Empty for the null return path.
    pub return_path: &'a str,
    /// Of the content, bytes before dot-stuffing.
    pub size: u64,
    /// Declared as `BODY=8BITMIME`. A server without 8BITMIME gets it all the same, as everybody does it.
    pub eight_bit: bool,
    /// An address or a header line needs SMTPUTF8.
    pub smtputf8: bool,
    /// `FULL` or `HDRS`.
    pub ret: Option<&'a str>,
    /// xtext.
    pub envid: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    pub address: &'a str,
    /// The value of `NOTIFY=`, if the client gave one.
    pub notify: Option<&'a str>,
    /// The value of `ORCPT=`.
    pub orcpt: Option<&'a str>,
}

pub(super) fn write_mail(mail: &Mail<'_>, server: &Capabilities, out: &mut Vec<u8>) {
    out.extend_from_slice(b"MAIL FROM:<");
    out.extend_from_slice(mail.return_path.as_bytes());
    out.push(b'>');
    if server.size {
        parameter(out, "SIZE", &mail.size.to_string());
    }
    if mail.eight_bit && server.eight_bit_mime {
        parameter(out, "BODY", "8BITMIME");
    }
    if mail.smtputf8 && server.smtputf8 {
        out.extend_from_slice(b" SMTPUTF8");
    }
    if server.dsn {
        for (name, value) in [("RET", mail.ret), ("ENVID", mail.envid)] {
            value.inspect(|value| parameter(out, name, value));
        }
    }
    out.extend_from_slice(b"\r\n");
}

pub(super) fn write_recipient(recipient: &Recipient<'_>, server: &Capabilities, out: &mut Vec<u8>) {
    out.extend_from_slice(b"RCPT TO:<");
    out.extend_from_slice(recipient.address.as_bytes());
    out.push(b'>');
    if server.dsn {
        for (name, value) in [("NOTIFY", recipient.notify), ("ORCPT", recipient.orcpt)] {
            value.inspect(|value| parameter(out, name, value));
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn parameter(out: &mut Vec<u8>, name: &str, value: &str) {
    if value.is_empty() || value.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return;
    }
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    out.extend_from_slice(value.as_bytes());
}
