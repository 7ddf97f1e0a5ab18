//! Delivery status notifications (RFC 3464) in a `multipart/report` (RFC 6522): words for people, fields for programs,
//! and the mail in question or its header. Also the form in which a relay's reply is kept until then.

use std::fmt::Write;

/// Longest reason that is kept, bytes: a line of mail holds it whatever is in it.
pub const MAX_REASON: usize = 900;
/// Where lines are folded.
const WIDTH: usize = 76;

/// A reply of `host`, as it is kept with a recipient.
pub fn said(host: &str, reply: &str) -> String {
    if host.is_empty() { reply.to_string() } else { format!("{host} said: {reply}") }
}

/// What [`said`] put together: the host, if there is one, and the words.
pub fn split_said(reason: &str) -> (Option<&str>, &str) {
    match reason.split_once(" said: ") {
        Some((host, reply)) if !host.is_empty() && !host.contains(' ') => (Some(host), reply),
        _ => (None, reason),
    }
}

/// Cut to [`MAX_REASON`].
pub fn bounded(mut reason: String) -> String {
    if reason.len() > MAX_REASON {
        let end = (0..=MAX_REASON).rev().find(|&end| reason.is_char_boundary(end)).unwrap_or(0);
        reason.truncate(end);
    }
    reason
}

/// `Action` of RFC 3464 §2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Failed,
    Delayed,
    Relayed,
    Delivered,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Relayed => "relayed",
            Action::Delivered => "delivered",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Action::Failed => "Mail could not be delivered",
            Action::Delayed => "Mail is delayed",
            Action::Relayed => "Mail was passed on",
            Action::Delivered => "Mail was delivered",
        }
    }
}

/// One recipient reported on.
#[derive(Clone, Debug)]
pub struct Reported<'a> {
    pub address: &'a str,
    /// As received, in xtext.
    pub orcpt: Option<&'a str>,
    /// RFC 3463, such as `5.1.1`.
    pub status: String,
    /// As [`said`] made it.
    pub reason: &'a str,
}

#[derive(Clone, Debug)]
pub struct Report<'a> {
    pub from: &'a str,
    /// The return path of the mail.
    pub to: &'a str,
    /// The host that reports.
    pub reporting_mta: &'a str,
    pub action: Action,
    /// As received, in xtext.
    pub envid: Option<&'a str>,
    /// These dates as mail writes them.
    pub now: &'a str,
    pub arrival: &'a str,
    pub retry_until: Option<&'a str>,
    /// Message-ID of the mail, with its angle brackets.
    pub message_id: Option<&'a str>,
    pub recipients: Vec<Reported<'a>>,
    /// The mail, or its header.
    pub original: &'a [u8],
    pub whole: bool,
    /// Occurs nowhere else.
    pub boundary: &'a str,
}

