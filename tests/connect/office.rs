//! An office with everything that runs of Connections touch, all real: the schedule by a clock that the test sets, collectors,
//! senders, an SMTP service.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pillarbox::collect::Limits;
use pillarbox::config::{
    AccessRule, Collector, CollectorEncryption, CollectorRouting, Config, Connection, Login, Published,
    RelayEncryption, RelayHost, ScheduleItem, Secret, Sender, SmtpService, User,
};
use pillarbox::hooks::Hooks;
use pillarbox::intake::Intake;
use pillarbox::live::{Board, ConnectionState, LogFiles, Patience, Signals, Stop, StopSource};
use pillarbox::net::tls::ServerTls;
use pillarbox::net::{Resolver, Tasks, now_ms};
use pillarbox::policy::{Logins, Pop3Logins, Watch};
use pillarbox::serve::{Locks, Services, smtp};
use pillarbox::store::{Body, Change, MailboxId, QueueEntry, Store};
use pillarbox::{collect, connect, notify, send, serve};

use crate::provider::Provider;
use crate::smarthost::Smarthost;

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const ANN: u32 = 1;
/// Tuesday, 24 November 2026, 0:00 UTC, in minutes.
const DAY: i64 = 29_924_640;

pub struct Office {
    pub store: Store,
    pub config: Published,
    pub board: Board,
    pub signals: Signals,
    pub smtp: SocketAddr,
    /// Unix milliseconds, and how often it was looked at.
    clock: Arc<(AtomicI64, AtomicUsize)>,
    stop: StopSource,
    end: smol::channel::Sender<()>,
    threads: Vec<thread::JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.stop();
        self.end.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        let _ = self.store.close();
    }
}

/// A provider's POP3 server and smarthost, and the Connection and collector that lead to them.
pub struct Isp {
    pub pop3: Provider,
    pub smarthost: Smarthost,
    pub connection: Connection,
    pub collector: Collector,
}

impl Isp {
    /// Its sender takes mail for `isp<number>.example`.
    pub fn start(number: u32) -> Isp {
        let (pop3, smarthost) = (Provider::start(), Smarthost::start(Default::default()));
        let sender = Sender {
            hosts: vec![RelayHost { host: "127.0.0.1".into(), port: smarthost.address.port() }],
            encryption: RelayEncryption::None,
            domain_filter: vec![format!("Attempt: To=*@isp{number}.example")],
            ..Sender::default()
        };
        let name = format!("ISP {number}");
        let collector = Collector {
            id: number,
            name: format!("Mailbox {number}"),
            connections: vec![name.clone()],
            host: "127.0.0.1".into(),
            port: pop3.address.port(),
            encryption: CollectorEncryption::None,
            login: Login { user: "ann@isp.example".into(), password: Secret::new("secret") },
            routing: CollectorRouting::SendTo("ann".into()),
            ..Collector::default()
        };
        let connection = Connection { id: number, name, sender: Some(sender), ..Connection::default() };
        Isp { pop3, smarthost, connection, collector }
    }

    /// A mail that waits at the provider.
    pub fn put(&self, subject: &str) {
        self.pop3.put(subject, format!("From: eve@far.example\r\nSubject: {subject}\r\n\r\nHello.\r\n"));
    }

    pub fn hold(&self, hold: bool) {
        self.pop3.behave(|behaviour| behaviour.hold_login = hold);
    }
}

/// Every five minutes from 10:00 to 17:59 UTC; mail waits for runs.
pub fn config(isps: &[&Isp]) -> Config {
    let mut config = Config::default();
    config.general.host_name = "mail.office.example".into();
    config.general.default_domain = "office.example".into();
    config.general.local_domains = vec!["office.example".into()];
    config.general.main_administrator = "ann".into();
    config.general.time_zone = "UTC".into();
    config.users = vec![User { id: ANN, name: "ann".into(), ..User::default() }];
    config.smtp = vec![SmtpService { access: [AccessRule::trust("127.0.0.1")].into(), ..SmtpService::default() }];
    config.connections = isps.iter().map(|isp| isp.connection.clone()).collect();
    config.collectors = isps.iter().map(|isp| isp.collector.clone()).collect();
    let item = ScheduleItem {
        from: "10:00".into(),
        until: "17:59".into(),
        send_immediately: false,
        ..ScheduleItem::default()
    };
    config.schedule.items = vec![item];
    config
}

