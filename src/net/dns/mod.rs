//! The resolver: asks name servers over UDP, over TCP when an answer is cut, and remembers answers by their TTL.
//!
//! Each query has a random id and a port of its own, and only a response from the asked server to that very question
//! counts. A server that failed or is silent is followed by the next one, in two rounds; the second does without EDNS,
//! for routers that swallow what they do not know. A name no server tells anything about costs some 16 s.

mod cache;
mod connect;
mod exchange;
mod probe;
mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use connect::connect;
pub use probe::{Answer, Asked, Probe};

use self::cache::{Cache, Outcome};
use self::system::System;
use crate::proto::dns::{Data, Failure, Judged, MAX_ALIASES, Question, RecordType, reverse_name};

/// Longest an answer is kept, whatever its TTL says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Longest "does not exist" is kept.
const LONGEST_NEGATIVE: Duration = Duration::from_secs(300);
/// Servers asked for one question, in the order given.
const MAX_SERVERS: usize = 4;

/// Which name servers are asked, four at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    pub listed: Vec<SocketAddr>,
    /// Those of the system as well, after the listed ones.
    pub detected: bool,
}

impl From<Vec<SocketAddr>> for Servers {
    /// These, or those of the system where there are none.
    fn from(listed: Vec<SocketAddr>) -> Servers {
        Servers { detected: listed.is_empty(), listed }
    }
}

/// A name server that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameServer {
    pub address: SocketAddr,
    /// The system knows it; nobody has listed it.
    pub detected: bool,
}

/// Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    servers: Mutex<Servers>,
    system: System,
    cache: Mutex<Cache>,
    /// The server that answered last is asked first: a dead one costs its time limit once.
    preferred: Mutex<Option<SocketAddr>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// NXDOMAIN.
    #[error("{0} does not exist")]
    NoName(String),
    /// The name exists but has no record of this type.
    #[error("{0} has no such record")]
    NoData(String),
    /// No server answered, or only with failures: try again later.
    #[error("{name}: {reason}")]
    Temporary { name: String, reason: String },
    #[error("{0} is not a name")]
    BadName(String),
}

