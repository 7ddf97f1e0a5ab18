//! An office with a store, intake, queue runner and notifications around fake smarthosts.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pillarbox::config::{Config, Connection, Published, RelayEncryption, RelayHost, Sender, User};
use pillarbox::hooks::{Shelf, Stored};
use pillarbox::intake::{Intake, MailParams, Source};
use pillarbox::live::{Board, Signals, StopSource};
use pillarbox::mail::{Address, Recipient};
use pillarbox::net::{Resolver, Tasks, now_ms};
use pillarbox::notify;
use pillarbox::send;
use pillarbox::store::{Body, Change, MailId, MailboxId, QueueEntry, Store};

use crate::smarthost::Smarthost;

/// The office's user who sends, `ann@office.example`.
pub const ANN: u32 = 1;

pub struct Office {
    pub store: Store,
    pub config: Published,
    pub board: Board,
    pub signals: Signals,
    pub intake: Intake,
    stop: StopSource,
    end: smol::channel::Sender<()>,
    sending: Option<async_executor::Task<()>>,
    tasks: Tasks,
    /// Where the mail servers of domains listen.
    pub mx_port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.stop();
        self.end.close();
        let _ = self.store.close();
    }
}

/// To these smarthosts in order, without encryption.
pub fn sender(hosts: &[&Smarthost]) -> Sender {
    let ports: Vec<u16> = hosts.iter().map(|host| host.address.port()).collect();
    sender_at(&ports)
}

pub fn sender_at(ports: &[u16]) -> Sender {
    let hosts = ports.iter().map(|&port| RelayHost { host: "127.0.0.1".into(), port }).collect();
    Sender { hosts, encryption: RelayEncryption::None, ..Sender::default() }
}

pub fn config(sender: Sender) -> Config {
    let connection = Connection { id: 1, name: "Provider".into(), sender: Some(sender), ..Connection::default() };
    let user = |id, name: &str| User { id, name: name.into(), ..User::default() };
    let mut config = Config { connections: vec![connection], ..Config::default() };
    config.users = vec![user(ANN, "ann"), user(2, "boss")];
    config.general.main_administrator = "boss".into();
    config.general.default_domain = "office.example".into();
    config.general.local_domains = vec!["office.example".into()];
    config
}

/// Waits until `ready` gives something; panics after half a minute.
pub fn wait<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
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

/// A mail with this id and body text.
pub fn text(id: &str) -> String {
    format!(
        "From: ann@office.example\r\nDate: Sun, 22 Nov 2026 09:05:07 +0100\r\nMessage-ID: <{id}@office.example>\r\n\
         Subject: test\r\nX-Id: {id}\r\n\r\nhello\r\n.dot\r\n"
    )
}

impl Office {
    pub fn open(config: Config) -> Office {
        Office::in_dir(config, tempfile::tempdir().unwrap(), true)
    }

    /// Nothing is sent and nothing notified until [`Office::start`].
    pub fn closed(config: Config) -> Office {
        Office::in_dir(config, tempfile::tempdir().unwrap(), false)
    }

    /// Sends to mail servers at this port.
    pub fn direct(config: Config, mx_port: u16) -> Office {
        let mut office = Office::closed(config);
        office.mx_port = mx_port;
        office.start();
        office
    }

    fn in_dir(config: Config, dir: tempfile::TempDir, start: bool) -> Office {
        let store = Store::open(dir.path()).unwrap();
        let (stop, _) = StopSource::new();
        let (end, ended) = smol::channel::bounded::<()>(1);
        let (config, board, signals) = (Published::new(config), Board::default(), Signals::default());
        let intake = Intake {
            store: store.clone(),
            config: config.clone(),
            board: board.clone(),
            signals: signals.clone(),
            hooks: pillarbox::hooks::Hooks::default(),
        };
        intake.hooks.load(&store).unwrap();
        let tasks = Tasks::default();
        for _ in 0..2 {
            let (tasks, ended) = (tasks.clone(), ended.clone());
            thread::spawn(move || smol::block_on(tasks.run(ended.recv())));
        }
        let mx_port = send::MX_PORT;
        let mut office =
            Office { store, config, board, signals, intake, stop, end, sending: None, tasks, mx_port, dir };
        if start {
            office.start();
        }
        office
    }

