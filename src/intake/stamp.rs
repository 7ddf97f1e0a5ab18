//! Lines the box writes on a mail: `Received` (RFC 5321 §4.4), what a submitted mail lacks (RFC 6409 §8), and the lines
//! in front of a delivered copy.

use std::fmt::Write;
use std::net::IpAddr;

use jiff::tz::TimeZone;

use super::Source;
use crate::mail::Address;
use crate::mail::date::rfc5322;
use crate::store::MailId;

/// The Received line, folded, with CRLF. `at`: Unix milliseconds, `zone`: in which people read it, as everywhere here.
pub(super) fn received(
    source: &Source,
    host_name: &str,
    id: MailId,
    for_recipient: Option<&Address>,
    at: i64,
    zone: &TimeZone,
) -> String {
    let mut line = String::with_capacity(320);
    let with = match source {
        Source::Smtp { client, helo, with, tls, .. } => {
            line.push_str("Received: from ");
            push_name(&mut line, helo);
            line.push_str(" (");
            push_literal(&mut line, *client);
            if let Some(tls) = tls {
                let _ = write!(line, ")\r\n\t(using ");
                push_comment(&mut line, tls);
            }
            line.push_str(")\r\n\tby ");
            *with
        }
        Source::Collector { host, .. } => {
            line.push_str("Received: from ");
            push_name(&mut line, host);
            line.push_str("\r\n\tby ");
            "POP3"
        }
        Source::Own => {
            line.push_str("Received: by ");
            ""
        }
    };
    push_name(&mut line, host_name);
    line.push_str(" (Pillarbox)");
    if !with.is_empty() {
        let _ = write!(line, " with {with}");
    }
    let _ = write!(line, " id {id}");
    if let Some(recipient) = for_recipient {
        let _ = write!(line, "\r\n\tfor <{recipient}>");
    }
    line.push_str("; ");
    line.push_str(&rfc5322(at, zone));
    line.push_str("\r\n");
    line
}

/// `Date`, as a line.
pub(super) fn date(at: i64, zone: &TimeZone) -> String {
    format!("Date: {}\r\n", rfc5322(at, zone))
}

/// `Message-ID`, as a line. Mail names are given once, also over restarts.
pub(super) fn message_id(id: MailId, host_name: &str, at: i64) -> String {
    let mut line = format!("Message-ID: <{at:x}.{id}@");
    push_name(&mut line, host_name);
    line.push_str(">\r\n");
    line
}

/// The lines in front of a copy in a mailbox (RFC 5321 §4.4; spec users-lists-admin §1.5). `reasons`: letters of the
/// ways that led to this mailbox; `originals`: the recipients they started from.
pub(super) fn delivery_head(return_path: Option<&Address>, reasons: &str, originals: &[Address]) -> String {
    let mut head = String::with_capacity(128);
    let _ = write!(head, "Return-Path: <{}>\r\n", return_path.map_or("", Address::as_str));
    let _ = write!(head, "X-VPOP3-RCPTTYPE: {reasons}\r\n");
    for original in originals {
        let _ = write!(head, "X-VPOP3-ORIGRCPT: {original}\r\n");
    }
    head
}

/// A client's name is whatever it says: what could break the line or pretend to be more of it becomes `?`.
fn push_name(line: &mut String, name: &str) {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    line.extend(name.chars().take(255).map(|c| if plain(c) { c } else { '?' }));
    if name.is_empty() {
        line.push_str("unknown");
    }
}

fn push_comment(line: &mut String, text: &str) {
    line.extend(text.chars().map(|c| if c.is_ascii_graphic() && !"()\\".contains(c) { c } else { ' ' }));
}

fn push_literal(line: &mut String, address: IpAddr) {
    let _ = match address {
        IpAddr::V4(address) => write!(line, "[{address}]"),
        IpAddr::V6(address) => write!(line, "[IPv6:{address}]"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_513_621_000;

    fn tonga() -> TimeZone {
        TimeZone::get("Pacific/Tongatapu").unwrap()
    }

    fn smtp(helo: &str, tls: Option<&str>) -> Source {
        Source::Smtp {
            client: "2001:db8::1".parse().unwrap(),
            helo: helo.into(),
            with: "ESMTPS",
            tls: tls.map(Into::into),
            auth_user: Some("bob".into()),
            may_relay: true,
            user: None,
        }
    }

    #[test]
    fn received_over_smtp() {
        let bob = Address::parse("bob@office.example").unwrap();
        let source = smtp("pc.office.example", Some("TLS1.3 TLS13_AES_256_GCM_SHA384"));
        assert_eq!(
            received(&source, "mail.office.example", MailId(0x2a), Some(&bob), NOW, &tonga()),
            format!(
                "Received: from pc.office.example ([IPv6:2001:db8::1])\r\n\
                 \t(using TLS1.3 TLS13_AES_256_GCM_SHA384)\r\n\
                 \tby mail.office.example (Pillarbox) with ESMTPS id 2A\r\n\
                 \tfor <bob@office.example>; {}\r\n",
                rfc5322(NOW, &tonga())
            )
        );
    }

    #[test]
    fn a_name_cannot_break_the_line() {
        let line = received(&smtp("x)\r\nBcc: y", None), "m", MailId(1), None, NOW, &tonga());
        assert!(line.starts_with("Received: from x???Bcc:?y (["), "{line}");
        assert_eq!(line.lines().count(), 2);
    }

    #[test]
    fn received_by_other_ways() {
        let source = Source::Collector { id: 1, name: "Gmail".into(), host: "pop.a.example".into(), user: "u".into() };
        let line = received(&source, "m.example", MailId(1), None, NOW, &tonga());
        assert!(line.starts_with("Received: from pop.a.example\r\n\tby m.example (Pillarbox) with POP3 id 1; "));
        let line = received(&Source::Own, "m.example", MailId(1), None, NOW, &tonga());
        assert!(line.starts_with("Received: by m.example (Pillarbox) id 1; "), "{line}");
        assert!(line.ends_with(" +1300\r\n") && date(NOW, &tonga()).ends_with(" +1300\r\n"), "{line}");
    }

    #[test]
    fn the_head_of_a_copy() {
        let bob = Address::parse("bob@office.example").unwrap();
        assert_eq!(
            delivery_head(None, "D", &[bob]),
            "Return-Path: <>\r\nX-VPOP3-RCPTTYPE: D\r\nX-VPOP3-ORIGRCPT: bob@office.example\r\n"
        );
    }
}
