//! From a way to a session in which mail can be sent: the first host that *responds* is the one.
//!
//! A refused or silent connection, a failed handshake of implicit TLS and a greeting other than 2xx lead to the next host. What
//! a server says after its greeting ends the search. A host whose TLS does not work is spoken to in clear where the
//! settings leave encryption open and there is no password; that is remembered for an hour.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::RelayEncryption;
use crate::hooks::scripts::mxout::ServerActions;
use crate::mail::LanServer;
use crate::net::{Stream, dns, timeout};
use crate::proto::smtp::client::{Awaiting, Encryption, Event, Failure, Login, Session, Settings};
use crate::rules::overrides::Server;

use super::lane::{Failed, Lane, Way};
use super::line::{Line, Method};
use super::script::RunScript;
use super::wire::{Until, Wire, Woke};
use super::{Shared, mxrules};

const CONNECT: Duration = Duration::from_secs(30);
/// The longest a script may wait, seconds.
const LONGEST_CONNECT: u64 = 300;
const HANDSHAKE: Duration = Duration::from_secs(60);
/// Hosts asked for one session, at most.
const HOSTS: usize = 8;
/// Encrypted from the first byte (RFC 8314 §7.3).
const IMPLICIT_TLS: u16 = 465;
/// How long a host's broken TLS is remembered, and of how many hosts.
const REMEMBERED: Duration = Duration::from_secs(3600);
const BROKEN: usize = 1000;

/// A session in working order.
pub struct Open {
    pub wire: Wire,
    pub session: Session,
    pub peer: Peer,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    pub host: Arc<str>,
    /// `relay mail.example`, `server mx.example`.
    pub name: Arc<str>,
}

/// A host to be asked.
struct Candidate {
    host: String,
    port: u16,
    login: Option<Login>,
    /// Encrypted from the first byte.
    implicit: bool,
}

/// How a host was not the one; with the reason, a sentence.
enum No {
    Next(String),
    /// There is no such host.
    Nowhere(String),
    Last(String),
    /// The handshake of an optional STARTTLS failed.
    WithoutTls(String),
}

/// Hosts whose TLS does not work.
#[derive(Default)]
pub struct BrokenTls(Mutex<HashMap<String, Instant>>);

impl BrokenTls {
    fn has(&self, host: &str) -> bool {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(host).is_some_and(|at| at.elapsed() < REMEMBERED)
    }

    fn add(&self, host: &str) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, at| at.elapsed() < REMEMBERED);
        if hosts.len() < BROKEN {
            hosts.insert(host.to_string(), Instant::now());
        }
    }
}

/// Opens a session, or says why there is none, for each host that was asked.
pub async fn open(shared: &Shared, lane: &Lane, script: &mut Option<RunScript>) -> Result<Open, Failed> {
    let line = &lane.line;
    let mut reasons = Vec::new();
    let mut exists = false;
    for mut candidate in candidates(shared, lane).await?.into_iter().take(HOSTS) {
        let mut manner = Manner::of(shared, line, &candidate);
        if let Some(script) = script {
            Box::pin(manner.asked_of(script, shared, lane, &mut candidate)).await;
        }
        let mut opened = ask(shared, line, &candidate, &manner, script).await;
        if let Err(No::WithoutTls(reason)) = opened {
            log::info!("{reason}; going on without encryption, as the settings allow");
            shared.broken_tls.add(&candidate.host);
            manner.encryption = Encryption::AsIs;
            opened = ask(shared, line, &candidate, &manner, script).await;
        }
        exists |= !matches!(opened, Err(No::Nowhere(_)));
        match opened {
            Ok(open) => return Ok(open),
            Err(No::Next(reason) | No::Nowhere(reason) | No::WithoutTls(reason)) => reasons.push(reason),
            Err(No::Last(reason)) => {
                reasons.push(reason);
                break;
            }
        }
    }
    match &lane.way {
        Way::Domain(domain) if !exists => {
            let reason = format!("550 5.4.4 no mail server of {domain} has an address: {}", reasons.join("; "));
            Err(Failed { reason: reason.into(), permanent: true, hold: None })
        }
        _ => Err(Failed { reason: reasons.join("; ").into(), permanent: false, hold: None }),
    }
}

