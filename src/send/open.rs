//! From a list of relay hosts to a session in which mail can be sent: the first host that *responds* is the one.
//!
//! A refused or silent connection, a failed handshake of implicit TLS and a greeting other than 2xx lead to the next host. What
//! a server says after its greeting ends the search.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{RelayEncryption, RelayHost};
use crate::live::Stop;
use crate::net::{Resolver, Stream, dns, timeout};
use crate::proto::smtp::client::{Awaiting, Encryption, Event, Failure, Session};

use super::line::Line;
use super::wire::{Until, Wire, Woke};

const CONNECT: Duration = Duration::from_secs(30);
const HANDSHAKE: Duration = Duration::from_secs(60);

/// A session in working order.
pub struct Open {
    pub wire: Wire,
    pub session: Session,
    pub host: Arc<str>,
}

/// How a host was not the one; with the reason, a sentence.
enum No {
    Next(String),
    Last(String),
    /// The handshake of an optional STARTTLS failed.
    WithoutTls(String),
}

/// Opens a session, or says why there is none, for each host that was asked.
pub async fn open(line: &Line, resolver: &Resolver, stop: &Stop) -> Result<Open, String> {
    let wanted = match line.sender.encryption {
        RelayEncryption::None | RelayEncryption::Ssl => Encryption::AsIs,
        RelayEncryption::Starttls => Encryption::Required,
        RelayEncryption::StarttlsIfAvailable => Encryption::IfOffered,
    };
    let mut reasons = Vec::new();
    for host in &line.sender.hosts {
        let mut opened = ask(line, host, wanted, resolver, stop).await;
        if let Err(No::WithoutTls(reason)) = opened {
            log::info!("{reason}; going on without encryption, as the settings allow");
            opened = ask(line, host, Encryption::AsIs, resolver, stop).await;
        }
        match opened {
            Ok(open) => return Ok(open),
            Err(No::Next(reason) | No::WithoutTls(reason)) => reasons.push(reason),
            Err(No::Last(reason)) => {
                reasons.push(reason);
                break;
            }
        }
    }
    Err(reasons.join("; "))
}

async fn ask(
    line: &Line,
    at: &RelayHost,
    encryption: Encryption,
    resolver: &Resolver,
    stop: &Stop,
) -> Result<Open, No> {
    let host = at.host.as_str();
    let stream = dns::connect(resolver, host, at.port, CONNECT).await;
    let mut stream = stream.map_err(|error| No::Next(format!("The relay {host} cannot be reached: {error}")))?;
    if line.sender.encryption == RelayEncryption::Ssl {
        stream = encrypt(line, stream, host).await.map_err(No::Next)?;
    }
    let mut session = Session::new(line.settings(encryption));
    let mut wire = Wire::new(stream, stop);
    let mut greeted = false;
    loop {
        let limit = super::limit(&session);
        match wire.wait(&mut session, limit, Until::default()).await {
            Woke::Closed(how) => session.lost(how),
            Woke::Expired => session.lost("it does not answer"),
            _ => {}
        }
        greeted |= session.awaiting() == Awaiting::Reply;
        match session.event() {
            None => {}
            Some(Event::Ready) => return Ok(Open { wire, session, host: host.into() }),
            Some(Event::StartTls) => {
                let secret = line.has_login();
                stream = encrypt(line, wire.into_stream(), host).await.map_err(|reason| match encryption {
                    Encryption::IfOffered if !secret => No::WithoutTls(reason),
                    // Whoever disturbs the handshake must not be given the password instead.
                    _ => No::Last(reason),
                })?;
                wire = Wire::new(stream, stop);
                session.encrypted();
            }
            Some(Event::Ended(failure)) => {
                let reason = format!("The relay {host} {failure}");
                let next = !greeted || matches!(failure, Failure::Greeting(_));
                return Err(if next { No::Next(reason) } else { No::Last(reason) });
            }
            // No transaction has begun.
            Some(Event::Finished { .. } | Event::Untouched { .. }) => {}
        }
    }
}

async fn encrypt(line: &Line, stream: Stream, host: &str) -> Result<Stream, String> {
    let Some(tls) = &line.tls else { return Ok(stream) };
    match timeout(HANDSHAKE, stream.connect_tls(tls, host)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("No encrypted connection to the relay {host}: {error}")),
        Err(late) => Err(format!("No encrypted connection to the relay {host}: {late}")),
    }
}
