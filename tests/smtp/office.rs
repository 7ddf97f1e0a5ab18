//! A box with one SMTP service on loopback whose clients may send out, and a client that reads what comes line by line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pillarbox::config::{AccessRule, Config, Published, Secret, SmtpService, User, password};
use pillarbox::hooks::{Hooks, Shelf, Stored};
use pillarbox::intake::Intake;
use pillarbox::live::{Board, LogFiles, Signals, StopSource};
use pillarbox::net::Tasks;
use pillarbox::net::dns::Resolver;
use pillarbox::net::tls::ServerTls;
use pillarbox::policy::{Logins, Pop3Logins, Watch};
use pillarbox::serve::{Context, Locks, Services, smtp};
use pillarbox::store::{Body, MailId, MailboxId, MessageRow, Store};

/// Longer than anything here takes, and short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Office {
    pub address: SocketAddr,
    pub store: Store,
    pub board: Board,
    pub hooks: Hooks,
    pub config: Published,
    pub signals: Signals,
    pub watch: Watch,
    pub pop3_logins: Pop3Logins,
    pub resolver: Resolver,
    stop: Option<StopSource>,
    thread: Option<JoinHandle<()>>,
    dir: tempfile::TempDir,
}

impl Office {
    pub fn open() -> Office {
        Office::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut SmtpService)) -> Office {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("data")).unwrap();
        let mut service = SmtpService { access: [AccessRule::trust("127.0.0.1")].into(), ..SmtpService::default() };
        change(&mut service);
        let mut config = Config::default();
        config.general.host_name = "mail.office.example".into();
        config.general.local_domains = vec!["office.example".into()];
        config.general.default_domain = "office.example".into();
        config.smtp = vec![service];
        static HASH: LazyLock<Secret> = LazyLock::new(|| password::hash("secret word"));
        let user = |id, name: &str| User { id, name: name.into(), password: HASH.clone(), ..User::default() };
        config.users = vec![User { aliases: vec!["sales".into()], ..user(1, "anna") }, user(2, "bert")];
        let config = Published::new(config);
        let hooks = Hooks::default();
        let (board, signals) = (Board::default(), Signals::default());
        let (stop, stopping) = StopSource::new();
        let tasks = Tasks::default();
        let (watch, pop3_logins) = (Watch::new(store.clone(), tasks.clone()), Pop3Logins::default());
        let resolver = Resolver::new(Vec::new());
        let intake = Intake {
            store: store.clone(),
            config: config.clone(),
            board: board.clone(),
            signals: signals.clone(),
            hooks: hooks.clone(),
        };
        let context = Context {
            tasks: tasks.clone(),
            config: config.clone(),
            intake,
            logins: Logins::default(),
            watch: watch.clone(),
            pop3_logins: pop3_logins.clone(),
            resolver: resolver.clone(),
            logs: LogFiles::below(dir.path()),
            board: board.clone(),
            tls: ServerTls::self_signed(dir.path(), "mail.office.example").unwrap(),
            stop: stopping,
            locks: Locks::default(),
            services: Services::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || smol::block_on(tasks.run(smtp::run(context, 0, listener))));
        Office {
            address,
            store,
            board,
            hooks,
            config,
            signals,
            stop: Some(stop),
            thread: Some(thread),
            watch,
            pop3_logins,
            resolver,
            dir,
        }
    }

    /// For files of a test.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Puts a changed configuration in force.
    pub fn change(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.config.current());
        change(&mut config);
        self.config.publish(config);
    }

    /// Puts a script in force, alone.
    pub fn script(&self, name: &str, text: &str) {
        let stored = Stored::new(name, text);
        assert_eq!(stored.mistake(), None);
        self.hooks.put(Shelf::new([Arc::new(stored)]));
    }

    /// Tells the service to end.
    pub fn stop(&mut self) {
        self.stop = None;
    }

    /// Returns once the service has come to its end.
    pub fn ended(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    /// A client that has said hello.
    pub fn greeted(&self) -> Client {
        let mut client = self.connect();
        assert!(client.line().starts_with("220 mail.office.example ESMTP"));
        client.expect("HELO pc.office.example", "250 mail.office.example");
        client
    }

    pub fn inbox(&self, user: u32) -> Vec<MessageRow> {
        smol::block_on(self.store.settled()).unwrap();
        self.store.messages(MailboxId::inbox(user)).unwrap()
    }

    pub fn body(&self, mail: MailId) -> Vec<u8> {
        match self.store.body(mail).unwrap().unwrap() {
            Body::Inline(bytes) => bytes.to_vec(),
            Body::File { mut file, .. } => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                bytes
            }
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Waits a moment for it.
    pub fn has_something_to_say(&mut self) -> bool {
        self.stream.get_ref().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let heard = self.stream.fill_buf().is_ok();
        self.stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        heard
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("not a line: {line:?}")).to_owned()
    }

    /// Sends a line; the reply must begin with `start`.
    pub fn expect(&mut self, command: &str, start: &str) -> String {
        self.send(&format!("{command}\r\n"));
        let reply = self.line();
        assert!(reply.starts_with(start), "{command}: {reply}");
        reply
    }

    /// Says EHLO and reads all of the answer.
    pub fn hello(&mut self) {
        self.send("EHLO pc.office.example\r\n");
        while self.line().starts_with("250-") {}
    }

    /// Logs in with PLAIN; the reply must begin with `start`.
    pub fn login(&mut self, name: &str, password: &str, start: &str) {
        let response = STANDARD.encode(format!("\0{name}\0{password}"));
        self.expect(&format!("AUTH PLAIN {response}"), start);
    }

    /// Up to the 354.
    pub fn begin(&mut self, from: &str, to: &[&str]) {
        self.expect(&format!("MAIL FROM:<{from}>"), "250");
        for to in to {
            self.expect(&format!("RCPT TO:<{to}>"), "250");
        }
        self.expect("DATA", "354");
    }

    /// A whole mail; `text` needs no stuffing. Gives the name it was kept under.
    pub fn mail(&mut self, from: &str, to: &[&str], text: &str) -> MailId {
        self.begin(from, to);
        self.send(text);
        let reply = self.expect(".", "250 2.0.0 Ok: queued as ");
        MailId(u64::from_str_radix(reply.rsplit(' ').next().unwrap(), 16).unwrap())
    }

    /// The server has nothing more to say.
    pub fn closed(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }
}
