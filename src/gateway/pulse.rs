//! Tells the keeper of the appliance how the program does: a socket, one line each way, answered on the executors that
//! serve the mail, so that an answer is itself a sign that they run.
//!
//! The answer names trouble unless the store's writer takes commits, what was committed gets into the index, and the queue
//! runner turns. None of that writes anything.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use async_io::Async;
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::config::{Config, Published, ServiceEncryption};
use crate::live::{Board, Pulse, Report, Signals, Stop, Wishes, pulse_path};
use crate::net::timeout;
use crate::store::Store;

/// For the store and the queue runner each; the keeper waits 8 s for the whole.
const ANSWERS: Duration = Duration::from_secs(3);
/// For one question and its answer.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_QUESTION: u64 = 16 * 1024;

/// What is looked at. Cheap to clone.
#[derive(Clone)]
pub struct Vitals {
    pub store: Store,
    pub config: Published,
    pub board: Board,
    pub signals: Signals,
    pub wishes: Wishes,
}

/// The data directory is ours, so a socket left there is of a program that died. Its mode lets only root and us connect: the
/// directory does.
pub fn listen(vitals: &Vitals) -> io::Result<UnixListener> {
    let path = pulse_path(vitals.store.dir());
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

pub async fn run(vitals: Vitals, listener: io::Result<UnixListener>, stop: Stop) {
    let listener = match listener.and_then(Async::new) {
        Ok(listener) => listener,
        Err(error) => return log::error!("pulse: {error}"),
    };
    while !stop.is_stopping() {
        let accepted = smol::future::or(async { Some(listener.accept().await) }, async {
            stop.stopping().await;
            None
        });
        match accepted.await {
            None => return,
            // One at a time: there is one keeper.
            Some(Ok((socket, _))) => {
                if let Ok(Err(error)) = timeout(PATIENCE, answer(&vitals, socket)).await {
                    log::debug!("pulse: {error}");
                }
            }
            Some(Err(error)) => {
                log::warn!("pulse: {error}");
                let _ = timeout(Duration::from_millis(200), stop.stopping()).await;
            }
        }
    }
}

async fn answer(vitals: &Vitals, socket: Async<UnixStream>) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut line = Vec::new();
    (&mut socket).take(MAX_QUESTION).read_until(b'\n', &mut line).await?;
    let report: Report = serde_json::from_slice(&line)?;
    let mut answer = serde_json::to_vec(&vitals.pulse(report).await)?;
    answer.push(b'\n');
    let socket = socket.get_mut();
    socket.write_all(&answer).await?;
    socket.flush().await
}

impl Vitals {
    async fn pulse(&self, report: Report) -> Pulse {
        let config = self.config.current();
        let appliance = &config.appliance;
        Pulse {
            trouble: self.trouble().await,
            attention: self.wants_attention(),
            wish: self.wishes.take(report),
            local_name: appliance.local_name.clone(),
            announce: appliance.announce,
            time_servers: appliance.time_servers.clone(),
            use_given_time_servers: appliance.use_given_time_servers,
            services: offered(&config),
        }
    }

    async fn trouble(&self) -> Option<String> {
        match timeout(ANSWERS, self.store.beat()).await {
            Err(_) => return Some("the store does not write".into()),
            Ok(Err(error)) => return Some(format!("the store: {error}")),
            Ok(Ok(())) => {}
        }
        match timeout(ANSWERS, self.store.settled()).await {
            Err(_) => return Some("what was accepted does not get into the index".into()),
            Ok(Err(error)) => return Some(format!("the store: {error}")),
            Ok(Ok(())) => {}
        }
        match timeout(ANSWERS, self.signals.queue_turns()).await {
            Err(_) => Some("the outgoing queue does not move".into()),
            Ok(()) => None,
        }
    }

    /// Something is not as its administrator wants it.
    fn wants_attention(&self) -> bool {
        let collectors = self.board.collectors();
        let senders = self.board.senders();
        self.store.status().full
            || collectors.values().any(|collector| collector.runs > 0 && !collector.running && !collector.ok)
            || senders.values().any(|sender| !sender.ok)
    }
}

/// Services that others in the network can reach, by the names they have there (RFC 6186, RFC 8314, RFC 6763).
fn offered(config: &Config) -> Vec<(String, u16)> {
    let mut offered = Vec::new();
    let mut add = |listen: &[String], kind: &dyn Fn(u16) -> &'static str| {
        for address in listen.iter().filter_map(|text| text.parse::<SocketAddr>().ok()) {
            let entry = (format!("_{}._tcp", kind(address.port())), address.port());
            if !address.ip().is_loopback() && !offered.contains(&entry) {
                offered.push(entry);
            }
        }
    };
    for smtp in config.smtp.iter().filter(|service| service.enabled) {
        add(&smtp.listen, &|port| match (smtp.encryption, port) {
            (ServiceEncryption::Implicit, _) => "submissions",
            (_, 25) => "smtp",
            _ => "submission",
        });
    }
    for pop3 in config.pop3.iter().filter(|service| service.enabled) {
        add(&pop3.listen, &|_| if pop3.encryption == ServiceEncryption::Implicit { "pop3s" } else { "pop3" });
    }
    if config.web.enabled {
        add(&config.web.listen, &|_| "https");
    }
    offered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_offered_by_their_registered_names() {
        let mut config = Config::fresh();
        let entry = |kind: &str, port| (format!("_{kind}._tcp"), port);
        assert_eq!(
            offered(&config),
            [
                entry("smtp", 25),
                entry("submission", 587),
                entry("submissions", 465),
                entry("pop3", 110),
                entry("pop3s", 995),
                entry("https", 443)
            ]
        );
        config.smtp[0].enabled = false;
        config.pop3[0].listen = vec!["127.0.0.1:110".into()];
        assert!(!offered(&config).iter().any(|(kind, _)| kind == "_smtp._tcp" || kind == "_pop3._tcp"));
    }
}
