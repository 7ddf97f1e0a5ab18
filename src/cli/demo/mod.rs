//! `pillarbox demo`: a box, its provider and somebody in the office on one machine, nothing to install or set up.
//!
//! Without `--once` it goes on until it is interrupted: every few seconds a mail arrives at the provider and one is sent
//! from the office, and the terminal says what becomes of them. With `--once` it is a proof: 25 mails of many shapes
//! each way, every one compared byte for byte at the other end.

mod office;
mod provider;
mod samples;
mod tally;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

use crate::config::{
    Collector, CollectorEncryption, CollectorRouting, Config, Connection, Login, Pop3Service, RelayEncryption,
    RelayHost, Secret, Sender, SmtpService, User, WebService,
};
use crate::gateway::{Gateway, Options};

use super::print;
use provider::{Event, Provider};
use samples::{COUNT, samples};
use tally::{Tally, count};

const CUSTOMER: &str = "customer@example.net";
const DEADLINE: Duration = Duration::from_secs(60);

pub fn run(once: bool) -> anyhow::Result<()> {
    super::run::start_log(if once { "error" } else { "warn" });
    let home = Home::make()?;
    let provider = Provider::start().context("provider")?;
    let ports = if once { [0; 3] } else { [10025, 10110, 10443].map(free_or_any) };
    let gateway = start(&home.path, &provider, ports)?;
    let ended = if once { prove(&gateway, &provider) } else { show(&gateway, &provider) };
    let stopped = smol::block_on(gateway.stop());
    let tally = ended?;
    stopped?;
    match tally {
        None => Ok(()),
        Some(mut tally) => {
            // What reached the smarthost while the box stopped counts too.
            tally.note(provider.events.try_iter());
            verdict(&tally)
        }
    }
}

/// A directory of our own, gone afterwards.
struct Home {
    path: PathBuf,
}

