//! The question: a checked name and a type, and the query that asks it.

use std::net::IpAddr;

use simple_dns::rdata::OPT;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, TYPE};

use super::RecordType;

/// Longest name as text, without the trailing dot (RFC 1035 §2.3.4: 255 bytes in a message).
const MAX_NAME: usize = 253;

/// UDP payload that passes everywhere without fragments.
const UDP_PAYLOAD: u16 = 1232;

/// A name and the type of record wanted for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Lower case, no trailing dot.
    name: String,
    wanted: RecordType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a domain name")]
pub struct BadName;

impl Question {
    /// ASCII names only, labels of 1 to 63 bytes, at most 253 bytes; a trailing dot is dropped.
    pub fn new(name: &str, wanted: RecordType) -> Result<Question, BadName> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if !is_name(name) {
            return Err(BadName);
        }
        Ok(Question { name: name.to_ascii_lowercase(), wanted })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn wanted(&self) -> RecordType {
        self.wanted
    }

    /// The query as it goes over UDP. Without `edns` an old server, or a router that throws away what it does not know,
    /// has nothing to stumble over.
    pub fn query(&self, id: u16, edns: bool) -> Result<Vec<u8>, BadName> {
        let mut packet = Packet::new_query(id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(&self.name).map_err(|_| BadName)?;
        packet.questions.push(simple_dns::Question::new(name, self.qtype(), QCLASS::CLASS(CLASS::IN), false));
        if edns {
            *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: UDP_PAYLOAD, version: 0 });
        }
        packet.build_bytes_vec().map_err(|_| BadName)
    }

    pub(super) fn is_asked_by(&self, asked: &simple_dns::Question<'_>) -> bool {
        asked.qtype == self.qtype()
            && asked.qclass == QCLASS::CLASS(CLASS::IN)
            && text_of(&asked.qname).is_some_and(|name| name == self.name)
    }

    fn qtype(&self) -> QTYPE {
        QTYPE::TYPE(match self.wanted {
            RecordType::A => TYPE::A,
            RecordType::Aaaa => TYPE::AAAA,
            RecordType::Mx => TYPE::MX,
            RecordType::Txt => TYPE::TXT,
            RecordType::Ptr => TYPE::PTR,
        })
    }
}

/// No dot, space or backslash inside a label: such names exist on the wire, but no mail server has one, and they would
/// be misread as text.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'))
}

/// A name out of a message as text in lower case, `None` where it is none we would ask for; the root is empty.
pub(super) fn text_of(name: &Name<'_>) -> Option<String> {
    let mut text = String::new();
    for label in name.iter() {
        let label = std::str::from_utf8(label.as_ref()).ok().filter(|label| !label.contains('.'))?;
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(label);
    }
    text.make_ascii_lowercase();
    (text.is_empty() || is_name(&text)).then_some(text)
}

/// The name that holds the PTR record of an address: `4.3.2.1.in-addr.arpa`.
pub fn reverse_name(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let mut name = String::with_capacity(72);
            for byte in v6.octets().iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", byte & 15, byte >> 4));
            }
            name.push_str("ip6.arpa");
            name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a.example", "_dmarc.a.example.", "xn--bcher-kva.example", "com", &"a.".repeat(126)] {
            assert!(Question::new(good, RecordType::A).is_ok(), "{good:?}");
        }
        for bad in ["", ".", "a..b", "bücher.example", "a b.example", "a\\.b", &"x".repeat(64), &"a.".repeat(128)] {
            assert!(Question::new(bad, RecordType::A).is_err(), "{bad:?}");
        }
        assert_eq!(Question::new("A.Example.", RecordType::Mx).unwrap().name(), "a.example");
    }

    #[test]
    fn queries_ask_their_question() {
        for edns in [true, false] {
            let question = Question::new("mail.a.example", RecordType::Txt).unwrap();
            let query = question.query(4711, edns).unwrap();
            let packet = Packet::parse(&query).unwrap();
            assert_eq!(packet.id(), 4711);
            assert!(packet.has_flags(PacketFlag::RECURSION_DESIRED));
            assert!(question.is_asked_by(&packet.questions[0]));
            assert_eq!(packet.opt().map(|opt| opt.udp_packet_size), edns.then_some(1232));
        }
    }

    #[test]
    fn reverse_names() {
        assert_eq!(reverse_name("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
        assert_eq!(
            reverse_name("2001:db8::567:89ab".parse().unwrap()),
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }
}
