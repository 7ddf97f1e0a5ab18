//! Judging a response: does it answer our question, and what does it say.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, OPCODE, Packet, PacketFlag, RCODE, ResourceRecord};

use super::question::text_of;
use super::{Data, MAX_ALIASES, MAX_RECORDS, MAX_TEXT, Question, RecordType};

/// Least bytes of a question and of a record (RFC 1035 §4.1): counts that cannot be true are refused before the parser
/// makes room for them.
const LEAST_QUESTION: usize = 5;
const LEAST_RECORD: usize = 11;
const HEADER: usize = 12;

/// What a message is to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// No answer to this question: another id, another question, rubbish. The right answer may still come.
    Foreign,
    /// Cut off; to be asked again over TCP.
    Truncated,
    /// The server cannot or will not answer. Another may.
    Failed(Failure),
    /// At least one record of the wanted type; seconds they may be kept.
    Found { data: Vec<Data>, ttl: u32 },
    /// The name is an alias for one the server said nothing about. Ask for that one.
    Alias { target: String, ttl: u32 },
    /// The name exists without such a record; seconds this may be kept, 0 where the server did not say.
    NoData { ttl: u32 },
    /// The name does not exist.
    NoName { ttl: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// FORMERR, NOTIMP, BADVERS: the server may not know EDNS.
    #[error("does not understand the question")]
    NotUnderstood,
    #[error("failed")]
    ServerFailure,
    #[error("refused to answer")]
    Refused,
    #[error("answered with an unexpected code")]
    Other,
    #[error("sent an alias loop")]
    AliasLoop,
}

impl Question {
    /// Judges a message that came as the response to the query with this id.
    pub fn judge(&self, id: u16, message: &[u8]) -> Judged {
        if !counts_are_possible(message) {
            return Judged::Foreign;
        }
        let Ok(packet) = Packet::parse(message) else {
            return self.judge_unreadable(id, message);
        };
        if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) || packet.opcode() != OPCODE::StandardQuery {
            return Judged::Foreign;
        }
        let failure = failure(packet.rcode());
        match packet.questions.as_slice() {
            [asked] if self.is_asked_by(asked) => {}
            // Servers that did not understand a query may not repeat it.
            [] if failure.is_some() => {}
            _ => return Judged::Foreign,
        }
        if packet.has_flags(PacketFlag::TRUNCATION) {
            return Judged::Truncated;
        }
        if let Some(failure) = failure {
            return Judged::Failed(failure);
        }
        self.read(&packet)
    }

    /// A cut response need not end on a record; its header still tells that it is one.
    fn judge_unreadable(&self, id: u16, message: &[u8]) -> Judged {
        const RESPONSE_TRUNCATED: u8 = 0x82;
        match message {
            [first, second, flags, ..]
                if u16::from_be_bytes([*first, *second]) == id && flags & RESPONSE_TRUNCATED == RESPONSE_TRUNCATED =>
            {
                Judged::Truncated
            }
            _ => Judged::Foreign,
        }
    }

    fn read(&self, packet: &Packet<'_>) -> Judged {
        let mut name = self.name().to_string();
        let mut ttl = u32::MAX;
        let mut aliases = 0;
        while let Some((target, alias_ttl)) = alias_of(&packet.answers, &name) {
            aliases += 1;
            if aliases > MAX_ALIASES {
                return Judged::Failed(Failure::AliasLoop);
            }
            ttl = ttl.min(alias_ttl);
            name = target;
        }
        let mut data = Vec::new();
        for record in records_of(&packet.answers, &name) {
            let Some(one) = wanted_data(&record.rdata, self.wanted()) else { continue };
            ttl = ttl.min(seconds(record.ttl));
            data.push(one);
            if data.len() == MAX_RECORDS {
                break;
            }
        }
        if !data.is_empty() {
            return Judged::Found { data, ttl };
        }
        let negative = negative_ttl(&packet.name_servers);
        match packet.rcode() {
            RCODE::NameError => Judged::NoName { ttl: ttl.min(negative.unwrap_or(0)) },
            _ if aliases > 0 && negative.is_none() => Judged::Alias { target: name, ttl },
            _ => Judged::NoData { ttl: ttl.min(negative.unwrap_or(0)) },
        }
    }
}

fn counts_are_possible(message: &[u8]) -> bool {
    let count = |at: usize| match message.get(at..at + 2) {
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
        _ => usize::MAX / 64,
    };
    let least = count(4) * LEAST_QUESTION + (count(6) + count(8) + count(10)) * LEAST_RECORD;
    least <= message.len().saturating_sub(HEADER)
}

fn failure(code: RCODE) -> Option<Failure> {
    match code {
        RCODE::NoError | RCODE::NameError => None,
        RCODE::FormatError | RCODE::NotImplemented | RCODE::BADVERS => Some(Failure::NotUnderstood),
        RCODE::ServerFailure => Some(Failure::ServerFailure),
        RCODE::Refused => Some(Failure::Refused),
        _ => Some(Failure::Other),
    }
}

fn records_of<'a, 'p>(records: &'a [ResourceRecord<'p>], name: &str) -> impl Iterator<Item = &'a ResourceRecord<'p>> {
    records
        .iter()
        .filter(move |record| record.class == CLASS::IN && text_of(&record.name).is_some_and(|owner| owner == name))
}

fn alias_of(records: &[ResourceRecord<'_>], name: &str) -> Option<(String, u32)> {
    records_of(records, name).find_map(|record| match &record.rdata {
        RData::CNAME(target) => text_of(target).filter(|target| !target.is_empty()).map(|t| (t, seconds(record.ttl))),
        _ => None,
    })
}

fn wanted_data(data: &RData<'_>, wanted: RecordType) -> Option<Data> {
    match (data, wanted) {
        (RData::A(a), RecordType::A) => Some(Data::Address(std::net::Ipv4Addr::from(a.address).into())),
        (RData::AAAA(aaaa), RecordType::Aaaa) => Some(Data::Address(std::net::Ipv6Addr::from(aaaa.address).into())),
        (RData::MX(mx), RecordType::Mx) => {
            text_of(&mx.exchange).map(|host| Data::Mx { preference: mx.preference, host })
        }
        (RData::TXT(txt), RecordType::Txt) => {
            String::try_from(txt.clone()).ok().filter(|text| text.len() <= MAX_TEXT).map(Data::Text)
        }
        (RData::PTR(name), RecordType::Ptr) => text_of(name).filter(|name| !name.is_empty()).map(Data::Name),
        _ => None,
    }
}

/// RFC 2308 §5: the lesser of the SOA record's own TTL and its minimum field.
fn negative_ttl(authority: &[ResourceRecord<'_>]) -> Option<u32> {
    authority.iter().find_map(|record| match &record.rdata {
        RData::SOA(soa) => Some(seconds(record.ttl).min(seconds(soa.minimum))),
        _ => None,
    })
}

/// RFC 2181 §8: with the top bit set, a TTL is zero.
fn seconds(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

#[cfg(test)]
mod tests;