    pub fn start(&mut self) {
        let (stop, stopping) = StopSource::new();
        self.stop = stop;
        let context = send::Context {
            tasks: self.tasks.clone(),
            store: self.store.clone(),
            config: self.config.clone(),
            signals: self.signals.clone(),
            board: self.board.clone(),
            hooks: self.intake.hooks.clone(),
            resolver: Resolver::new(Vec::new()),
            mx_port: self.mx_port,
            stop: stopping.clone(),
        };
        self.sending = Some(self.tasks.spawn(send::run(context)));
        self.tasks.spawn(notify::run(self.intake.clone(), stopping)).detach();
    }

    /// Stops and waits for the end of the sender.
    pub fn stop(&mut self) {
        self.stop.stop();
        smol::block_on(self.sending.take().unwrap());
    }

    /// Closes everything and opens it anew on the same data.
    pub fn restart(mut self, config: Config) -> Office {
        self.stop();
        self.store.close().unwrap();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        drop(self);
        Office::in_dir(config, dir, true)
    }

    pub fn submit(&self, to: &[&str], text: &str) -> MailId {
        let recipients = to.iter().map(|to| Recipient::new(Address::parse(to).unwrap())).collect();
        let params = MailParams { return_path: Address::parse("ann@office.example").ok(), ..MailParams::default() };
        self.submit_as(params, recipients, text.as_bytes())
    }

    pub fn submit_as(&self, params: MailParams, recipients: Vec<Recipient>, text: &[u8]) -> MailId {
        self.submit_from(Source::Own, params, recipients, text)
    }

    pub fn submit_from(&self, source: Source, params: MailParams, recipients: Vec<Recipient>, text: &[u8]) -> MailId {
        smol::block_on(async {
            let destinations =
                recipients.into_iter().flat_map(|to| self.intake.recipient(&source, to).unwrap()).collect();
            let mut draft = self.intake.begin(source, None).unwrap();
            draft.write(text).await.unwrap();
            draft.finish(params, destinations, Vec::new()).await.unwrap().mail
        })
    }

    pub fn queue(&self) -> Vec<QueueEntry> {
        smol::block_on(self.store.settled()).unwrap();
        self.store.queue_list(None, 10_000).unwrap()
    }

    pub fn wait_for_empty_queue(&self) {
        until("the queue to be empty", || self.queue().is_empty());
    }

    /// Waits until every entry has been tried at least once.
    pub fn wait_for_tries(&self) {
        until("all to be tried", || self.queue().iter().all(|entry| entry.tries() > 0));
    }

    pub fn retry_all(&self) {
        let changes = self.queue().into_iter().map(|entry| Change::QueueRetry { mail: entry.mail, due: now_ms() });
        smol::block_on(self.store.commit(changes.collect())).unwrap();
        self.signals.queue_changed();
    }

    /// The mails in ann's mailbox, whole.
    pub fn inbox(&self) -> Vec<String> {
        smol::block_on(self.store.settled()).unwrap();
        let rows = self.store.messages(MailboxId::inbox(ANN)).unwrap();
        rows.iter().map(|row| self.body(row.mail)).collect()
    }

    fn body(&self, mail: MailId) -> String {
        match self.store.body(mail).unwrap().unwrap() {
            Body::Inline(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Body::File { mut file, .. } => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            }
        }
    }

    pub fn change(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.config.current());
        change(&mut config);
        self.config.publish(config);
    }

    pub fn change_sender(&self, change: impl FnOnce(&mut Sender)) {
        self.change(|config| change(config.connections[0].sender.as_mut().unwrap()));
    }

    /// The same, and waits until the changed sender is the one that sends: it has another name on the board.
    pub fn renew_sender(&self, change: impl FnOnce(&mut Sender)) {
        let name = format!("{}, changed", self.config.current().connections[0].name);
        self.change(|config| {
            config.connections[0].name.clone_from(&name);
            change(config.connections[0].sender.as_mut().unwrap());
        });
        until("the changed sender", || self.board.senders().get(&1).is_some_and(|sender| sender.name == name));
    }

    /// Puts a script in force, alone.
    pub fn script(&self, name: &str, text: &str) {
        self.intake.hooks.put(Shelf::new([Arc::new(Stored::new(name, text))]));
    }

    /// What the status page says of the sender.
    pub fn sender_state(&self) -> String {
        self.board.senders().remove(&1).unwrap_or_default().state
    }
}