impl Home {
    fn make() -> anyhow::Result<Home> {
        let name = format!("pillarbox-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| path.display().to_string())?;
        Ok(Home { path })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn free_or_any(port: u16) -> u16 {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() { port } else { 0 }
}

fn start(home: &Path, provider: &Provider, ports: [u16; 3]) -> anyhow::Result<Gateway> {
    let file = home.join("pillarbox.toml");
    fs::write(&file, config(provider, ports).to_toml(true)).context("configuration")?;
    // Root stays root here: the directory is its own, and everything is on loopback.
    let user = nix::unistd::geteuid().is_root().then(|| "root".to_string());
    Ok(Gateway::start(&Options { data: home.join("data"), config: Some(file), user, ..Options::default() })?)
}

/// What somebody would set up for a small office.
fn config(provider: &Provider, [smtp, pop3, web]: [u16; 3]) -> Config {
    let listen = |port: u16| vec![format!("127.0.0.1:{port}")];
    let login = Login { user: provider::USER.into(), password: Secret::new(provider::PASSWORD) };
    let collector = Collector {
        name: "Office mailbox".into(),
        host: provider.pop3.ip().to_string(),
        port: provider.pop3.port(),
        encryption: CollectorEncryption::None,
        login: login.clone(),
        routing: CollectorRouting::SendTo(office::USER.into()),
        ..Collector::default()
    };
    let sender = Sender {
        hosts: vec![RelayHost { host: provider.smtp.ip().to_string(), port: provider.smtp.port() }],
        encryption: RelayEncryption::None,
        login: Some(login),
        ..Sender::default()
    };
    let mut config = Config {
        smtp: vec![SmtpService { listen: listen(smtp), ..SmtpService::default() }],
        pop3: vec![Pop3Service { listen: listen(pop3), ..Pop3Service::default() }],
        web: WebService { listen: listen(web), ..WebService::default() },
        connections: vec![Connection { sender: Some(sender), ..Connection::default() }],
        collectors: vec![collector],
        users: vec![User {
            name: office::USER.into(),
            full_name: "Anna".into(),
            password: Secret::new(office::PASSWORD),
            ..User::default()
        }],
        ..Config::default()
    };
    config.general.host_name = "box.office.example".into();
    config.general.default_domain = "office.example".into();
    config.general.local_domains = vec!["office.example".into()];
    config.general.main_administrator = office::USER.into();
    config
}

fn address(gateway: &Gateway, service: &str) -> anyhow::Result<SocketAddr> {
    let listeners = gateway.board().listeners();
    let found = listeners.iter().find(|row| row.service == service).context("the box does not listen")?;
    Ok(found.address.parse()?)
}

/// Everything there and back again, with what was seen.
fn prove(gateway: &Gateway, provider: &Provider) -> anyhow::Result<Option<Tally>> {
    let (smtp, pop3) = (address(gateway, "SMTP Server")?, address(gateway, "POP3 Server")?);
    let mut tally = Tally { to_collect: samples("in"), to_send: samples("out"), ..Tally::default() };
    for sample in &tally.to_collect {
        provider.arrive(&sample.bytes);
    }
    collect_now(gateway)?;
    for sample in &tally.to_send {
        match office::send(smtp, CUSTOMER, &sample.bytes) {
            Ok(()) => tally.accepted += 1,
            Err(error) => super::complain(&format!("{}: {error:#}", sample.subject)),
        }
    }
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        match provider.events.recv_timeout(Duration::from_millis(200)) {
            Ok(event) => tally.note([event]),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("the provider has ended"),
        }
        if tally.collected >= COUNT && tally.relayed.len() >= COUNT && office::count(pop3)? >= COUNT {
            break;
        }
    }
    tally.delivered = office::read(pop3)?;
    Ok(Some(tally))
}

fn collect_now(gateway: &Gateway) -> anyhow::Result<()> {
    super::client::Client::connect(gateway.store().dir(), false)?.call("POST", "collect", b"")?;
    Ok(())
}

fn verdict(tally: &Tally) -> anyhow::Result<()> {
    let (delivered, relayed) = (count(&tally.to_collect, &tally.delivered), count(&tally.to_send, &tally.relayed));
    let lost = delivered.lost.len() + relayed.lost.len();
    let duplicated = delivered.duplicated + relayed.duplicated;
    print(&format!(
        "collected {}, delivered {}, accepted {}, relayed {}, lost {lost}, duplicated {duplicated}\n",
        tally.collected, delivered.whole, tally.accepted, relayed.whole
    ))?;
    for sample in delivered.lost.iter().chain(&relayed.lost) {
        super::complain(&format!("not whole at the other end: {}", sample.subject));
    }
    let whole = [tally.collected, delivered.whole, tally.accepted, relayed.whole] == [COUNT; 4];
    if !whole || lost + duplicated + delivered.strange + relayed.strange > 0 {
        bail!("not all mails went where they should");
    }
    Ok(())
}

/// Mails come and go until the user has seen enough.
fn show(gateway: &Gateway, provider: &Provider) -> anyhow::Result<Option<Tally>> {
    let (interrupted, enough) = std::sync::mpsc::channel();
    let mut signals = Signals::new([Signal::Term, Signal::Int])?;
    std::thread::spawn(move || {
        async_io::block_on(signals.next());
        let _ = interrupted.send(());
    });
    let smtp = address(gateway, "SMTP Server")?;
    print(&gateway.table())?;
    print("\nA mail comes and one goes every few seconds; the status page shows it too. Ctrl-C ends it.\n\n")?;
    let (coming, going) = (samples("in"), samples("out"));
    for (coming, going) in coming.iter().zip(&going).cycle() {
        provider.arrive(&coming.bytes);
        say("arrived at the provider", &coming.subject)?;
        collect_now(gateway)?;
        say("sent by Anna", &going.subject)?;
        if let Err(error) = office::send(smtp, CUSTOMER, &going.bytes) {
            super::complain(&format!("{error:#}"));
        }
        let next = Instant::now() + Duration::from_secs(4);
        while let Some(left) = next.checked_duration_since(Instant::now()) {
            if enough.try_recv().is_ok() {
                return Ok(None);
            }
            match provider.events.recv_timeout(left.min(Duration::from_millis(200))) {
                Ok(Event::Collected(mail)) => say("collected, in Anna's mailbox", &subject(&mail))?,
                Ok(Event::Relayed(mail)) => say("taken by the smarthost", &subject(&mail))?,
                Err(_) => {}
            }
        }
    }
    Ok(None)
}

fn say(what: &str, subject: &str) -> anyhow::Result<()> {
    print(&format!("{}  {what:28} {subject}\n", jiff::Zoned::now().strftime("%H:%M:%S")))
}

fn subject(mail: &[u8]) -> String {
    let start = String::from_utf8_lossy(mail.get(..4096).unwrap_or(mail)).into_owned();
    start.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or("(no subject)").to_string()
}
