//! A name server on loopback that answers as a test tells it, rightly or wrongly, over UDP and TCP on one port.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use simple_dns::rdata::{A, AAAA, CNAME, MX, RData, SOA};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

/// A question as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub name: String,
    pub qtype: TYPE,
    pub tcp: bool,
    pub edns: bool,
    pub id: u16,
    pub from: SocketAddr,
}

pub struct FakeDns {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The messages sent back for a question, none for silence.
type Answer = dyn Fn(&Asked, Packet<'static>) -> Vec<Vec<u8>> + Send + Sync;

impl FakeDns {
    /// `answer` gets the question and an empty response to it. Its threads end with the process.
    pub fn start(answer: impl Fn(&Asked, Packet<'static>) -> Vec<Vec<u8>> + Send + Sync + 'static) -> FakeDns {
        let (udp, tcp) = bind_both();
        let address = udp.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let (seen, by_udp) = (asked.clone(), answer.clone());
        thread::spawn(move || {
            let mut query = [0; 1500];
            while let Ok((length, from)) = udp.recv_from(&mut query) {
                for message in respond(&query[..length], from, false, &seen, &*by_udp) {
                    let _ = udp.send_to(&message, from);
                }
            }
        });
        let seen = asked.clone();
        thread::spawn(move || {
            while let Ok((mut stream, from)) = tcp.accept() {
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                if stream.read_exact(&mut query).is_err() {
                    continue;
                }
                for message in respond(&query, from, true, &seen, &*answer) {
                    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
                    framed.extend(message);
                    let _ = stream.write_all(&framed);
                }
            }
        });
        FakeDns { address, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn bind_both() -> (UdpSocket, TcpListener) {
    for _ in 0..50 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
    panic!("no port free for both UDP and TCP");
}

fn respond(query: &[u8], from: SocketAddr, tcp: bool, seen: &Mutex<Vec<Asked>>, answer: &Answer) -> Vec<Vec<u8>> {
    let packet = Packet::parse(query).unwrap();
    let question = packet.questions.first().unwrap().clone().into_owned();
    let QTYPE::TYPE(qtype) = question.qtype else { return Vec::new() };
    let name = question.qname.to_string();
    let asked = Asked { name, qtype, tcp, edns: packet.opt().is_some(), id: packet.id(), from };
    seen.lock().unwrap().push(asked.clone());
    let mut response = Packet::new_reply(packet.id());
    response.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    response.questions.push(question);
    answer(&asked, response)
}

pub fn bytes(packet: &Packet<'_>) -> Vec<Vec<u8>> {
    vec![packet.build_bytes_vec_compressed().unwrap()]
}

pub fn with(mut packet: Packet<'static>, records: Vec<ResourceRecord<'static>>) -> Vec<Vec<u8>> {
    packet.answers = records;
    bytes(&packet)
}

pub fn with_code(mut packet: Packet<'static>, code: RCODE) -> Vec<Vec<u8>> {
    *packet.rcode_mut() = code;
    bytes(&packet)
}

/// A negative answer that may be kept for `ttl` seconds.
pub fn negative(mut packet: Packet<'static>, code: RCODE, ttl: u32) -> Vec<Vec<u8>> {
    let name = Name::new("ns.example").unwrap();
    let soa = SOA { mname: name.clone(), rname: name, serial: 1, refresh: 9, retry: 9, expire: 9, minimum: ttl };
    packet.name_servers.push(record("example", ttl, RData::SOA(soa)));
    with_code(packet, code)
}

pub fn record(name: &str, ttl: u32, data: RData<'static>) -> ResourceRecord<'static> {
    ResourceRecord::new(Name::new(name).unwrap().into_owned(), CLASS::IN, ttl, data)
}

pub fn a(name: &str, address: &str) -> ResourceRecord<'static> {
    let address: Ipv4Addr = address.parse().unwrap();
    record(name, 300, RData::A(A { address: address.to_bits() }))
}

pub fn aaaa(name: &str, address: &str) -> ResourceRecord<'static> {
    let address: std::net::Ipv6Addr = address.parse().unwrap();
    record(name, 300, RData::AAAA(AAAA { address: address.to_bits() }))
}

pub fn mx(name: &str, preference: u16, host: &str) -> ResourceRecord<'static> {
    let exchange = Name::new(host).unwrap().into_owned();
    record(name, 300, RData::MX(MX { preference, exchange }))
}

pub fn cname(name: &str, target: &str) -> ResourceRecord<'static> {
    record(name, 300, RData::CNAME(CNAME(Name::new(target).unwrap().into_owned())))
}
