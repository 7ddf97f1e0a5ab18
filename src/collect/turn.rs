//! Collectors that have the provider send by SMTP: the incoming feed, with ETRN where it is set (spec connectors-and-smtp
//! §4.9), and ODMR, where our connection turns around (§4.10, RFC 2645).
//!
//! What comes is taken by the SMTP service like any other mail from outside; nothing is accepted here.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::job::{Job, Outcome as Run};
use super::trouble::Trouble;
use crate::config::RelayEncryption;
use crate::live::Visits;
use crate::net::listen::is_local;
use crate::net::tls::ClientTls;
use crate::net::{Stream, dns, timeout};
use crate::proto::smtp::client::{Encryption, Login, Outcome, Settings, Turn, TurnSession, Wish};

const CONNECT_LIMIT: Duration = Duration::from_secs(30);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// Longest silence of a server that ETRN is sent to.
const ETRN_LIMIT: Duration = Duration::from_secs(120);
/// A feed that began in time is waited for so long, then the run ends; the mail goes on coming.
const FEED_LIMIT: Duration = Duration::from_secs(600);

/// The server that is asked.
struct Peer<'a> {
    host: &'a str,
    port: u16,
    encryption: RelayEncryption,
    login: Option<Login>,
    limit: Duration,
}

/// Has the provider begin, if that is needed, and waits for its connection.
pub(super) async fn feed(job: &Job) -> (Run, Result<(), Trouble>) {
    let visits = watch(job).await;
    let result = begin_feed(job).await;
    if let Ok(true) = result {
        wait_for_feed(job, &visits).await;
    }
    (Run { collected: visits.mails(), ..Run::default() }, result.map(|_| ()))
}

/// Sessions of the provider: from the addresses of the server that is asked; of one that comes by itself nothing is known
/// but that it is not of the office.
async fn watch(job: &Job) -> Arc<Visits> {
    let (feed, board) = (&job.collector.feed, &job.services.intake.board);
    if !feed.use_etrn {
        return board.watch(|peer| !is_local(peer));
    }
    // A name without addresses is an error when it is connected to.
    let addresses = job.services.resolver.addresses(feed.etrn_host.trim()).await.unwrap_or_default();
    board.watch(move |peer| addresses.contains(&peer))
}

/// `true`: mail is to be expected.
async fn begin_feed(job: &Job) -> Result<bool, Trouble> {
    let feed = &job.collector.feed;
    if !feed.use_etrn {
        return Ok(true);
    }
    let peer = Peer {
        host: feed.etrn_host.trim(),
        port: feed.etrn_port,
        encryption: RelayEncryption::StarttlsIfAvailable,
        login: None,
        limit: ETRN_LIMIT,
    };
    let (outcome, _) = ask(job, &peer, Wish::Etrn(feed.etrn_parameters.clone())).await?;
    match outcome {
        Outcome::Refused(reply) => Err(Trouble::Turn(format!("{} does not send for us: it said {reply}.", peer.host))),
        outcome => Ok(outcome == Outcome::Started),
    }
}

/// For an SMTP session to begin, and then for all that have begun since then to end.
async fn wait_for_feed(job: &Job, visits: &Visits) {
    let wait = Duration::from_secs(job.collector.feed.wait.into());
    let _ = timeout(wait, until(visits, Visits::has_begun)).await;
    let _ = timeout(FEED_LIMIT, until(visits, |visits| !visits.is_under_way())).await;
}

async fn until(visits: &Visits, is_so: fn(&Visits) -> bool) {
    loop {
        let changed = visits.on_change();
        if is_so(visits) {
            return;
        }
        changed.await;
    }
}

