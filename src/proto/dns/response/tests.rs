use proptest::prelude::*;
use simple_dns::rdata::{A, AAAA, CNAME, MX, SOA, TXT};
use simple_dns::{Name, QCLASS, QTYPE, TYPE};

use super::*;

const ID: u16 = 0x1234;

fn question(wanted: RecordType) -> Question {
    Question::new("a.example", wanted).unwrap()
}

fn record<'a>(name: &'a str, ttl: u32, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, ttl, data)
}

fn a(name: &str, ttl: u32, last: u8) -> ResourceRecord<'_> {
    record(name, ttl, RData::A(A { address: 0xC000_0200 + u32::from(last) }))
}

fn alias<'a>(name: &'a str, target: &'a str) -> ResourceRecord<'a> {
    record(name, 60, RData::CNAME(CNAME(Name::new(target).unwrap())))
}

fn soa() -> ResourceRecord<'static> {
    let name = || Name::new("ns.example").unwrap();
    let soa = SOA { mname: name(), rname: name(), serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 90 };
    record("example", 600, RData::SOA(soa))
}

fn reply<'a>(asked: &'a str, qtype: TYPE, answers: Vec<ResourceRecord<'a>>) -> Packet<'a> {
    let mut packet = Packet::new_reply(ID);
    let class = QCLASS::CLASS(CLASS::IN);
    packet.questions.push(simple_dns::Question::new(Name::new(asked).unwrap(), QTYPE::TYPE(qtype), class, false));
    packet.answers = answers;
    packet
}

fn judge(question: &Question, packet: &Packet<'_>) -> Judged {
    question.judge(ID, &packet.build_bytes_vec_compressed().unwrap())
}

fn address(last: u8) -> Data {
    Data::Address([192, 0, 2, last].into())
}

#[test]
fn records_of_the_name_are_found() {
    let answers = vec![a("A.Example", 300, 1), a("a.example", 200, 2), a("other.example", 5, 3)];
    let found = judge(&question(RecordType::A), &reply("a.EXAMPLE", TYPE::A, answers));
    assert_eq!(found, Judged::Found { data: vec![address(1), address(2)], ttl: 200 });

    let v6 = record("a.example", 1 << 31, RData::AAAA(AAAA { address: 1 }));
    let found = judge(&question(RecordType::Aaaa), &reply("a.example", TYPE::AAAA, vec![v6]));
    assert_eq!(found, Judged::Found { data: vec![Data::Address("::1".parse().unwrap())], ttl: 0 });

    let text = TXT::new().with_string("v=spf1 ").unwrap().with_string("-all").unwrap();
    let found = judge(
        &question(RecordType::Txt),
        &reply("a.example", TYPE::TXT, vec![record("a.example", 9, RData::TXT(text))]),
    );
    assert_eq!(found, Judged::Found { data: vec![Data::Text("v=spf1 -all".into())], ttl: 9 });

    let mx = |preference, host| RData::MX(MX { preference, exchange: Name::new(host).unwrap() });
    let answers =
        vec![record("a.example", 9, mx(20, "MX.a.example")), record("a.example", 9, mx(0, "")), a("a.example", 1, 1)];
    let found = judge(&question(RecordType::Mx), &reply("a.example", TYPE::MX, answers));
    let mx = |preference, host: &str| Data::Mx { preference, host: host.into() };
    assert_eq!(found, Judged::Found { data: vec![mx(20, "mx.a.example"), mx(0, "")], ttl: 9 });
}

#[test]
fn aliases_are_followed_to_their_end() {
    let answers = vec![a("c.example", 300, 7), alias("b.example", "c.example"), alias("a.example", "b.example")];
    let found = judge(&question(RecordType::A), &reply("a.example", TYPE::A, answers));
    assert_eq!(found, Judged::Found { data: vec![address(7)], ttl: 60 });

    let dangling = reply("a.example", TYPE::A, vec![alias("a.example", "b.example")]);
    assert_eq!(judge(&question(RecordType::A), &dangling), Judged::Alias { target: "b.example".into(), ttl: 60 });

    let answers = vec![alias("a.example", "b.example"), alias("b.example", "a.example")];
    let looped = judge(&question(RecordType::A), &reply("a.example", TYPE::A, answers));
    assert_eq!(looped, Judged::Failed(Failure::AliasLoop));
}