async fn candidates(shared: &Shared, lane: &Lane) -> Result<Vec<Candidate>, Failed> {
    let line = &lane.line;
    let ssl = line.sender.encryption == RelayEncryption::Ssl;
    Ok(match &lane.way {
        Way::Relay => {
            let login = line.sender.login.as_ref().filter(|login| !login.user.is_empty());
            let login = login.map(|login| Login {
                user: login.user.clone(),
                password: login.password.reveal().to_string(),
                mechanism: line.sender.login_method.mechanism(),
            });
            let hosts = line.sender.hosts.iter();
            hosts
                .map(|at| Candidate { host: at.host.clone(), port: at.port, login: login.clone(), implicit: ssl })
                .collect()
        }
        Way::Servers(servers) => in_any_order(servers).into_iter().map(override_of).collect(),
        Way::Domain(domain) => {
            let hosts = Box::pin(mxrules::servers(shared, lane, domain)).await?;
            hosts
                .into_iter()
                .map(|host| Candidate { host, port: shared.mx_port, login: None, implicit: false })
                .collect()
        }
        Way::Lan(server) => vec![lan(shared, server)?],
    })
}

/// Servers of equal priority share the load.
fn in_any_order(servers: &[Server]) -> Vec<&Server> {
    let mut servers: Vec<&Server> = servers.iter().collect();
    fastrand::shuffle(&mut servers);
    servers.sort_by_key(|server| server.priority);
    servers
}

fn override_of(server: &Server) -> Candidate {
    let login = server.login.as_ref();
    Candidate {
        host: server.host.clone(),
        port: server.port,
        login: login.map(|login| Login { user: login.user.clone(), password: login.password.clone(), mechanism: None }),
        implicit: server.port == IMPLICIT_TLS,
    }
}

fn lan(shared: &Shared, server: &LanServer) -> Result<Candidate, Failed> {
    let mut login = None;
    if !server.user.is_empty() {
        let config = shared.config.current();
        let Some(password) = config.lan_password(server) else {
            let reason = format!("The settings have no password any more for {} at the {server}", server.user);
            return Err(Failed { reason: reason.into(), permanent: false, hold: None });
        };
        login = Some(Login { user: server.user.clone(), password: password.reveal().to_string(), mechanism: None });
    }
    Ok(Candidate { host: server.host.clone(), port: server.port, login, implicit: false })
}

fn encryption(shared: &Shared, line: &Line, candidate: &Candidate) -> Encryption {
    match line.sender.encryption {
        _ if candidate.implicit => Encryption::FromStart,
        RelayEncryption::None | RelayEncryption::Ssl => Encryption::AsIs,
        RelayEncryption::Starttls => Encryption::Required,
        RelayEncryption::StarttlsIfAvailable if candidate.login.is_none() && shared.broken_tls.has(&candidate.host) => {
            Encryption::AsIs
        }
        RelayEncryption::StarttlsIfAvailable => Encryption::IfOffered,
    }
}

/// How a host is talked to.
struct Manner {
    encryption: Encryption,
    helo: String,
    connect: Duration,
}

impl Manner {
    /// As the settings have it.
    fn of(shared: &Shared, line: &Line, candidate: &Candidate) -> Manner {
        Manner { encryption: encryption(shared, line, candidate), helo: line.helo.clone(), connect: CONNECT }
    }

    /// As `mxout.lua` has it. A password is never sent with less protection than the settings want.
    async fn asked_of(&mut self, script: &mut RunScript, shared: &Shared, lane: &Lane, at: &mut Candidate) {
        let before = ServerActions {
            try_tls: Some(matches!(self.encryption, Encryption::Required | Encryption::IfOffered)),
            force_tls: Some(self.encryption == Encryption::Required),
            helo: Some(self.helo.clone()),
            port: Some(at.port.into()),
            connect_timeout: i64::try_from(self.connect.as_secs()).ok(),
        };
        let after = script.server(shared, lane, &at.host, before).await;
        if !at.implicit && at.login.is_none() {
            self.encryption = match (after.force_tls, after.try_tls) {
                (Some(true), _) => Encryption::Required,
                (_, Some(false)) => Encryption::AsIs,
                _ => Encryption::IfOffered,
            };
        }
        if let Some(helo) = after.helo.filter(|helo| is_domain(helo)) {
            self.helo = helo;
        }
        if let Some(port) = after.port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0) {
            at.port = port;
        }
        if let Some(seconds) = after.connect_timeout.and_then(|seconds| u64::try_from(seconds).ok()) {
            self.connect = Duration::from_secs(seconds.clamp(1, LONGEST_CONNECT));
        }
    }
}

