//! The DNS test, and what it says of servers of all kinds.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use pillarbox::live::{Board, NameServersState};
use pillarbox::net::Resolver;
use pillarbox::net::dns::Servers;
use simple_dns::{RCODE, TYPE};

use crate::peer::{self, Asked, FakeDns};
use crate::run;

const NAME: &str = "known.example";

/// Knows one name.
fn honest() -> FakeDns {
    FakeDns::start(|asked, response| match asked.name.as_str() {
        NAME => peer::with(response, vec![peer::mx(NAME, 10, "mx.known.example")]),
        _ => peer::negative(response, RCODE::NameError, 60),
    })
}

fn tested(servers: &[SocketAddr]) -> NameServersState {
    let resolver = Resolver::new(Servers { listed: servers.to_vec(), detected: false });
    let board = Board::default();
    board.name_servers_tested(1, run(resolver.probe(NAME)).unwrap());
    board.name_servers(&resolver.current())
}

fn said(state: &NameServersState) -> Vec<&str> {
    state.servers.iter().map(|server| server.state.as_str()).collect()
}

#[test]
fn each_server_is_asked_for_a_name_that_is_and_one_that_cannot_be() {
    let (one, two) = (honest(), honest());
    let state = tested(&[one.address, two.address]);
    assert!(state.ok && state.state == "fine", "{state:?}");
    for (server, peer) in state.servers.iter().zip([&one, &two]) {
        assert_eq!(server.address, peer.address.to_string());
        assert_eq!(server.existing.as_ref().unwrap().answer, "exists");
        assert_eq!(server.missing.as_ref().unwrap().answer, "does not exist");
        let mut asked: Vec<Asked> = peer.asked();
        asked.sort_by_key(|asked| asked.qtype == TYPE::A);
        assert_eq!((asked.len(), asked[0].name.as_str(), asked[0].qtype), (2, NAME, TYPE::MX));
        let made_up = asked[1].name.strip_suffix(".example").unwrap();
        assert!(made_up.len() == 20 && made_up.bytes().all(|b| b.is_ascii_lowercase()));
    }
    // Made up anew each time, lest a server learn it.
    tested(&[one.address]);
    let names: std::collections::HashSet<String> = one.asked().into_iter().map(|asked| asked.name).collect();
    assert_eq!(names.len(), 3);
}

#[test]
fn a_server_that_finds_every_name_is_a_liar() {
    let liar = FakeDns::start(|asked, response| peer::with(response, vec![peer::a(&asked.name, "192.0.2.80")]));
    let state = tested(&[liar.address, honest().address]);
    assert!(!state.ok && !state.servers[0].ok && state.servers[1].ok);
    assert_eq!(state.state, "1 of 2 name servers can be relied on");
    assert!(said(&state)[0].starts_with("says of names that do not exist that they do"), "{state:?}");
}

#[test]
fn a_dead_server_a_failing_one_and_one_that_knows_nothing() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let failing = FakeDns::start(|_, response| peer::with_code(response, RCODE::ServerFailure));
    let refusing = FakeDns::start(|_, response| peer::with_code(response, RCODE::Refused));
    let island = FakeDns::start(|_, response| peer::negative(response, RCODE::NameError, 60));
    let state = tested(&[silent.local_addr().unwrap(), failing.address, refusing.address, island.address]);
    assert_eq!(
        said(&state),
        [
            "does not answer",
            "failed",
            "refused to answer",
            "says that known.example does not exist: it does not know the Internet"
        ]
    );
    assert!(!state.ok && state.state.starts_with("no name server can be relied on"), "{state:?}");
}

#[test]
fn nobody_listens() {
    // Another's port for as long as the test lasts, over TCP only.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let state = tested(&[taken.local_addr().unwrap()]);
    assert_eq!(said(&state), ["cannot be reached: connection refused"]);
}

#[test]
fn a_slow_server_works_and_is_said_to_be_slow() {
    let slow = FakeDns::start(|asked, response| match asked.name.as_str() {
        NAME => {
            std::thread::sleep(Duration::from_millis(1100));
            peer::with(response, vec![peer::mx(NAME, 10, "mx.known.example")])
        }
        _ => peer::negative(response, RCODE::NameError, 60),
    });
    let state = tested(&[slow.address]);
    assert!(state.ok && said(&state)[0].starts_with("works, but slowly ("), "{state:?}");
}

#[test]
fn a_server_without_edns_and_one_whose_answers_are_cut_work() {
    let old = FakeDns::start(|asked, response| match (asked.edns, asked.name.as_str()) {
        (true, _) => peer::with_code(response, RCODE::FormatError),
        (false, NAME) => peer::with(response, vec![peer::mx(NAME, 10, "mx.known.example")]),
        (false, _) => peer::negative(response, RCODE::NameError, 60),
    });
    let cut = FakeDns::start(|asked, mut response| {
        if !asked.tcp {
            response.set_flags(simple_dns::PacketFlag::TRUNCATION);
        }
        match asked.name.as_str() {
            NAME => peer::with(response, vec![peer::mx(NAME, 10, "mx.known.example")]),
            _ => peer::negative(response, RCODE::NameError, 60),
        }
    });
    let state = tested(&[old.address, cut.address]);
    assert!(state.ok, "{state:?}");
}

#[test]
fn names_that_are_none_are_not_asked_for() {
    let server = honest();
    let resolver = Resolver::new(vec![server.address]);
    assert!(run(resolver.probe("a b")).is_err());
    assert!(server.asked().is_empty());
}