impl Report<'_> {
    /// The message, with CRLF line ends.
    pub fn build(&self) -> Vec<u8> {
        let mut out = String::new();
        self.header(&mut out);
        self.words(&mut out);
        self.fields(&mut out);
        let (kind, encoding) =
            (if self.whole { "message/rfc822" } else { "text/rfc822-headers" }, encoding(self.original));
        part(&mut out, self.boundary, &format!("{kind}\r\nContent-Transfer-Encoding: {encoding}"));
        let mut out = out.into_bytes();
        out.extend_from_slice(self.original);
        out.extend_from_slice(format!("\r\n--{}--\r\n", self.boundary).as_bytes());
        out
    }

    fn header(&self, out: &mut String) {
        line(out, "From", &format!("Mail delivery <{}>", self.from));
        line(out, "To", &format!("<{}>", self.to));
        line(out, "Subject", self.action.subject());
        line(out, "Date", self.now);
        if let Some(id) = self.message_id {
            line(out, "In-Reply-To", id);
            line(out, "References", id);
        }
        line(out, "Auto-Submitted", "auto-replied");
        line(out, "MIME-Version", "1.0");
        let _ = write!(
            out,
            "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{}\"\r\n\r\n",
            self.boundary
        );
        out.push_str("This is a report on the delivery of a mail, in MIME format.\r\n");
    }

    fn words(&self, out: &mut String) {
        part(out, self.boundary, "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit");
        let begin = match self.action {
            Action::Failed => "Your mail could not be delivered to these recipients. It is not tried again for them:",
            Action::Delayed => {
                "Your mail could not be delivered to these recipients yet. You need not do anything, it is tried again:"
            }
            Action::Relayed => {
                "Your mail to these recipients has been handed on. The next server does not report on delivery, so that \
                 this is the last you hear of it from here:"
            }
            Action::Delivered => "Your mail has been delivered to these recipients:",
        };
        fold(out, "", begin);
        for recipient in &self.recipients {
            let _ = write!(out, "\r\n  {}\r\n", recipient.address);
            if !recipient.reason.is_empty() {
                let (host, words) = split_said(recipient.reason);
                let words = host.map_or_else(|| words.to_string(), |host| format!("The server {host} said: {words}"));
                fold(out, "    ", &words);
            }
        }
        let _ = write!(out, "\r\nThe mail came in on {}.\r\n", self.arrival);
        if let Some(until) = self.retry_until {
            let _ = write!(out, "It is given up if it cannot be delivered until {until}.\r\n");
        }
        let enclosed = if self.whole { "mail" } else { "header of the mail" };
        let _ = write!(out, "The {enclosed} is enclosed.\r\n");
    }

    fn fields(&self, out: &mut String) {
        part(out, self.boundary, "message/delivery-status");
        line(out, "Reporting-MTA", &format!("dns; {}", self.reporting_mta));
        if let Some(envid) = self.envid.and_then(decode_xtext) {
            line(out, "Original-Envelope-Id", &envid);
        }
        line(out, "Arrival-Date", self.arrival);
        for recipient in &self.recipients {
            out.push_str("\r\n");
            if let Some((kind, address)) = recipient.orcpt.and_then(|orcpt| orcpt.split_once(';')) {
                // What is no xtext is handed on as it came.
                let address = decode_xtext(address).unwrap_or_else(|| address.to_string());
                line(out, "Original-Recipient", &format!("{kind};{}", ascii(&address)));
            }
            line(out, "Final-Recipient", &typed_address(recipient.address));
            line(out, "Action", self.action.word());
            line(out, "Status", &recipient.status);
            if let (Some(host), reply) = split_said(recipient.reason) {
                line(out, "Remote-MTA", &format!("dns; {host}"));
                line(out, "Diagnostic-Code", &format!("smtp; {}", ascii(reply)));
            } else if !recipient.reason.is_empty() {
                line(out, "Diagnostic-Code", &format!("X-Pillarbox; {}", ascii(recipient.reason)));
            }
            line(out, "Last-Attempt-Date", self.now);
            if let Some(until) = self.retry_until {
                line(out, "Will-Retry-Until", until);
            }
        }
    }
}

/// Begins a part of the type `kind`, which may bring further fields with it.
pub fn part(out: &mut String, boundary: &str, kind: &str) {
    let _ = write!(out, "\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n");
}

/// `Content-Transfer-Encoding` of content enclosed as it is.
pub fn encoding(content: &[u8]) -> &'static str {
    if content.is_ascii() { "7bit" } else { "8bit" }
}

/// A field, folded.
pub fn line(out: &mut String, name: &str, value: &str) {
    let start = out.len();
    let _ = write!(out, "{name}:");
    for word in value.split_ascii_whitespace() {
        let used = out.len() - out.rfind('\n').map_or(start, |at| at + 1);
        if used > name.len() + 1 && used + word.len() >= WIDTH {
            out.push_str("\r\n");
        }
        out.push(' ');
        out.push_str(word);
    }
    out.push_str("\r\n");
}

/// Lines of running text, each after `indent`.
pub fn fold(out: &mut String, indent: &str, text: &str) {
    let mut used = 0;
    for word in text.split_ascii_whitespace() {
        if used > 0 && used + 1 + word.len() > WIDTH {
            out.push_str("\r\n");
            used = 0;
        }
        let before = if used == 0 { indent } else { " " };
        out.push_str(before);
        out.push_str(word);
        used += before.len() + word.len();
    }
    out.push_str("\r\n");
}

/// RFC 6533 §3: what is not ASCII in the form that is.
fn typed_address(address: &str) -> String {
    if address.is_ascii() {
        return format!("rfc822; {address}");
    }
    let mut text = "utf-8; ".to_string();
    for c in address.chars() {
        match c {
            c if c.is_ascii() && c != '\\' => text.push(c),
            c => {
                let _ = write!(text, "\\x{{{:X}}}", u32::from(c));
            }
        }
    }
    text
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect()
}