fn is_domain(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-[]:_".contains(&byte);
    !name.is_empty() && name.len() <= 255 && name.bytes().all(good)
}

async fn ask(
    shared: &Shared,
    line: &Line,
    at: &Candidate,
    manner: &Manner,
    script: &mut Option<RunScript>,
) -> Result<Open, No> {
    let encryption = manner.encryption;
    let peer = peer(line, &at.host);
    let resolver = line.resolver.as_ref().unwrap_or(&shared.resolver);
    let stream = dns::connect(resolver, &at.host, at.port, manner.connect).await;
    let mut stream = stream.map_err(|error| {
        let reason = format!("The {} cannot be reached: {error}", peer.name);
        if error.kind() == io::ErrorKind::NotFound { No::Nowhere(reason) } else { No::Next(reason) }
    })?;
    if at.implicit {
        stream = encrypt(line, stream, &peer).await.map_err(No::Next)?;
    }
    let settings = Settings { helo: manner.helo.clone(), encryption, login: at.login.clone() };
    let mut session = Session::new(settings);
    let mut script = script.as_mut().filter(|script| script.judges_replies());
    if script.is_some() {
        session.ask_about_replies();
    }
    let mut wire = Wire::new(stream, &shared.stop);
    let mut greeted = false;
    loop {
        let limit = super::limit(&session);
        match wire.wait(&mut session, limit, Until::default()).await {
            Woke::Closed(how) => session.lost(how),
            Woke::Expired => session.lost("it does not answer"),
            _ => {}
        }
        if let Some(script) = &mut script {
            Box::pin(script.judge(&mut session)).await;
        }
        greeted |= session.awaiting() == Awaiting::Reply;
        match session.event() {
            None => {}
            Some(Event::Ready) => return Ok(Open { wire, session, peer }),
            Some(Event::StartTls) => {
                stream = encrypt(line, wire.into_stream(), &peer).await.map_err(|reason| match encryption {
                    Encryption::IfOffered if at.login.is_none() => No::WithoutTls(reason),
                    // Whoever disturbs the handshake must not be given the password instead.
                    _ => No::Last(reason),
                })?;
                wire = Wire::new(stream, &shared.stop);
                session.encrypted();
            }
            Some(Event::Ended(failure)) => {
                let reason = format!("The {} {failure}", peer.name);
                let next = !greeted || matches!(failure, Failure::Greeting(_));
                return Err(if next { No::Next(reason) } else { No::Last(reason) });
            }
            // No transaction has begun.
            Some(Event::Finished { .. } | Event::Untouched { .. }) => {}
        }
    }
}

fn peer(line: &Line, host: &str) -> Peer {
    let what = if line.method == Method::Relay { "relay" } else { "server" };
    Peer { host: host.into(), name: format!("{what} {host}").into() }
}

async fn encrypt(line: &Line, stream: Stream, peer: &Peer) -> Result<Stream, String> {
    let opportunistic = crate::net::tls::ClientTls::opportunistic();
    let tls = line.tls.as_ref().unwrap_or(&opportunistic);
    match timeout(HANDSHAKE, stream.connect_tls(tls, &peer.host)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("No encrypted connection to the {}: {error}", peer.name)),
        Err(late) => Err(format!("No encrypted connection to the {}: {late}", peer.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_priorities_share_the_load_and_others_do_not() {
        let server = |host: &str, priority| Server { priority, host: host.into(), port: 25, login: None };
        let servers = [server("a", 5), server("b", 10), server("c", 10), server("d", 20)];
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let order: Vec<&str> = in_any_order(&servers).iter().map(|server| server.host.as_str()).collect();
            assert_eq!((order[0], order[3]), ("a", "d"));
            seen.insert(order[1].to_string());
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn broken_tls_is_remembered() {
        let broken = BrokenTls::default();
        assert!(!broken.has("mx.example"));
        broken.add("mx.example");
        assert!(broken.has("mx.example") && !broken.has("other.example"));
    }
}