impl DnsError {
    pub fn is_temporary(&self) -> bool {
        matches!(self, DnsError::Temporary { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    pub preference: u16,
    /// Empty for the null MX of RFC 7505: the domain takes no mail.
    pub host: String,
}

impl Resolver {
    /// The system's servers are those of `/etc/resolv.conf`, read again when it changes.
    pub fn new(servers: impl Into<Servers>) -> Resolver {
        Resolver::with_cache(servers, cache::MAX_ENTRIES)
    }

    /// The same, keeping so many answers at most.
    pub fn with_cache(servers: impl Into<Servers>, entries: usize) -> Resolver {
        Resolver {
            shared: Arc::new(Shared {
                servers: Mutex::new(servers.into()),
                system: System::default(),
                cache: Mutex::new(Cache::new(entries)),
                preferred: Mutex::new(None),
            }),
        }
    }

    /// Other servers from now on, as for [`Resolver::new`]; forgets what the old ones said.
    pub fn set_servers(&self, servers: impl Into<Servers>) {
        let servers = servers.into();
        let mut current = lock(&self.shared.servers);
        if *current != servers {
            *current = servers;
            let mut cache = lock(&self.shared.cache);
            *cache = cache.emptied();
        }
    }

    /// Addresses of a host: an address as text, `/etc/hosts`, then AAAA and A. IPv6 and IPv4 in turn.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![address]);
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let known = self.shared.system.hosts(&name);
        if !known.is_empty() {
            return Ok(known);
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let (v6, v4) =
            smol::future::zip(self.look_up(&name, RecordType::Aaaa), self.look_up(&name, RecordType::A)).await;
        match (v6, v4) {
            (Ok(v6), Ok(v4)) => Ok(in_turn(addresses_in(&v6), addresses_in(&v4))),
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(addresses_in(&one)),
            (Err(temporary), Err(_)) | (Err(_), Err(temporary)) if temporary.is_temporary() => Err(temporary),
            (Err(_), Err(error)) => Err(error),
        }
    }

    /// A records alone, as realtime blacklists answer.
    pub async fn v4(&self, name: &str) -> Result<Vec<Ipv4Addr>, DnsError> {
        let all = addresses_in(&self.look_up(name, RecordType::A).await?);
        let v4 = |address: IpAddr| match address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        };
        Ok(all.into_iter().filter_map(v4).collect())
    }

    /// By preference; hosts of equal preference in random order (RFC 5321 §5.1).
    pub async fn mx(&self, domain: &str) -> Result<Vec<Mx>, DnsError> {
        let data = self.look_up(domain, RecordType::Mx).await?;
        let mut hosts: Vec<Mx> = data
            .iter()
            .filter_map(|data| match data {
                Data::Mx { preference, host } => Some(Mx { preference: *preference, host: host.clone() }),
                _ => None,
            })
            .collect();
        fastrand::shuffle(&mut hosts);
        hosts.sort_by_key(|mx| mx.preference);
        Ok(hosts)
    }

    /// The next [`Resolver::mx`] of this domain asks anew.
    pub fn forget_mx(&self, domain: &str) {
        if let Ok(question) = Question::new(domain, RecordType::Mx) {
            lock(&self.shared.cache).forget(&question);
        }
    }

    /// One text a record, its strings joined. Texts that are not UTF-8 are left out.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError> {
        Ok(texts_in(&self.look_up(name, RecordType::Txt).await?))
    }

    /// The names an address says it has; nothing vouches for them.
    pub async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, DnsError> {
        Ok(texts_in(&self.look_up(&reverse_name(address), RecordType::Ptr).await?))
    }

    async fn look_up(&self, name: &str, wanted: RecordType) -> Result<Arc<[Data]>, DnsError> {
        let first = Question::new(name, wanted).map_err(|_| DnsError::BadName(name.to_string()))?;
        if let Some(outcome) = lock(&self.shared.cache).get(&first, Instant::now()) {
            return finish(&first, outcome);
        }
        let mut question = first.clone();
        let mut shortest = u32::MAX;
        for _ in 0..=MAX_ALIASES {
            let (outcome, ttl) = match self.ask(&question).await? {
                Judged::Found { data, ttl } => (Outcome::Found(data.into()), ttl),
                Judged::NoData { ttl } => (Outcome::NoData, ttl),
                Judged::NoName { ttl } => (Outcome::NoName, ttl),
                Judged::Alias { target, ttl } => {
                    shortest = shortest.min(ttl);
                    question = Question::new(&target, wanted).map_err(|_| DnsError::NoData(name.to_string()))?;
                    continue;
                }
                Judged::Foreign | Judged::Truncated | Judged::Failed(_) => break,
            };
            let limit = if matches!(outcome, Outcome::Found(_)) { LONGEST } else { LONGEST_NEGATIVE };
            let life = Duration::from_secs(shortest.min(ttl).into()).min(limit);
            lock(&self.shared.cache).put(first.clone(), outcome.clone(), Instant::now(), life);
            return finish(&first, outcome);
        }
        Err(DnsError::Temporary { name: first.name().to_string(), reason: Failure::AliasLoop.to_string() })
    }

    /// Asks the servers in two rounds; the first that can tell decides.
    async fn ask(&self, question: &Question) -> Result<Judged, DnsError> {
        let servers = self.servers();
        let mut reason = "no name server is known".to_string();
        for edns in [true, false] {
            for &server in &servers {
                match exchange::ask(server, question, edns).await {
                    Ok(Judged::Failed(failure)) => reason = format!("name server {} {failure}", server.ip()),
                    Ok(judged) => {
                        *lock(&self.shared.preferred) = Some(server);
                        return Ok(judged);
                    }
                    Err(error) => reason = format!("name server {}: {error}", server.ip()),
                }
            }
        }
        Err(DnsError::Temporary { name: question.name().to_string(), reason })
    }

    /// The servers that are asked now, in the order of the settings.
    pub fn current(&self) -> Vec<NameServer> {
        let Servers { listed, detected } = lock(&self.shared.servers).clone();
        let of_system = if detected { self.shared.system.servers() } else { Vec::new() };
        let mut current: Vec<NameServer> = Vec::new();
        let listed = listed.into_iter().map(|address| NameServer { address, detected: false });
        for server in listed.chain(of_system.into_iter().map(|address| NameServer { address, detected: true })) {
            if current.len() < MAX_SERVERS && current.iter().all(|known| known.address != server.address) {
                current.push(server);
            }
        }
        current
    }

    fn servers(&self) -> Vec<SocketAddr> {
        let mut servers: Vec<SocketAddr> = self.current().into_iter().map(|server| server.address).collect();
        let preferred = *lock(&self.shared.preferred);
        if let Some(at) = servers.iter().position(|server| Some(*server) == preferred) {
            servers.rotate_left(at);
        }
        servers
    }
}

fn finish(question: &Question, outcome: Outcome) -> Result<Arc<[Data]>, DnsError> {
    match outcome {
        Outcome::Found(data) => Ok(data),
        Outcome::NoData => Err(DnsError::NoData(question.name().to_string())),
        Outcome::NoName => Err(DnsError::NoName(question.name().to_string())),
    }
}

fn addresses_in(data: &[Data]) -> Vec<IpAddr> {
    let address = |data: &Data| match data {
        Data::Address(address) => Some(*address),
        _ => None,
    };
    data.iter().filter_map(address).collect()
}

fn texts_in(data: &[Data]) -> Vec<String> {
    let text = |data: &Data| match data {
        Data::Text(text) | Data::Name(text) => Some(text.clone()),
        _ => None,
    };
    data.iter().filter_map(text).collect()
}

fn in_turn(first: Vec<IpAddr>, second: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let v = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let mixed = in_turn(v(&["::1", "::2", "::3"]), v(&["192.0.2.1"]));
        assert_eq!(mixed, v(&["::1", "192.0.2.1", "::2", "::3"]));
    }

