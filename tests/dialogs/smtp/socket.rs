//! Over a real socket, with the real rooms behind: store, routes, logins, TLS.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use async_io::Async;
use pillarbox::config::{
    AccessList, AccessRule, Authentication, Config, Published, Secret, ServiceEncryption, SmtpService, User, password,
};
use pillarbox::intake::Intake;
use pillarbox::live::{Board, LogFiles, Signals, StopSource};
use pillarbox::net::dns::Resolver;
use pillarbox::net::tls::{ClientTls, ServerTls};
use pillarbox::net::{Stream, Tasks, timeout};
use pillarbox::policy::{Logins, Pop3Logins, Watch};
use pillarbox::serve::{Context, Locks, Services, smtp};
use pillarbox::store::{Body, MailboxId, Store};
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::script::{self, Line, Script, matches};

const HOST: &str = "mail.office.example";
const PATIENCE: Duration = Duration::from_secs(30);

fn anna() -> User {
    static HASH: OnceLock<Secret> = OnceLock::new();
    let password = HASH.get_or_init(|| password::hash("secret word")).clone();
    User { id: 1, name: "anna".into(), password, ..User::default() }
}

fn config(script: &Script) -> Config {
    let mut config = Config::default();
    config.general.host_name = HOST.into();
    config.general.default_domain = "office.example".into();
    config.general.local_domains = vec!["office.example".into()];
    config.general.main_administrator = "anna".into();
    config.users = vec![anna()];
    let encryption = match script {
        _ if script.has("encrypted") => ServiceEncryption::Implicit,
        _ if script.has("require-tls") => ServiceEncryption::Required,
        _ if script.has("no-tls") => ServiceEncryption::None,
        _ => ServiceEncryption::Optional,
    };
    let authentication = match script {
        _ if script.has("auth-off") => Authentication::Off,
        _ if script.has("auth-required") => Authentication::Required,
        _ => Authentication::Optional,
    };
    config.smtp = vec![SmtpService {
        encryption,
        authentication,
        access: if script.has("trusted") { [AccessRule::trust("127.0.0.1")].into() } else { AccessList::default() },
        max_message_size: script.number("size").unwrap_or(50_000),
        max_recipients: script.number("recipients").unwrap_or(100) as u32,
        max_errors: script.number("errors").unwrap_or(20) as u32,
        disable_dsn: script.has("no-dsn"),
        refuse_hello: if script.has("refuse-myisp") { ".MyISP.example".into() } else { String::new() },
        vrfy_expn: script.has("vrfy") || script.has("vrfy-denied"),
        vrfy_expn_access: if script.has("vrfy") {
            [AccessRule::allow("127.0.0.1")].into()
        } else {
            AccessList::default()
        },
        etrn_access: if script.has("etrn") { [AccessRule::allow("127.0.0.1")].into() } else { AccessList::default() },
        ..SmtpService::default()
    }];
    config
}

struct Client {
    /// `None` only during a handshake.
    stream: Option<Stream>,
    input: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr, encrypted: bool) -> Client {
        let tcp = Async::new(TcpStream::connect(address).unwrap()).unwrap();
        let mut client = Client { stream: Some(Stream::plain(tcp).unwrap()), input: Vec::new() };
        if encrypted {
            client.encrypt().await;
        }
        client
    }

    async fn encrypt(&mut self) {
        let stream = self.stream.take().unwrap();
        let encrypted = timeout(PATIENCE, stream.connect_tls(&ClientTls::opportunistic(), HOST)).await;
        self.stream = Some(encrypted.unwrap().unwrap());
    }

    async fn send(&mut self, bytes: &[u8]) {
        let stream = self.stream.as_mut().unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
    }

    /// `None` at the end.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap().strip_suffix("\r\n").unwrap().to_owned());
            }
            let mut piece = [0; 4096];
            match timeout(PATIENCE, self.stream.as_mut().unwrap().read(&mut piece)).await.expect("an answer in time") {
                // A server that closes while we still send resets the connection.
                Ok(0) | Err(_) => return None,
                Ok(count) => self.input.extend_from_slice(&piece[..count]),
            }
        }
    }
}

