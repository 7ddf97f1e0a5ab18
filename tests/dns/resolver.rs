//! What is found, and what is made of answers that are wrong, late or missing.

use std::collections::HashSet;
use std::net::IpAddr;

use pillarbox::net::Resolver;
use pillarbox::net::dns::{self, DnsError, Mx};
use simple_dns::rdata::{PTR, RData, TXT};
use simple_dns::{Name, PacketFlag, RCODE, ResourceRecord, TYPE};

use crate::peer::{self, Asked, FakeDns};
use crate::run;

fn txt(name: &str, text: &str) -> ResourceRecord<'static> {
    peer::record(name, 300, RData::TXT(TXT::try_from(text).unwrap().into_owned()))
}

fn ptr(name: &str, target: &str) -> ResourceRecord<'static> {
    peer::record(name, 300, RData::PTR(PTR(Name::new(target).unwrap().into_owned())))
}

fn resolver(servers: &[&FakeDns]) -> Resolver {
    Resolver::new(servers.iter().map(|server| server.address).collect::<Vec<_>>())
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Answers TXT questions with the text "right".
fn right() -> FakeDns {
    FakeDns::start(|asked, response| peer::with(response, vec![txt(&asked.name, "right")]))
}

fn is_right(result: Result<Vec<String>, DnsError>) -> bool {
    result == Ok(vec!["right".to_string()])
}

#[test]
fn every_type_is_read() {
    let server = FakeDns::start(|asked, response| {
        let name = asked.name.as_str();
        let records = match asked.qtype {
            TYPE::A => vec![peer::a(name, "192.0.2.1"), peer::a(name, "192.0.2.2")],
            TYPE::AAAA => vec![peer::aaaa(name, "2001:db8::1")],
            TYPE::MX => vec![peer::mx(name, 20, "Backup.a.example"), peer::mx(name, 10, "mx.a.example")],
            TYPE::PTR => vec![ptr(name, "host.a.example")],
            _ => vec![txt(name, "v=spf1 -all")],
        };
        peer::with(response, records)
    });
    let resolver = resolver(&[&server]);
    let mx = |preference, host: &str| Mx { preference, host: host.to_string() };
    run(async {
        let all = resolver.addresses("A.Example.").await.unwrap();
        assert_eq!(all, ips(&["2001:db8::1", "192.0.2.1", "192.0.2.2"]));
        assert_eq!(resolver.mx("a.example").await, Ok(vec![mx(10, "mx.a.example"), mx(20, "backup.a.example")]));
        assert_eq!(resolver.txt("a.example").await, Ok(vec!["v=spf1 -all".to_string()]));
        assert_eq!(resolver.ptr("192.0.2.1".parse().unwrap()).await, Ok(vec!["host.a.example".to_string()]));
    });
    assert!(server.asked().iter().any(|asked| asked.name == "1.2.0.192.in-addr.arpa"));
}

#[test]
fn answers_are_kept_and_forgotten_with_their_servers() {
    let server = right();
    let resolver = resolver(&[&server]);
    assert!(is_right(run(resolver.txt("a.example"))));
    assert!(is_right(run(resolver.clone().txt("A.EXAMPLE"))));
    assert_eq!(server.asked().len(), 1);
    let other = right();
    resolver.set_servers(vec![other.address]);
    assert!(is_right(run(resolver.txt("a.example"))));
    assert_eq!((server.asked().len(), other.asked().len()), (1, 1));
}

#[test]
fn what_does_not_exist_is_told_and_kept() {
    let server = FakeDns::start(|asked, response| match asked.name.as_str() {
        "none.example" => peer::negative(response, RCODE::NameError, 60),
        "empty.example" => peer::negative(response, RCODE::NoError, 60),
        _ => peer::negative(response, RCODE::NameError, 0),
    });
    let resolver = resolver(&[&server]);
    run(async {
        for _ in 0..2 {
            assert_eq!(resolver.txt("none.example").await, Err(DnsError::NoName("none.example".into())));
            assert_eq!(resolver.txt("empty.example").await, Err(DnsError::NoData("empty.example".into())));
        }
        assert_eq!(server.asked().len(), 2);
        for _ in 0..2 {
            assert!(resolver.txt("gone.example").await.is_err());
        }
        assert_eq!(server.asked().len(), 4);
        assert!(matches!(resolver.addresses("none.example").await, Err(DnsError::NoName(_))));
    });
}

#[test]
fn one_family_is_enough() {
    let server = FakeDns::start(|asked, response| match asked.qtype {
        TYPE::A => peer::with(response, vec![peer::a(&asked.name, "192.0.2.1")]),
        _ => peer::with_code(response, RCODE::ServerFailure),
    });
    assert_eq!(run(resolver(&[&server]).addresses("a.example")), Ok(ips(&["192.0.2.1"])));
}

#[test]
fn guesses_are_passed_over() {
    let server = FakeDns::start(|asked, response| {
        let forged = || vec![txt(&asked.name, "forged")];
        let mut other_id = response.clone();
        other_id.set_id(asked.id.wrapping_add(1));
        let mut other_name = response.clone();
        other_name.questions[0].qname = simple_dns::Name::new("b.example").unwrap();
        let mut messages = vec![b"rubbish".to_vec()];
        messages.extend(peer::with(other_id, forged()));
        messages.extend(peer::with(other_name, forged()));
        messages.extend(peer::with(response.clone(), vec![txt(&asked.name, "right")]));
        messages
    });
    assert!(is_right(run(resolver(&[&server]).txt("a.example"))));
}

#[test]
fn a_flood_of_guesses_ends_the_attempt() {
    let server = FakeDns::start(|_, _| vec![b"rubbish".to_vec(); 100]);
    let error = run(resolver(&[&server]).txt("a.example")).unwrap_err();
    assert!(error.is_temporary() && error.to_string().contains("answers other questions"), "{error}");
}

#[test]
fn cut_answers_are_asked_for_over_tcp() {
    let server = FakeDns::start(|asked, mut response| {
        if asked.tcp {
            return peer::with(response, vec![txt(&asked.name, "right")]);
        }
        response.set_flags(PacketFlag::TRUNCATION);
        peer::with(response, vec![txt(&asked.name, "half")])
    });
    assert!(is_right(run(resolver(&[&server]).txt("a.example"))));
    assert_eq!(server.asked().iter().map(|asked| asked.tcp).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_failing_server_is_followed_by_the_next_which_is_then_preferred() {
    let failing = FakeDns::start(|_, response| peer::with_code(response, RCODE::ServerFailure));
    let good = right();
    let resolver = resolver(&[&failing, &good]);
    assert!(is_right(run(resolver.txt("a.example"))));
    assert!(is_right(run(resolver.txt("b.example"))));
    assert_eq!((failing.asked().len(), good.asked().len()), (1, 2));
}

#[test]
fn a_silent_server_is_followed_by_the_next() {
    let silent = FakeDns::start(|_, _| Vec::new());
    let good = right();
    assert!(is_right(run(resolver(&[&silent, &good]).txt("a.example"))));
    assert_eq!(silent.asked().len(), 1);
}

#[test]
fn servers_that_all_fail_are_a_temporary_error() {
    let refusing = FakeDns::start(|_, response| peer::with_code(response, RCODE::Refused));
    let error = run(resolver(&[&refusing]).txt("a.example")).unwrap_err();
    assert_eq!(error.to_string(), "a.example: name server 127.0.0.1 refused to answer");
    assert!(error.is_temporary());
    assert_eq!(refusing.asked().len(), 2);
}

#[test]
fn a_server_without_edns_is_asked_without() {
    let old = FakeDns::start(|asked, response| match asked.edns {
        true => peer::with_code(response, RCODE::FormatError),
        false => peer::with(response, vec![txt(&asked.name, "right")]),
    });
    assert!(is_right(run(resolver(&[&old]).txt("a.example"))));
}

#[test]
fn alias_chains_are_followed_and_loops_end() {
    let server = FakeDns::start(|asked, response| {
        let next = |target: &str| vec![peer::cname(&asked.name, target)];
        peer::with(
            response,
            match asked.name.as_str() {
                "one.example" => next("two.example"),
                "two.example" => next("three.example"),
                "three.example" => vec![txt("three.example", "right")],
                "loop.example" => next("pool.example"),
                _ => next("loop.example"),
            },
        )
    });
    let resolver = resolver(&[&server]);
    assert!(is_right(run(resolver.txt("one.example"))));
    assert!(run(resolver.txt("loop.example")).unwrap_err().is_temporary());
    assert!(server.asked().len() < 20);
}

/// A listener that takes no more: who connects to it hears nothing, as on a route that leads nowhere.
fn dead_end(address: std::net::SocketAddr) -> (socket2::Socket, Vec<socket2::Socket>) {
    use socket2::{Domain, Socket, Type};
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let client = |_| {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        let _ = client.connect(&address.into());
        client
    };
    let clients = (0..8).map(client).collect();
    (listener, clients)
}

#[test]
fn an_address_that_is_silent_does_not_hold_up_the_next() {
    let there = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = there.local_addr().unwrap().port();
    let _dead = dead_end(([127, 0, 0, 2], port).into());
    let server = FakeDns::start(|asked, response| match asked.qtype {
        TYPE::A => peer::with(response, vec![peer::a(&asked.name, "127.0.0.2"), peer::a(&asked.name, "127.0.0.1")]),
        _ => peer::negative(response, RCODE::NoError, 60),
    });
    let (resolver, limit) = (resolver(&[&server]), std::time::Duration::from_secs(60));
    let begun = std::time::Instant::now();
    let stream = run(dns::connect(&resolver, "two.example", port, limit)).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), there.local_addr().unwrap());
    assert!(begun.elapsed() < limit / 2);
    // Nobody answers: each has its limit, and the error says so.
    drop(there);
    let short = std::time::Duration::from_millis(200);
    let error = run(dns::connect(&resolver, "two.example", port, short)).err().unwrap().to_string();
    assert!(error.starts_with("two.example [127.0.0.") && error.contains("]:"), "{error}");
}

#[test]
fn ids_and_ports_are_not_to_be_guessed() {
    let server = right();
    let resolver = resolver(&[&server]);
    run(async {
        for number in 0..20 {
            resolver.txt(&format!("h{number}.example")).await.unwrap();
        }
    });
    let different = |of: fn(&Asked) -> u16| server.asked().iter().map(of).collect::<HashSet<_>>().len();
    assert!(different(|asked| asked.id) > 15);
    assert!(different(|asked| asked.from.port()) > 10);
}
