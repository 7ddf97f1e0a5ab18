//! Realtime blacklists, asked of a name server that knows this client (spec connectors-and-smtp §8.6).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pillarbox::config::{AccessList, AccessRule, RblAction};
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, ResourceRecord};

use super::office::Office;

/// 127.0.0.1 is in `nine.example` with 127.0.0.9; `silent.example` never answers.
struct World {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

fn world() -> World {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let world = World { address: socket.local_addr().unwrap(), asked: Arc::default() };
    let asked = world.asked.clone();
    // Ends with the process.
    std::thread::spawn(move || {
        let mut query = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            asked.fetch_add(1, Ordering::SeqCst);
            if let Some(answer) = answer(&query[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    world
}

fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let packet = Packet::parse(query).unwrap();
    let question = packet.questions.first().unwrap().clone().into_owned();
    let name = question.qname.clone();
    let mut response = Packet::new_reply(packet.id());
    response.questions.push(question);
    match name.to_string().as_str() {
        "1.0.0.127.silent.example" => return None,
        "1.0.0.127.nine.example" => {
            let nine = RData::A(A::from(Ipv4Addr::new(127, 0, 0, 9)));
            response.answers.push(ResourceRecord::new(name, CLASS::IN, 60, nine));
        }
        _ => {}
    }
    Some(response.build_bytes_vec_compressed().unwrap())
}

fn office(server: &World, zones: &[&str]) -> Office {
    let zones = zones.iter().map(|zone| zone.to_string()).collect();
    let office = Office::with(|service| {
        service.access = AccessList::default();
        service.rbl_servers = zones;
        service.rbl_exempt = Vec::new();
    });
    office.resolver.set_servers(vec![server.address]);
    office
}

const LISTED: &str = "550 5.7.1 Client address [127.0.0.1] is listed by nine.example";

fn rcpt(office: &Office, reply: &str) {
    let mut client = office.greeted();
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<anna@office.example>", reply);
}

#[test]
fn behaviour_17_an_expression_ignores_other_answers() {
    let server = world();
    rcpt(&office(&server, &["nine.example"]), LISTED);
    rcpt(&office(&server, &["nine.example(^127\\.0\\.0\\.9$)"]), LISTED);
    rcpt(&office(&server, &["nine.example(^127\\.0\\.0\\.2$)"]), "250");
    rcpt(&office(&server, &["other.example", "nine.example"]), LISTED);
    rcpt(&office(&server, &["other.example"]), "250");
}

#[test]
fn who_is_trusted_or_has_logged_in_is_not_looked_up() {
    let server = world();
    let office = office(&server, &["nine.example"]);
    office.change(|config| config.smtp[0].rbl_exempt = vec!["127.0.0.0/8".into()]);
    rcpt(&office, "250");
    office.change(|config| {
        config.smtp[0].rbl_exempt = Vec::new();
        config.smtp[0].access = [AccessRule::trust("127.0.0.1")].into();
    });
    rcpt(&office, "250");
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn complaints_come_through_and_the_event_is_noted() {
    let server = world();
    let office = office(&server, &["nine.example"]);
    office.change(|config| {
        config.security.ips.blacklisted = 10;
        config.general.main_administrator = "anna".into();
    });
    let mut client = office.greeted();
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<anna@office.example>", LISTED);
    client.expect("RCPT TO:<postmaster@office.example>", "250");
    let noted = office.watch.recent();
    assert_eq!((noted.len(), noted[0].event.number(), noted[0].data.as_str()), (1, 8, "nine.example"));
}

#[test]
fn mail_can_be_marked_instead() {
    let server = world();
    let office = office(&server, &["nine.example"]);
    office.change(|config| config.smtp[0].rbl_action = RblAction::Tag);
    let mail = office.greeted().mail("x@far.example", &["anna"], "Subject: x\r\n\r\n");
    let body = String::from_utf8(office.body(mail)).unwrap();
    assert!(body.contains("\r\nX-RBL-Warning: [127.0.0.1] is listed by nine.example\r\nSubject: x\r\n"), "{body}");
}

#[test]
fn a_list_that_is_silent_lists_nobody() {
    let server = world();
    let office = office(&server, &["silent.example", "nine.example"]);
    rcpt(&office, LISTED);
    office.change(|config| config.smtp[0].rbl_servers = vec!["silent.example".into()]);
    rcpt(&office, "250");
}
