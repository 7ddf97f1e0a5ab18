//! The program is killed at random moments under load and started again on the same data, many times. Then:
//!
//! * every mail that got its 250, and every mail that was deleted at the provider, is where it belongs;
//! * mailboxes hold each of them exactly once;
//! * the smarthost got each at least once, and twice only where the kill came while its answer was on the way, which no
//!   sender can tell from a refusal (RFC 5321 §4.5.4.1 leaves it no other choice than to send again).
//!
//! `PILLARBOX_POWER_RUNS` says how often; 100 by itself.

mod peers;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use peers::{Provider, Sink};

const CLIENTS: u32 = 6;
/// New at the provider before each start.
const AT_PROVIDER: u32 = 15;
const PATIENCE: Duration = Duration::from_secs(60);
/// A mail that reached the smarthost earlier than this before the kill must be known to be sent.
const IN_FLIGHT: Duration = Duration::from_secs(1);
/// Connections to the smarthost, each with a mail in flight and one whose answer is being noted.
const TWICE: usize = 4 * 2;

#[test]
fn nothing_promised_is_lost_when_the_program_is_killed() {
    let runs = std::env::var("PILLARBOX_POWER_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(100);
    let dir = tempfile::tempdir().unwrap();
    let (sink, provider) = (Sink::start(), Provider::start());
    let config = dir.path().join("office.toml");
    std::fs::write(&config, office(sink.address.port(), provider.address.port())).unwrap();
    let sent = Sent::default();
    let mut kills = Vec::new();
    for _ in 0..runs {
        provider.arrive(AT_PROVIDER);
        let mut program = Program::start(dir.path(), &config);
        let moment = Duration::from_millis(fastrand::u64(10..600));
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (sent, smtp) = (&sent, program.smtp);
                scope.spawn(move || while send(smtp, client % 3 == 0, sent).is_ok() {});
            }
            std::thread::sleep(moment);
            program.kill();
            kills.push(Instant::now());
        });
    }
    let program = Program::start(dir.path(), &config);
    program.wait_until_done(dir.path(), &provider);
    judge(&sent, &sink, &provider, &mailbox(program.pop3), &kills);
}

/// What was promised: names of mails.
#[derive(Default)]
struct Sent {
    next: AtomicU32,
    /// Got its 250, to the outside.
    relay: Mutex<Vec<String>>,
    /// Got its 250, for the mailbox.
    local: Mutex<Vec<String>>,
}

fn judge(sent: &Sent, sink: &Sink, provider: &Provider, mailbox: &[String], kills: &[Instant]) {
    let mut delivered: HashMap<&str, u32> = HashMap::new();
    for name in mailbox {
        *delivered.entry(name).or_default() += 1;
    }
    let local = sent.local.lock().unwrap();
    let collected = provider.names();
    for name in local.iter().chain(&collected) {
        assert_eq!(delivered.get(name.as_str()), Some(&1), "{name} in the mailbox");
    }
    // Those whose 250 the client has not seen may be there or not, never twice.
    assert!(delivered.values().all(|times| *times == 1), "twice in the mailbox");

    let relay = sent.relay.lock().unwrap();
    let arrivals = sink.arrivals();
    let mut doubled = 0;
    for name in relay.iter() {
        let times = arrivals.get(name).unwrap_or_else(|| panic!("{name} has not reached the smarthost"));
        for first in times.iter().take(times.len() - 1) {
            doubled += 1;
            let kill = kills.iter().find(|kill| *kill >= first).expect("no kill after it");
            assert!(*kill - *first < IN_FLIGHT, "{name} was sent again though it was not in flight");
        }
    }
    println!(
        "{} kills: {} relayed, {} of them twice; {} sent to the mailbox, {} collected, once each",
        kills.len(),
        relay.len(),
        doubled,
        local.len(),
        collected.len()
    );
    assert!(doubled <= kills.len() * TWICE, "more than can be in flight");
    assert!(kills.is_empty() || (!relay.is_empty() && !local.is_empty()), "there was no load");
}