    #[test]
    fn listed_servers_come_before_detected_ones() {
        let server = |text: &str| SocketAddr::new(text.parse().unwrap(), 53);
        let listed = vec![server("192.0.2.1"), server("192.0.2.2"), server("192.0.2.1")];
        let current = |detected| {
            let current = Resolver::new(Servers { listed: listed.clone(), detected }).current();
            current.into_iter().map(|server| (server.address, server.detected)).collect::<Vec<_>>()
        };
        assert_eq!(current(false), [(server("192.0.2.1"), false), (server("192.0.2.2"), false)]);
        let with = current(true);
        assert!(with.len() > 2 && with.len() <= MAX_SERVERS && with.starts_with(&current(false)));
        assert!(with.iter().skip(2).all(|(_, detected)| *detected));
        assert_eq!(Resolver::new(Servers::default()).current(), []);
        assert!(Resolver::new(Vec::new()).current().iter().all(|server| server.detected));
    }

    #[test]
    fn addresses_as_text_need_no_server() {
        let resolver = Resolver::new(Vec::new());
        for (text, address) in [("192.0.2.1", "192.0.2.1"), ("[2001:db8::1]", "2001:db8::1"), ("::1", "::1")] {
            assert_eq!(smol::block_on(resolver.addresses(text)), Ok(vec![address.parse().unwrap()]));
        }
        assert!(smol::block_on(resolver.addresses("localhost")).unwrap().contains(&Ipv4Addr::LOCALHOST.into()));
        assert!(matches!(smol::block_on(resolver.addresses("a b")), Err(DnsError::BadName(_))));
    }
}