#[test]
fn nothing_is_told_from_no_such_name() {
    let asked = question(RecordType::A);
    let mut packet = reply("a.example", TYPE::A, vec![]);
    assert_eq!(judge(&asked, &packet), Judged::NoData { ttl: 0 });
    packet.name_servers.push(soa());
    assert_eq!(judge(&asked, &packet), Judged::NoData { ttl: 90 });
    *packet.rcode_mut() = RCODE::NameError;
    assert_eq!(judge(&asked, &packet), Judged::NoName { ttl: 90 });
    for (code, failure) in [
        (RCODE::ServerFailure, Failure::ServerFailure),
        (RCODE::Refused, Failure::Refused),
        (RCODE::FormatError, Failure::NotUnderstood),
    ] {
        *packet.rcode_mut() = code;
        assert_eq!(judge(&asked, &packet), Judged::Failed(failure));
    }
}

#[test]
fn what_answers_another_question_is_foreign() {
    let asked = question(RecordType::A);
    let right = reply("a.example", TYPE::A, vec![a("a.example", 1, 1)]);
    assert_eq!(asked.judge(ID + 1, &right.build_bytes_vec().unwrap()), Judged::Foreign);
    assert_eq!(judge(&asked, &reply("b.example", TYPE::A, vec![a("a.example", 1, 1)])), Judged::Foreign);
    assert_eq!(judge(&asked, &reply("a.example", TYPE::AAAA, vec![a("a.example", 1, 1)])), Judged::Foreign);
    let mut two = reply("a.example", TYPE::A, vec![a("a.example", 1, 1)]);
    two.questions.push(two.questions[0].clone());
    assert_eq!(judge(&asked, &two), Judged::Foreign);
    assert_eq!(asked.judge(ID, &asked.query(ID, true).unwrap()), Judged::Foreign);
    assert_eq!(asked.judge(ID, b""), Judged::Foreign);
}

#[test]
fn a_cut_response_is_truncated_wherever_it_was_cut() {
    let mut packet = reply("a.example", TYPE::A, vec![a("a.example", 1, 1)]);
    packet.set_flags(PacketFlag::TRUNCATION);
    let bytes = packet.build_bytes_vec().unwrap();
    assert_eq!(question(RecordType::A).judge(ID, &bytes), Judged::Truncated);
    let mid_record = &bytes[..bytes.len() - 2];
    assert_eq!(question(RecordType::A).judge(ID, mid_record), Judged::Truncated);
}

#[test]
fn lies_about_counts_are_refused_before_parsing() {
    let mut bytes = reply("a.example", TYPE::A, vec![]).build_bytes_vec().unwrap();
    bytes[6..12].fill(0xff);
    assert!(!counts_are_possible(&bytes));
    assert_eq!(question(RecordType::A).judge(ID, &bytes), Judged::Foreign);
}

#[test]
fn answers_are_bounded() {
    let answers = (0..=255).map(|last| a("a.example", 1, last)).collect();
    match judge(&question(RecordType::A), &reply("a.example", TYPE::A, answers)) {
        Judged::Found { data, .. } => assert_eq!(data.len(), MAX_RECORDS),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = question(RecordType::Mx).judge(ID, &bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0usize..200, value: u8, cut in 0usize..200) {
        let mut packet = reply("a.example", TYPE::A, vec![alias("a.example", "b.example"), a("b.example", 1, 1)]);
        packet.name_servers.push(soa());
        let mut bytes = packet.build_bytes_vec_compressed().unwrap();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        bytes.truncate(cut.max(12));
        let _ = question(RecordType::A).judge(ID, &bytes);
    }
}