async fn run(script: &Script, address: SocketAddr, stop: &StopSource) -> Vec<Vec<u8>> {
    let mut client = Client::connect(address, script.has("encrypted")).await;
    let mut kept = Vec::new();
    for (number, line) in &script.lines {
        match line {
            Line::Send { bytes, .. } => client.send(bytes).await,
            Line::Expect(expected) if expected == "(TLS)" => client.encrypt().await,
            Line::Expect(expected) => {
                let got = client.line().await.unwrap_or_else(|| "(closed)".into());
                assert!(matches(expected, &got), "{}: got {got:?}", script.place(*number));
            }
            Line::Kept(mail) => kept.push(mail.clone()),
            Line::Stop => stop.stop(),
            Line::Timeout | Line::Gone => panic!("{}: only for the bare session", script.place(*number)),
        }
    }
    kept
}

fn open(script: &Script) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("data")).unwrap();
    let published = Published::new(config(script));
    let board = Board::default();
    let (stop, stopping) = StopSource::new();
    let tasks = Tasks::default();
    let context = Context {
        tasks: tasks.clone(),
        config: published.clone(),
        intake: Intake {
            store: store.clone(),
            config: published,
            board: board.clone(),
            signals: Signals::default(),
            hooks: pillarbox::hooks::Hooks::default(),
        },
        logins: Logins::default(),
        watch: Watch::new(store.clone(), tasks.clone()),
        pop3_logins: Pop3Logins::default(),
        resolver: Resolver::new(Vec::new()),
        logs: LogFiles::below(dir.path()),
        board: board.clone(),
        tls: ServerTls::self_signed(dir.path(), HOST).unwrap(),
        stop: stopping,
        locks: Locks::default(),
        services: Services::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    smol::block_on(tasks.run(async {
        let service = tasks.spawn(smtp::run(context, 0, listener));
        let expected = run(script, address, &stop).await;
        stop.stop();
        timeout(PATIENCE, service).await.expect("the service ends");
        assert!(board.sessions().is_empty());
        store.settled().await.unwrap();
        check_kept(script, &store, &expected);
    }));
    store.close().unwrap();
}

/// Each mail has its trace in front and is otherwise what was sent.
fn check_kept(script: &Script, store: &Store, expected: &[Vec<u8>]) {
    let rows = store.messages(MailboxId::inbox(1)).unwrap();
    assert_eq!(rows.len(), expected.len(), "{}: mails kept", script.name);
    for (row, expected) in rows.iter().zip(expected) {
        let Some(Body::Inline(body)) = store.body(row.mail).unwrap() else { panic!("a small body is inline") };
        let at = expected.iter().position(|byte| *byte == b'|').unwrap();
        let (envelope, text) = (String::from_utf8_lossy(&expected[..at]), &expected[at + 1..]);
        let (from, to) = envelope.split_once(' ').unwrap();
        assert_eq!(
            row.head,
            format!("Return-Path: <{from}>\r\nX-VPOP3-RCPTTYPE: D\r\nX-VPOP3-ORIGRCPT: {to}\r\n"),
            "{}",
            script.name
        );
        let trace = body
            .strip_suffix(text)
            .unwrap_or_else(|| panic!("{}: kept {:?}", script.name, String::from_utf8_lossy(body.as_ref())));
        let trace = std::str::from_utf8(trace).unwrap();
        assert!(trace.starts_with("Received: from pc") && trace.contains("\tfor <anna@office.example>; "), "{trace}");
        assert_eq!(row.size, (row.head.len() + body.len()) as u64);
    }
}

#[test]
fn dialogs_over_sockets() {
    for script in script::all().into_iter().filter(|script| !script.has("bare")) {
        open(&script);
    }
}