fn office(sink: u16, provider: u16) -> String {
    format!(
        r#"
[general]
host_name = "box.office.example"
default_domain = "office.example"
local_domains = ["office.example"]
main_administrator = "anna"
[[smtp]]
listen = ["127.0.0.1:0"]
max_sessions_per_address = 0
[[pop3]]
listen = ["127.0.0.1:0"]
[web]
enabled = false
[[users]]
name = "anna"
password = "anna-secret"
[[schedule.items]]
every = 1
[[connections]]
name = "Provider"
[connections.sender]
max_connections = 4
hosts = [{{ host = "127.0.0.1", port = {sink} }}]
encryption = "none"
[[collectors]]
name = "Mailbox"
host = "127.0.0.1"
port = {provider}
encryption = "none"
login = {{ user = "office", password = "provider-secret" }}
routing = {{ send-to = "anna" }}
"#
    )
}

struct Program {
    child: Child,
    smtp: SocketAddr,
    pop3: SocketAddr,
}

impl Program {
    fn start(dir: &Path, config: &Path) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
        command.arg("run").arg("--data").arg(dir.join("data")).arg("--config").arg(config).env("RUST_LOG", "error");
        if nix::unistd::geteuid().is_root() {
            command.args(["--user", "root"]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut table = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut address = |service: &str| {
            let row = table.find(|line| line.contains(service)).expect("the program starts");
            row.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
        };
        let (smtp, pop3) = (address("SMTP Server"), address("POP3 Server"));
        Program { child, smtp, pop3 }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn wait_until_done(&self, dir: &Path, provider: &Provider) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut ask = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
            let answer = ask.args(["status", "--json", "--data"]).arg(dir.join("data")).output().unwrap();
            let status: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
            let waiting = status["queue"]["length"].as_u64().unwrap();
            if waiting == 0 && provider.left() == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{waiting} still wait, {} are at the provider", provider.left());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection with one mail; an error when the program has gone.
fn send(smtp: SocketAddr, to_mailbox: bool, sent: &Sent) -> std::io::Result<()> {
    let number = sent.next.fetch_add(1, Ordering::Relaxed);
    let name = format!("sent-{number}");
    let to = if to_mailbox { "anna@office.example" } else { "customer@example.net" };
    let size = if number.is_multiple_of(25) { 100_000 } else { fastrand::usize(10..4000) };
    let mail = peers::mail(&name, size);
    let mut reader = BufReader::new(TcpStream::connect(smtp)?);
    reader.get_ref().set_read_timeout(Some(PATIENCE))?;
    expect(&mut reader, "220")?;
    for (command, code) in [
        ("EHLO desk.office.example\r\n", "250"),
        ("MAIL FROM:<anna@office.example>\r\n", "250"),
        (&format!("RCPT TO:<{to}>\r\n"), "250"),
        ("DATA\r\n", "354"),
        (&format!("{mail}.\r\n"), "250"),
    ] {
        reader.get_mut().write_all(command.as_bytes())?;
        expect(&mut reader, code)?;
    }
    if to_mailbox { &sent.local } else { &sent.relay }.lock().unwrap().push(name);
    Ok(())
}

fn expect(reader: &mut BufReader<TcpStream>, code: &str) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        assert!(line.starts_with(code), "the program said {line}");
        if line.as_bytes().get(3) == Some(&b' ') {
            return Ok(());
        }
    }
}

/// Names of all mails in the mailbox.
fn mailbox(pop3: SocketAddr) -> Vec<String> {
    let mut reader = BufReader::new(TcpStream::connect(pop3).unwrap());
    let line = |reader: &mut BufReader<TcpStream>| {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line
    };
    let ask = |reader: &mut BufReader<TcpStream>, command: &str| {
        reader.get_mut().write_all(command.as_bytes()).unwrap();
        let reply = line(reader);
        assert!(reply.starts_with("+OK"), "{command}: {reply}");
        reply
    };
    let mut greeting = String::new();
    reader.read_line(&mut greeting).unwrap();
    ask(&mut reader, "USER anna\r\n");
    ask(&mut reader, "PASS anna-secret\r\n");
    let count: u32 = ask(&mut reader, "STAT\r\n").split(' ').nth(1).unwrap().parse().unwrap();
    let mut names = Vec::new();
    for number in 1..=count {
        ask(&mut reader, &format!("RETR {number}\r\n"));
        let mut mail = String::new();
        while !mail.ends_with("\r\n.\r\n") {
            reader.read_line(&mut mail).unwrap();
        }
        names.push(peers::name(&mail).expect("a whole mail"));
    }
    names
}