/// Waits until `ready` gives something; panics after half a minute.
pub fn wait<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    wait(what, || ready().then_some(()));
}

impl Office {
    /// At 9:58.
    pub fn open(config: Config) -> Office {
        Office::patient(config, Patience::default())
    }

    /// The same; runs go on so long while another Connection waits.
    pub fn patient(config: Config, patience: Patience) -> Office {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("data")).unwrap();
        let (stop, stopping) = StopSource::new();
        let (end, ended) = smol::channel::bounded::<()>(1);
        let intake = Intake {
            store: store.clone(),
            config: Published::new(config),
            board: Board::default(),
            signals: Signals::default(),
            hooks: Hooks::default(),
        };
        let tasks = Tasks::default();
        let run = |_| {
            let (tasks, ended) = (tasks.clone(), ended.clone());
            thread::spawn(move || smol::block_on(tasks.run(async { ended.recv().await.unwrap_or_default() })))
        };
        let threads = (0..2).map(run).collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let office = Office {
            smtp: listener.local_addr().unwrap(),
            store,
            config: intake.config.clone(),
            board: intake.board.clone(),
            signals: intake.signals.clone(),
            clock: Arc::new((AtomicI64::new(time(9, 58)), AtomicUsize::new(0))),
            stop,
            end,
            threads,
            _dir: dir,
        };
        office.start(&tasks, &intake, listener, &stopping, patience);
        office
    }

    fn start(&self, tasks: &Tasks, intake: &Intake, listener: TcpListener, stop: &Stop, patience: Patience) {
        let Intake { store, config, board, signals, .. } = intake.clone();
        let clock = self.clock.clone();
        let now = move || {
            clock.1.fetch_add(1, Ordering::Relaxed);
            clock.0.load(Ordering::Acquire)
        };
        let connecting = connect::Context {
            now: Arc::new(now),
            look: Duration::from_millis(2),
            patience,
            ..connect::Context::new(config.clone(), signals.clone(), board.clone(), store.clone(), stop.clone())
        };
        connect::prepare(&connecting);
        let resolver = Resolver::new(Vec::new());
        let sending = send::Context {
            tasks: tasks.clone(),
            store,
            config: config.clone(),
            signals,
            board: board.clone(),
            resolver: resolver.clone(),
            hooks: Hooks::default(),
            mx_port: send::MX_PORT,
            stop: stop.clone(),
        };
        let serving = serve::Context {
            tasks: tasks.clone(),
            config,
            intake: intake.clone(),
            logins: Logins::default(),
            watch: Watch::new(intake.store.clone(), tasks.clone()),
            pop3_logins: Pop3Logins::default(),
            resolver: resolver.clone(),
            logs: LogFiles::below(intake.store.dir()),
            board,
            tls: ServerTls::self_signed(intake.store.dir(), "mail.office.example").unwrap(),
            stop: stop.clone(),
            locks: Locks::default(),
            services: Services::default(),
        };
        let nobody_turns: collect::Serve = Arc::new(|_, _| Box::pin(async { Ok(0) }));
        let collecting =
            collect::run(tasks.clone(), intake.clone(), resolver, nobody_turns, Limits::default(), stop.clone());
        tasks.spawn(connect::report_errors(connecting.clone())).detach();
        tasks.spawn(connect::run(connecting)).detach();
        tasks.spawn(collecting).detach();
        tasks.spawn(send::run(sending)).detach();
        tasks.spawn(notify::run(intake.clone(), stop.clone())).detach();
        tasks.spawn(smtp::run(serving, 0, listener)).detach();
    }

    /// Sets the clock, and waits until the schedule has taken notice.
    pub fn at(&self, hour: i64, minute: i64) {
        self.set_clock(time(hour, minute));
    }

    /// The same, in Unix milliseconds.
    pub fn set_clock(&self, now: i64) {
        self.clock.0.store(now, Ordering::Release);
        self.looked();
    }

    /// Waits until the schedule has looked around more than once.
    pub fn looked(&self) {
        self.looks(50);
    }

    /// The same of what looks for errors, more rarely.
    pub fn looked_for_errors(&self) {
        self.looks(500);
    }

    /// Until the clock has been looked at so often; each time, the schedule does it some five times.
    fn looks(&self, count: usize) {
        let before = self.clock.1.load(Ordering::Relaxed);
        until("the schedule to look", || self.clock.1.load(Ordering::Relaxed) > before + count);
    }

    pub fn change(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.config.current());
        change(&mut config);
        self.config.publish(config);
        self.looked();
    }

    pub fn state(&self, connection: u32) -> ConnectionState {
        self.board.connections().remove(&connection).unwrap_or_default()
    }

    /// Waits until so many runs of a Connection have ended.
    pub fn ran(&self, connection: u32, runs: u64) {
        until("the run to end", || self.state(connection).runs >= runs);
        assert_eq!(self.state(connection).runs, runs, "{:?}", self.state(connection));
    }

    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.store.dir().join(name)
    }

    /// Sends a mail by SMTP.
    pub fn submit(&self, to: &str, subject: &str) {
        let stream = TcpStream::connect(self.smtp).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = BufReader::new(stream);
        let mail = format!("From: ann@office.example\r\nSubject: {subject}\r\n\r\nHello.\r\n.\r\n");
        let (from, to) = ("MAIL FROM:<ann@office.example>\r\n", format!("RCPT TO:<{to}>\r\n"));
        for (command, code) in
            [("", "220"), ("HELO pc\r\n", "250"), (from, "250"), (&to, "250"), ("DATA\r\n", "354"), (&mail, "250")]
        {
            stream.get_mut().write_all(command.as_bytes()).unwrap();
            let mut reply = String::new();
            stream.read_line(&mut reply).unwrap();
            assert!(reply.starts_with(code), "{command}: {reply}");
        }
    }

    /// What was put off is due now.
    pub fn retry(&self) {
        smol::block_on(async {
            self.store.settled().await.unwrap();
            let entries = self.store.queue_list(None, 100).unwrap();
            let retry = |entry: QueueEntry| Change::QueueRetry { mail: entry.mail, due: now_ms() };
            self.store.commit(entries.into_iter().map(retry).collect()).await.unwrap();
            self.store.settled().await.unwrap();
        });
        self.signals.queue_changed();
    }

    pub fn queue_len(&self) -> u64 {
        smol::block_on(self.store.settled()).unwrap();
        self.store.queue_len().unwrap()
    }

    /// The mails in ann's mailbox.
    pub fn inbox(&self) -> Vec<String> {
        smol::block_on(self.store.settled()).unwrap();
        let rows = self.store.messages(MailboxId::inbox(ANN)).unwrap();
        let body = |mail| match self.store.body(mail).unwrap().unwrap() {
            Body::Inline(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Body::File { .. } => panic!("a large mail"),
        };
        rows.iter().map(|row| body(row.mail)).collect()
    }

    /// Their subjects, sorted.
    pub fn subjects(&self) -> Vec<String> {
        let subject = |mail: &String| mail.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_string));
        let mut subjects: Vec<String> = self.inbox().iter().filter_map(subject).collect();
        subjects.sort();
        subjects
    }
}

/// Half past a minute of the day, Unix milliseconds.
fn time(hour: i64, minute: i64) -> i64 {
    (DAY + hour * 60 + minute) * 60_000 + 30_000
}
