//! A world of domains: mail servers on loopback addresses that share a port, and a name server that leads to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use pillarbox::config::{RelayEncryption, Sender, SendingMethod};
use pillarbox::net::tls::ServerTls;
use simple_dns::{PacketFlag, RCODE, TYPE};

use crate::dns::{self, FakeDns};
use crate::smarthost::{Behaviour, Smarthost};

pub struct World {
    pub dns: FakeDns,
    pub port: u16,
    /// `mx1.world.example` at 127.0.1.1.
    pub one: Smarthost,
    /// `mx2.world.example` at 127.0.1.2.
    pub two: Smarthost,
    /// `mx6.world.example` at ::1, where the machine has IPv6.
    pub six: Option<Smarthost>,
}

impl World {
    pub fn start() -> World {
        World::with_tls(None)
    }

    /// Both IPv4 servers offer STARTTLS.
    pub fn with_tls(tls: Option<ServerTls>) -> World {
        for _ in 0..50 {
            // A port that is free on all addresses.
            let port = TcpListener::bind((Ipv4Addr::new(127, 0, 1, 1), 0)).unwrap().local_addr().unwrap().port();
            let addresses = [IpAddr::from([127, 0, 1, 1]), IpAddr::from([127, 0, 1, 2]), Ipv6Addr::LOCALHOST.into()];
            let has_six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
            let wanted = if has_six { &addresses[..] } else { &addresses[..2] };
            if wanted.iter().any(|address| TcpListener::bind((*address, port)).is_err()) {
                continue;
            }
            let at = |address: IpAddr, tls| {
                Smarthost::at(SocketAddr::new(address, port), capable(&tls), tls.map(|tls: ServerTls| (tls, false)))
            };
            return World {
                dns: FakeDns::start(answer),
                port,
                one: at(addresses[0], tls.clone()),
                two: at(addresses[1], tls),
                six: has_six.then(|| at(addresses[2], None)),
            };
        }
        panic!("no port is free on all addresses");
    }

    pub fn sender(&self) -> Sender {
        Sender {
            method: SendingMethod::Direct,
            encryption: RelayEncryption::StarttlsIfAvailable,
            dns_servers: vec![self.dns.address.to_string()],
            ..Sender::default()
        }
    }

    pub fn received(&self) -> (usize, usize) {
        (self.one.received(), self.two.received())
    }
}

fn capable(tls: &Option<ServerTls>) -> Behaviour {
    let mut behaviour = Behaviour::default();
    if tls.is_some() {
        behaviour.capabilities = Some(vec!["PIPELINING", "STARTTLS"]);
    }
    behaviour
}

/// What the name server says. Domains with a word in front of `.example` are what the word says.
fn answer(asked: &dns::Asked, mut response: simple_dns::Packet<'static>) -> Vec<Vec<u8>> {
    let name = asked.name.trim_end_matches('.').to_ascii_lowercase();
    let mx = |hosts: &[(u16, &str)]| hosts.iter().map(|(number, host)| dns::mx(&name, *number, host)).collect();
    let (mx1, mx2) = ("mx1.world.example", "mx2.world.example");
    let records = match (name.as_str(), asked.qtype) {
        ("servfail.example", _) => return dns::with_code(response, RCODE::ServerFailure),
        ("truncated.example", TYPE::MX) if !asked.tcp => {
            response.set_flags(PacketFlag::TRUNCATION);
            return dns::bytes(&response);
        }
        (
            "pref.example" | "xn--mller-kva.example" | "truncated.example" | "other.example" | "else.example",
            TYPE::MX,
        ) => mx(&[(20, mx2), (10, mx1)]),
        ("dead-first.example", TYPE::MX) => mx(&[(10, "dead.world.example"), (20, mx2)]),
        ("dead.example", TYPE::MX) => mx(&[(10, "dead.world.example")]),
        ("noaddress.example", TYPE::MX) => mx(&[(10, "nobody.world.example"), (20, "nothing.world.example")]),
        ("cname.example", TYPE::MX) => mx(&[(10, "alias.world.example")]),
        ("null.example", TYPE::MX) => mx(&[(0, "")]),
        ("six.example", TYPE::MX) => mx(&[(10, "mx6.world.example")]),
        ("two-families.example", TYPE::MX) => mx(&[(10, "both.world.example")]),
        ("before-us.example", TYPE::MX) => mx(&[(10, mx1), (20, "Pillarbox.local"), (30, mx2)]),
        ("ours.example", TYPE::MX) => mx(&[(10, "pillarbox.local"), (30, mx2)]),
        ("address.example", TYPE::MX) => mx(&[(10, "127.0.1.1"), (20, mx2)]),
        ("equal.example", TYPE::MX) => mx(&[(10, mx1), (10, mx2)]),
        ("alias.world.example", TYPE::A) => {
            vec![dns::cname(&name, mx1), dns::a(mx1, "127.0.1.1")]
        }
        ("mx1.world.example" | "plain.example" | "192-ok.example", TYPE::A) => vec![dns::a(&name, "127.0.1.1")],
        ("mx2.world.example", TYPE::A) => vec![dns::a(&name, "127.0.1.2")],
        ("dead.world.example", TYPE::A) => vec![dns::a(&name, "127.0.1.9")],
        ("mx6.world.example", TYPE::AAAA) => vec![dns::aaaa(&name, "::1")],
        // A network that is not there, and one that is.
        ("both.world.example", TYPE::AAAA) => vec![dns::aaaa(&name, "2001:db8:dead::1")],
        ("both.world.example", TYPE::A) => vec![dns::a(&name, "127.0.1.1")],
        ("nx.example" | "nobody.world.example", _) => return dns::negative(response, RCODE::NameError, 60),
        _ => return dns::negative(response, RCODE::NoError, 60),
    };
    dns::with(response, records)
}
