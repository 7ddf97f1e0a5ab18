//! Replies (RFC 5321 §4.2) with enhanced status codes (RFC 2034, RFC 3463). Their English is stable: people search for
//! it, and scripts match it.

use std::borrow::Cow;
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    /// Empty where a reply has none (greeting, `334`, `354`).
    enhanced: &'static str,
    text: Cow<'static, str>,
}

impl Reply {
    const fn fixed(code: u16, enhanced: &'static str, text: &'static str) -> Reply {
        Reply { code, enhanced, text: Cow::Borrowed(text) }
    }

    pub(super) fn made(code: u16, enhanced: &'static str, text: String) -> Reply {
        Reply { code, enhanced, text: Cow::Owned(text) }
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    pub fn enhanced(&self) -> &'static str {
        self.enhanced
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_error(&self) -> bool {
        self.code >= 400
    }

    /// One line with CRLF.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.write(b' ', out);
    }

    /// The same, with more lines of the reply to follow.
    pub(super) fn write_continued(&self, out: &mut Vec<u8>) {
        self.write(b'-', out);
    }

    fn write(&self, mark: u8, out: &mut Vec<u8>) {
        let digit = |value: u16| b'0' + (value % 10) as u8;
        out.extend_from_slice(&[digit(self.code / 100), digit(self.code / 10), digit(self.code), mark]);
        if !self.enhanced.is_empty() {
            out.extend_from_slice(self.enhanced.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// What the session says by itself.
impl Reply {
    pub(super) fn greeting(host: &str) -> Reply {
        Reply::made(220, "", format!("{host} ESMTP Pillarbox"))
    }
    pub(super) const fn ok() -> Reply {
        Reply::fixed(250, "2.0.0", "Ok")
    }
    pub(super) const fn sender_ok() -> Reply {
        Reply::fixed(250, "2.1.0", "Sender ok")
    }
    pub(super) const fn recipient_ok() -> Reply {
        Reply::fixed(250, "2.1.5", "Recipient ok")
    }
    pub(super) const fn send_data() -> Reply {
        Reply::fixed(354, "", "Send the message, end it with a dot on a line by itself")
    }
    pub(super) fn chunk_ok(size: u64) -> Reply {
        Reply::made(250, "2.0.0", format!("{size} bytes received"))
    }
    pub(super) fn queued(id: &str) -> Reply {
        Reply::made(250, "2.0.0", format!("Ok: queued as {id}"))
    }
    pub(super) const fn help() -> Reply {
        Reply::fixed(214, "2.0.0", "See RFC 5321")
    }
    pub(super) const fn unwanted_name() -> Reply {
        Reply::fixed(550, "5.7.1", "Clients of this name are not served here")
    }
    pub(super) const fn lookup_denied() -> Reply {
        Reply::fixed(550, "5.7.1", "Your address may not look up people here")
    }
    pub(super) const fn bye() -> Reply {
        Reply::fixed(221, "2.0.0", "Bye")
    }
    pub(super) const fn start_tls() -> Reply {
        Reply::fixed(220, "2.0.0", "Ready to start TLS")
    }
    pub(super) const fn logged_in() -> Reply {
        Reply::fixed(235, "2.7.0", "Authentication successful")
    }
    pub(super) fn challenge(base64: String) -> Reply {
        Reply::made(334, "", base64)
    }

    pub(super) const fn timed_out() -> Reply {
        Reply::fixed(421, "4.4.2", "Timed out waiting for input")
    }
    pub(super) const fn stopping() -> Reply {
        Reply::fixed(421, "4.3.2", "Service is stopping, try again later")
    }
    pub(super) const fn too_many_errors() -> Reply {
        Reply::fixed(421, "4.7.0", "Too many errors")
    }
    pub(super) const fn too_many_logins() -> Reply {
        Reply::fixed(421, "4.7.0", "Too many failed logins")
    }
    pub(super) const fn no_web_server() -> Reply {
        Reply::fixed(421, "4.7.0", "This is a mail server")
    }
    pub(super) const fn too_many_recipients() -> Reply {
        Reply::fixed(452, "4.5.3", "Too many recipients")
    }

    pub(super) const fn line_too_long() -> Reply {
        Reply::fixed(500, "5.5.2", "Line too long")
    }
    pub(super) const fn bare_line_end() -> Reply {
        Reply::fixed(500, "5.5.2", "Bare CR or LF in a command")
    }
    pub(super) const fn not_text() -> Reply {
        Reply::fixed(500, "5.5.2", "Command is not valid UTF-8 text")
    }
    pub(super) const fn unknown_command() -> Reply {
        Reply::fixed(500, "5.5.2", "Command not recognised")
    }
    pub(super) const fn not_implemented() -> Reply {
        Reply::fixed(502, "5.5.1", "Command not implemented")
    }
    pub(super) const fn syntax(usage: &'static str) -> Reply {
        Reply::fixed(501, "5.5.4", usage)
    }
    pub(super) const fn bad_parameter(what: &'static str) -> Reply {
        Reply::fixed(501, "5.5.4", what)
    }
    pub(super) const fn unknown_parameter() -> Reply {
        Reply::fixed(555, "5.5.4", "Parameter not supported")
    }
    pub(super) const fn bad_sender() -> Reply {
        Reply::fixed(501, "5.1.7", "Sender address is not valid")
    }
    pub(super) const fn bad_recipient() -> Reply {
        Reply::fixed(501, "5.1.3", "Recipient address is not valid")
    }
    pub(super) const fn percent() -> Reply {
        Reply::fixed(553, "5.1.3", "Recipient addresses with % are not taken")
    }
    pub(super) const fn needs_smtputf8() -> Reply {
        Reply::fixed(553, "5.6.7", "Address needs SMTPUTF8")
    }
    pub(super) const fn out_of_order(what: &'static str) -> Reply {
        Reply::fixed(503, "5.5.1", what)
    }
    pub(super) const fn bad_chunk() -> Reply {
        Reply::fixed(521, "5.5.4", "Syntax: BDAT size [LAST]")
    }
    pub const fn no_recipients() -> Reply {
        Reply::fixed(554, "5.5.1", "No valid recipients")
    }
    pub(super) const fn smuggling() -> Reply {
        Reply::fixed(554, "5.6.0", "Bare CR or LF at a dot in the message")
    }
    pub(super) const fn tls_first() -> Reply {
        Reply::fixed(530, "5.7.0", "Must issue a STARTTLS command first")
    }
    pub(super) const fn login_first() -> Reply {
        Reply::fixed(530, "5.7.0", "Authentication required")
    }
    pub(super) const fn unknown_mechanism() -> Reply {
        Reply::fixed(504, "5.5.4", "Authentication mechanism not supported")
    }
    pub(super) const fn mechanism_needs_tls() -> Reply {
        Reply::fixed(538, "5.7.11", "Encryption required for this authentication mechanism")
    }
    pub(super) const fn bad_base64() -> Reply {
        Reply::fixed(501, "5.5.2", "Response is not valid")
    }
    pub(super) const fn login_cancelled() -> Reply {
        Reply::fixed(501, "5.7.0", "Authentication cancelled")
    }
    pub const fn bad_login() -> Reply {
        Reply::fixed(535, "5.7.8", "Authentication failed")
    }
}

/// What answers to the session's requests are made of.
impl Reply {
    pub const fn unknown_recipient() -> Reply {
        Reply::fixed(550, "5.1.1", "No such user here")
    }
    pub const fn relay_denied() -> Reply {
        Reply::fixed(550, "5.7.1", "Relaying not allowed! Bad sender IP address")
    }
    pub const fn relay_denied_to_sender() -> Reply {
        Reply::fixed(550, "5.7.1", "Relaying not allowed! Bad sender address")
    }
    pub fn blacklisted(client: IpAddr, list: &str) -> Reply {
        Reply::made(550, "5.7.1", format!("Client address [{client}] is listed by {list}"))
    }
    /// `code`: 450 to 559; `text`: graphic ASCII and spaces.
    pub fn by_rule(code: u16, text: &str) -> Reply {
        Reply::made(code, if code < 500 { "4.7.1" } else { "5.7.1" }, text.to_string())
    }
    /// A line of the reply to EHLO.
    pub fn offer(line: &str) -> Reply {
        Reply::made(250, "", line.to_string())
    }
    /// `person`: a name and an address in angle brackets.
    pub fn known(person: String) -> Reply {
        Reply::made(250, "2.1.5", person)
    }
    pub const fn cannot_verify() -> Reply {
        Reply::fixed(252, "2.1.5", "Send some mail, it will be tried")
    }
    pub fn nothing_queued(node: &str) -> Reply {
        Reply::made(251, "2.0.0", format!("Ok, no messages waiting for node {node}"))
    }
    pub fn queue_started(node: &str, count: usize) -> Reply {
        Reply::made(253, "2.0.0", format!("Ok, {count} pending messages for node {node} started"))
    }
    pub fn cannot_queue(node: &str) -> Reply {
        Reply::made(458, "4.3.0", format!("Unable to queue messages for node {node}"))
    }
    pub fn queue_denied(node: &str) -> Reply {
        Reply::made(459, "4.7.1", format!("Node {node} not allowed"))
    }
    pub const fn sending_not_allowed() -> Reply {
        Reply::fixed(550, "5.7.1", "You may not send mail out of the office")
    }
    pub const fn too_many_hops() -> Reply {
        Reply::fixed(554, "5.4.6", "Too many hops")
    }
    /// A limit that an administrator has set (RFC 3463 §3.3).
    pub const fn too_large() -> Reply {
        Reply::fixed(552, "5.2.3", "Message too large - contact your administrator")
    }
    pub const fn header_too_large() -> Reply {
        Reply::fixed(552, "5.3.4", "Message header too large")
    }
    pub const fn no_room() -> Reply {
        Reply::fixed(452, "4.3.1", "No room, try again later")
    }
    pub const fn temporary() -> Reply {
        Reply::fixed(451, "4.3.0", "Temporary failure, try again later")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_one_line() {
        let mut out = Vec::new();
        Reply::queued("2A").write_to(&mut out);
        Reply::send_data().write_to(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("250 2.0.0 Ok: queued as 2A\r\n354 Send"), "{text}");
        assert!(Reply::no_room().is_error() && !Reply::send_data().is_error());
    }
}