/// Connects, logs in, asks, and serves.
pub(super) async fn odmr(job: &Job) -> (Run, Result<(), Trouble>) {
    let odmr = &job.collector.odmr;
    let login = &odmr.login;
    let peer = Peer {
        host: odmr.host.trim(),
        port: odmr.port,
        encryption: odmr.encryption,
        login: (!login.user.is_empty()).then(|| Login {
            user: login.user.clone(),
            password: login.password.reveal().to_string(),
            mechanism: None,
        }),
        limit: Duration::from_secs(odmr.timeout.into()),
    };
    let mut run = Run::default();
    let result = async {
        let (outcome, stream) = ask(job, &peer, Wish::Atrn(odmr.domains.clone())).await?;
        match outcome {
            Outcome::Refused(reply) => {
                return Err(Trouble::Turn(format!("{} does not send for us: it said {reply}.", peer.host)));
            }
            Outcome::Nothing | Outcome::Started => return Ok(()),
            Outcome::Turned => {}
        }
        let address = stream.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip().to_canonical());
        let served = (job.services.serve)(stream, address).await;
        run.collected = served.map_err(|error| {
            Trouble::Turn(format!("The connection to {} broke off after it was turned around ({error}).", peer.host))
        })?;
        Ok(())
    };
    let result = result.await;
    (run, result)
}

/// What the server says to our wish, and the connection.
async fn ask(job: &Job, peer: &Peer<'_>, wish: Wish) -> Result<(Outcome, Stream), Trouble> {
    let host = peer.host;
    let stream = dns::connect(&job.services.resolver, host, peer.port, CONNECT_LIMIT).await;
    let mut stream = stream.map_err(|error| Trouble::Turn(format!("{host} does not answer ({error}).")))?;
    let encryption = match peer.encryption {
        RelayEncryption::None => Encryption::AsIs,
        RelayEncryption::Ssl => Encryption::FromStart,
        RelayEncryption::Starttls => Encryption::Required,
        RelayEncryption::StarttlsIfAvailable => Encryption::IfOffered,
    };
    if peer.encryption == RelayEncryption::Ssl {
        stream = encrypt(job, peer, stream).await?;
    }
    let settings = Settings { helo: job.config.general.host_name.clone(), encryption, login: peer.login.clone() };
    let mut session = TurnSession::new(settings, wish);
    let mut buffer = [0; 4096];
    loop {
        let read = async {
            stream.write_all(&session.take_output()).await?;
            stream.flush().await?;
            stream.read(&mut buffer).await
        };
        let count = match timeout(peer.limit, read).await {
            Ok(Ok(count)) if count > 0 => count,
            Ok(Ok(_)) => return Err(Trouble::Turn(format!("{host} closed the connection."))),
            Ok(Err(error)) => return Err(Trouble::Turn(format!("The connection to {host} broke off ({error})."))),
            Err(_) => return Err(Trouble::Turn(format!("{host} stopped answering."))),
        };
        let input = buffer.get(..count).unwrap_or_default();
        match session.input(input).map_err(|failure| Trouble::Turn(format!("{host} {failure}.")))? {
            None => {}
            Some(Turn::StartTls) => {
                stream = encrypt(job, peer, stream).await?;
                session.encrypted();
            }
            Some(Turn::Over(outcome)) => {
                // A farewell, which nobody has to hear.
                let _ = timeout(peer.limit, stream.write_all(&session.take_output())).await;
                let _ = timeout(peer.limit, stream.flush()).await;
                return Ok((outcome, stream));
            }
        }
    }
}

/// Reading the authorities takes a file, so it is done off the executor.
async fn encrypt(job: &Job, peer: &Peer<'_>, stream: Stream) -> Result<Stream, Trouble> {
    let said = |reason: String| Trouble::Turn(format!("No encrypted connection with {}: {reason}.", peer.host));
    let tls = match peer.encryption {
        RelayEncryption::StarttlsIfAvailable => ClientTls::opportunistic(),
        _ => {
            let file = job.config.tls.ca_file.clone();
            smol::unblock(move || ClientTls::verified((!file.is_empty()).then(|| Path::new(&file))))
                .await
                .map_err(|error| said(error.to_string()))?
        }
    };
    match timeout(HANDSHAKE_LIMIT, stream.connect_tls(&tls, peer.host)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(said(error.to_string())),
        Err(_) => Err(said("it does not answer".into())),
    }
}