/// xtext of RFC 3461 §4; `None` if it is none, or holds what may not stand in a field.
fn decode_xtext(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = String::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        };
        if !(b' '..=b'~').contains(&byte) {
            return None;
        }
        out.push(char::from(byte));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;

    fn report<'a>(action: Action, reason: &'a str, original: &'a [u8]) -> Report<'a> {
        let recipient = Reported {
            address: "bob@x.example",
            orcpt: Some("rfc822;bob+2Bold@x.example"),
            status: "5.1.1".into(),
            reason,
        };
        Report {
            from: "Mailer_Daemon@office.example",
            to: "ann@office.example",
            reporting_mta: "box.office.example",
            action,
            envid: Some("QQ+3D1"),
            now: "Sun, 22 Nov 2026 09:05:07 +0100",
            arrival: "Sun, 22 Nov 2026 09:00:00 +0100",
            retry_until: (action == Action::Delayed).then_some("Wed, 25 Nov 2026 09:00:00 +0100"),
            message_id: Some("<1@office.example>"),
            recipients: vec![recipient.clone(), Reported { address: "jürgen@x.example", orcpt: None, ..recipient }],
            original,
            whole: true,
            boundary: "=_b",
        }
    }

    #[test]
    fn a_failure_is_read_back() {
        let original = "Subject: Grüße\r\n\r\nHallo\r\n";
        let reason = "smtp.x.example said: 550 5.1.1 kein Empfänger";
        let built = report(Action::Failed, reason, original.as_bytes()).build();
        let message = MessageParser::default().parse(&built).unwrap();
        assert_eq!(message.subject(), Some("Mail could not be delivered"));
        assert_eq!(message.header_raw("Auto-Submitted").map(str::trim), Some("auto-replied"));
        let kind = message.content_type().unwrap();
        assert_eq!((kind.ctype(), kind.attribute("report-type")), ("multipart", Some("delivery-status")));
        let text = message.body_text(0).unwrap();
        assert!(
            text.contains("  bob@x.example\r\n    The server smtp.x.example said: 550 5.1.1 kein Empfänger"),
            "{text}"
        );
        let status = std::str::from_utf8(message.part(2).unwrap().contents()).unwrap();
        for field in [
            "Reporting-MTA: dns; box.office.example\r\n",
            "Original-Envelope-Id: QQ=1\r\n",
            "Arrival-Date: Sun, 22 Nov 2026 09:00:00 +0100\r\n",
            "\r\n\r\nOriginal-Recipient: rfc822;bob+old@x.example\r\nFinal-Recipient: rfc822; bob@x.example\r\n",
            "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; smtp.x.example\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 kein Empf?nger\r\n",
            "\r\n\r\nFinal-Recipient: utf-8; j\\x{FC}rgen@x.example\r\n",
        ] {
            assert!(status.contains(field), "{field} not in\n{status}");
        }
        let enclosed = message.part(3).unwrap().message().unwrap();
        assert_eq!(enclosed.subject(), Some("Grüße"));
    }

    #[test]
    fn a_delay_says_how_long() {
        let built = report(Action::Delayed, "The relay x is gone: timed out", b"Subject: a\r\n\r\n").build();
        let text = String::from_utf8(built).unwrap();
        assert!(text.contains("Will-Retry-Until: Wed, 25 Nov 2026"));
        assert!(text.contains("Diagnostic-Code: X-Pillarbox; The relay x is gone: timed out\r\n"));
        assert!(!text.contains("Remote-MTA"));
    }

    #[test]
    fn no_line_is_too_long_and_none_is_smuggled_in() {
        let reason = said("h.example", &"word\r\nX-Evil: 1 ".repeat(60));
        let built = report(Action::Failed, &reason, b"").build();
        for line in built.split(|&b| b == b'\n') {
            assert!(line.len() < 200 && !line.starts_with(b"X-Evil"), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn reasons_are_taken_apart_and_cut() {
        assert_eq!(split_said(&said("h.example", "550 no")), (Some("h.example"), "550 no"));
        assert_eq!(split_said("The relay h said: x"), (None, "The relay h said: x"));
        assert_eq!(split_said(&said("", "x")), (None, "x"));
        assert_eq!(bounded("ü".repeat(500)).len(), MAX_REASON);
        assert_eq!(bounded("a".repeat(899) + "ü").len(), 899);
    }

    #[test]
    fn xtext() {
        assert_eq!(decode_xtext("a+2Bb+3D").as_deref(), Some("a+b="));
        for bad in ["+0A", "+2", "+", "+GG", "a\u{e9}"] {
            assert_eq!(decode_xtext(bad), None, "{bad}");
        }
    }
}
