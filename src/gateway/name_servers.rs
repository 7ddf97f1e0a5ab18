//! Which name servers are asked, and whether they can be relied on: they are tested now and then.

use std::time::{Duration, Instant};

use crate::config::{Config, Published, name_servers};
use crate::live::{Board, Stop};
use crate::net::dns::{Resolver, Servers};
use crate::net::{now_ms, timeout};

/// Between two tests …
const EVERY: Duration = Duration::from_secs(15 * 60);
/// … and between looks whether there are other servers to be tested. The first comes so long after the start, too: the
/// line may come up together with the box.
const LOOK: Duration = Duration::from_secs(60);

/// Those of the settings.
pub fn servers(config: &Config) -> Servers {
    Servers { listed: name_servers(&config.dns.servers), detected: config.dns.detect_servers }
}

/// The resolver asks the servers of the newest settings.
pub async fn follow(config: Published, resolver: Resolver, stop: Stop) {
    while !stop.is_stopping() {
        let changed = config.changed();
        resolver.set_servers(servers(&config.current()));
        smol::future::or(changed, stop.stopping()).await;
    }
}

/// Tests the servers in use, and says when they cannot be relied on.
pub async fn test(config: Published, resolver: Resolver, board: Board, stop: Stop) {
    let mut next = Instant::now();
    while timeout(LOOK, stop.stopping()).await.is_err() {
        let name = config.current().dns.test_name.clone();
        let current = resolver.current();
        if name.is_empty() || (Instant::now() < next && board.are_tested(&current)) {
            continue;
        }
        next = Instant::now() + EVERY;
        let before = board.name_servers(&current);
        match resolver.probe(&name).await {
            Ok(probes) => board.name_servers_tested(now_ms(), probes),
            Err(error) => log::warn!("DNS test: {error}"),
        }
        let now = board.name_servers(&current);
        if now.ok {
            if !before.ok {
                log::info!("DNS test: the name servers are fine again");
            }
            continue;
        }
        for server in now.servers.iter().filter(|server| !server.ok) {
            let text = format!("name server {} {}", server.address, server.state);
            board.problem(now_ms(), "DNS", text.as_str());
            if !before.servers.iter().any(|old| (&old.address, &old.state) == (&server.address, &server.state)) {
                log::warn!("DNS test: {text}");
            }
        }
    }
}
