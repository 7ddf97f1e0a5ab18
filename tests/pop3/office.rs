//! A box with one POP3 service on loopback, and a client that reads what comes line by line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pillarbox::config::{Config, Pop3Service, Published, Secret, ServiceEncryption, User, password};
use pillarbox::intake::Intake;
use pillarbox::live::{Board, LogFiles, Signals, StopSource};
use pillarbox::net::Tasks;
use pillarbox::net::dns::Resolver;
use pillarbox::net::tls::ServerTls;
use pillarbox::policy::{Logins, Pop3Logins, Watch};
use pillarbox::serve::{Context, Locks, Services, pop3};
use pillarbox::store::{BodyHandle, Change, Delivery, MailboxId, NewMail, Store};

pub const HEAD: &str = "Return-Path: <far@away.example>\r\n";
pub const PASSWORD: &str = "secret word";
/// Longer than anything here takes, and short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Office {
    pub address: SocketAddr,
    pub store: Store,
    pub board: Board,
    pub config: Published,
    stop: Option<StopSource>,
    thread: Option<JoinHandle<()>>,
    dir: tempfile::TempDir,
}

impl Office {
    pub fn open() -> Office {
        Office::with(ServiceEncryption::Optional, false)
    }

    pub fn with(encryption: ServiceEncryption, reversible_passwords: bool) -> Office {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("data")).unwrap();
        Office::start(dir, store, encryption, reversible_passwords)
    }

    fn start(dir: tempfile::TempDir, store: Store, encryption: ServiceEncryption, reversible: bool) -> Office {
        let hash = password::hash(PASSWORD);
        let user = |id, name: &str| User {
            id,
            name: name.into(),
            password: hash.clone(),
            clear_password: reversible.then(|| Secret::new(PASSWORD)),
            ..User::default()
        };
        let mut config = Config::default();
        config.general.host_name = "mail.office.example".into();
        config.general.reversible_passwords = reversible;
        config.pop3 = vec![Pop3Service { encryption, ..Pop3Service::default() }];
        config.users = vec![user(1, "anna"), user(2, "bert")];
        let config = Published::new(config);
        let board = Board::default();
        let (stop, stopping) = StopSource::new();
        let tasks = Tasks::default();
        let context = Context {
            tasks: tasks.clone(),
            config: config.clone(),
            intake: Intake {
                store: store.clone(),
                config: config.clone(),
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
            tls: ServerTls::self_signed(dir.path(), "mail.office.example").unwrap(),
            stop: stopping,
            locks: Locks::default(),
            services: Services::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || smol::block_on(tasks.run(pop3::run(context, 0, listener))));
        Office { address, store, board, config, stop: Some(stop), thread: Some(thread), dir }
    }

    /// Puts a changed configuration in force.
    pub fn change(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.config.current());
        change(&mut config);
        self.config.publish(config);
    }

    /// Ends the service; returns once it has come to its end.
    pub fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Ends everything and starts it again on the same data.
    pub fn restarted(mut self) -> Office {
        self.stop();
        self.store.close().unwrap();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        drop(self);
        let store = Store::open(&dir.path().join("data")).unwrap();
        Office::start(dir, store, ServiceEncryption::Optional, false)
    }

    pub fn deliver(&self, user: u32, body: &str) {
        self.deliver_all(user, &[body.to_owned()]);
    }

    pub fn deliver_all(&self, user: u32, bodies: &[String]) {
        smol::block_on(async {
            let mut changes = Vec::new();
            for body in bodies {
                let mut writer = self.store.body_writer();
                writer.write(body.as_bytes()).await.unwrap();
                changes.push(self.mail(user, writer.finish().await.unwrap()));
            }
            self.store.commit(changes).await.unwrap();
        });
    }

    fn mail(&self, user: u32, body: BodyHandle) -> Change {
        let deliveries = vec![Delivery { mailbox: MailboxId::inbox(user), head: HEAD.into() }];
        Change::AddMail(NewMail {
            id: self.store.mail_id(),
            body,
            received_at: 1_700_000_000_000,
            deliveries,
            queue: None,
        })
    }

    pub fn connect(&self) -> Client {
        let mut client = self.connect_quietly();
        assert!(client.line().starts_with("+OK Pillarbox POP3 ready"));
        client
    }

    /// A client and the time stamp of its greeting.
    pub fn connect_for_apop(&self) -> (Client, String) {
        let mut client = self.connect_quietly();
        let greeting = client.line();
        let (_, timestamp) = greeting.split_once('<').unwrap_or_else(|| panic!("no time stamp: {greeting}"));
        (client, format!("<{timestamp}"))
    }

    pub fn connect_quietly(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    /// A session that is logged in.
    pub fn login(&self, name: &str) -> Client {
        let mut client = self.connect();
        client.ok(&format!("USER {name}"));
        client.ok(&format!("PASS {PASSWORD}"));
        client
    }

    /// As [`Office::login`], as soon as the session before has been noticed to be gone.
    pub fn login_when_free(&self, name: &str) -> Client {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut client = self.connect();
            client.ok(&format!("USER {name}"));
            let reply = client.command(&format!("PASS {PASSWORD}"));
            if reply.starts_with("+OK") {
                return client;
            }
            assert!(reply.starts_with("-ERR [IN-USE]") && Instant::now() < deadline, "{reply}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub struct Client {
    pub stream: BufReader<TcpStream>,
}

impl Client {
    pub fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("not a line: {line:?}")).to_owned()
    }

    pub fn command(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n"));
        self.line()
    }

    pub fn ok(&mut self, command: &str) -> String {
        let reply = self.command(command);
        assert!(reply.starts_with("+OK"), "{command}: {reply}");
        reply
    }

    /// The lines up to the dot, unstuffed.
    pub fn rest(&mut self) -> String {
        let mut text = String::new();
        loop {
            let from = text.len();
            assert!(self.stream.read_line(&mut text).unwrap() > 0, "closed before the dot");
            match &text[from..] {
                ".\r\n" => {
                    text.truncate(from);
                    return text;
                }
                line if line.starts_with('.') => drop(text.remove(from)),
                _ => {}
            }
        }
    }

    pub fn multi(&mut self, command: &str) -> String {
        self.ok(command);
        self.rest()
    }

    pub fn quit(mut self) -> String {
        let reply = self.command("QUIT");
        self.closed();
        reply
    }

    /// The server has nothing more to say.
    pub fn closed(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }
}
