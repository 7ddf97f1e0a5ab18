//! An office with a store, intake and collectors, all real, around the fake providers.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pillarbox::collect::Limits;
use pillarbox::config::{Collector, CollectorEncryption, CollectorRouting, Config, Connection, Login, Published, User};
use pillarbox::hooks::{Hooks, Outlet, Shelf, Stored};
use pillarbox::intake::{Intake, MailParams, Source};
use pillarbox::live::{Board, CollectorState, Patience, Signals, Stop, StopSource};
use pillarbox::mail::{Address, Recipient};
use pillarbox::net::{Resolver, Tasks};
use pillarbox::store::{Body, MailboxId, Store, Task};
use pillarbox::{collect, connect};

use crate::provider::Provider;

pub const INFO: u32 = 1;
pub const BOB: u32 = 2;
pub const BOSS: u32 = 3;

pub struct Office {
    pub store: Store,
    pub config: Published,
    pub board: Board,
    pub signals: Signals,
    intake: Intake,
    runner: Tasks,
    stop: StopSource,
    stopping: Stop,
    end: smol::channel::Sender<()>,
    dir: Option<tempfile::TempDir>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// Where the words of scripts go.
struct Unheard;

impl Outlet for Unheard {
    fn line(&self, file: &str, text: &str) {
        eprintln!("{file}: {text}");
    }

    fn problem(&self, _: &str, _: &str) {}
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

/// A collector from this provider for the user `info`.
pub fn collector(id: u32, provider: &Provider) -> Collector {
    Collector {
        id,
        name: format!("Mailbox {id}"),
        host: "127.0.0.1".into(),
        port: provider.address.port(),
        encryption: CollectorEncryption::None,
        login: Login { user: "info@isp.example".into(), password: pillarbox::config::Secret::new("secret") },
        routing: CollectorRouting::SendTo("info".into()),
        ..Collector::default()
    }
}

/// A Connection that runs on demand only, with its collectors.
pub fn connection(id: u32, collectors: Vec<Collector>) -> (Connection, Vec<Collector>) {
    let connection = Connection { id, name: format!("Provider {id}"), default: false, ..Connection::default() };
    let run_by = |collector| Collector { connections: vec![connection.name.clone()], ..collector };
    let collectors = collectors.into_iter().map(run_by).collect();
    (connection, collectors)
}

pub fn config(all: Vec<(Connection, Vec<Collector>)>) -> Config {
    let user = |id, name: &str| User { id, name: name.into(), ..User::default() };
    let mut config = Config::default();
    for (connection, collectors) in all {
        config.connections.push(connection);
        config.collectors.extend(collectors);
    }
    config.users = vec![user(INFO, "info"), user(BOB, "bob"), user(BOSS, "boss")];
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

impl Office {
    pub fn open(config: Config) -> Office {
        Office::patient(config, Limits::default(), Patience::default())
    }

    /// One whose patience with providers is this.
    pub fn patient(config: Config, limits: Limits, patience: Patience) -> Office {
        Office::open_in(tempfile::tempdir().unwrap(), config, idle, limits, patience)
    }

    /// The same office after a stop, whatever was going on.
    pub fn restart(mut self) -> Office {
        let dir = self.dir.take().unwrap();
        let config = (*self.config.current()).clone();
        drop(self);
        Office::open_in(dir, config, idle, Limits::default(), Patience::default())
    }

    /// An office with one collector and what serves a connection that turns around.
    pub fn serving(collector: Collector, serve: fn(&Parts) -> collect::Serve) -> Office {
        let config = config(vec![connection(1, vec![collector])]);
        Office::open_in(tempfile::tempdir().unwrap(), config, serve, Limits::default(), Patience::default())
    }

    fn open_in(
        dir: tempfile::TempDir,
        config: Config,
        serve: fn(&Parts) -> collect::Serve,
        limits: Limits,
        patience: Patience,
    ) -> Office {
        let store = Store::open(dir.path()).unwrap();
        let (stop, stopping) = StopSource::new();
        let (end, ended) = smol::channel::bounded::<()>(1);
        let config = Published::new(config);
        let hooks = Hooks::new(config.clone(), Arc::new(Unheard));
        let intake =
            Intake { store: store.clone(), config, board: Board::default(), signals: Signals::default(), hooks };
        let tasks = Tasks::default();
        let mut office = Office {
            store,
            config: intake.config.clone(),
            board: intake.board.clone(),
            signals: intake.signals.clone(),
            intake: intake.clone(),
            runner: tasks.clone(),
            stop,
            stopping: stopping.clone(),
            end,
            dir: Some(dir),
            threads: Vec::new(),
        };
        for _ in 0..2 {
            let (tasks, ended) = (tasks.clone(), ended.clone());
            let run = move || smol::block_on(tasks.run(async { ended.recv().await.unwrap_or_default() }));
            office.threads.push(thread::spawn(run));
        }
        let Intake { store, config, board, signals, .. } = intake.clone();
        let connecting = connect::Context::new(config, signals, board, store, stopping.clone());
        let connecting = connect::Context { patience, ..connecting };
        tasks.spawn(connect::run(connecting)).detach();
        // There is no sender: its parts in runs are nobody's.
        let sending = office.signals.runs().sending();
        tasks.spawn(async move { while sending.recv().await.is_ok() {} }).detach();
        let serve = serve(&Parts { tasks: tasks.clone(), intake: intake.clone(), stop: stopping.clone() });
        tasks.spawn(collect::run(tasks.clone(), intake, Resolver::new(Vec::new()), serve, limits, stopping)).detach();
        office
    }

    /// Puts scripts in force, by name and text.
    pub fn scripts(&self, scripts: &[(&str, &str)]) {
        let stored = scripts.iter().map(|(name, text)| Arc::new(Stored::new(*name, *text)));
        self.intake.hooks.load(&self.store).unwrap();
        self.intake.hooks.put(Shelf::new(stored));
    }

    /// From now on notices are written.
    pub fn notify(&self) {
        self.runner.spawn(pillarbox::notify::run(self.intake.clone(), self.stopping.clone())).detach();
    }

    /// Takes a mail by the door that SMTP uses.
    pub fn submit(&self, from: &str, to: &str, text: &str) {
        smol::block_on(async {
            let to = Recipient::new(Address::parse(to).unwrap());
            let destinations = self.intake.recipient(&Source::Own, to).unwrap();
            let mut draft = self.intake.begin(Source::Own, None).unwrap();
            draft.write(text.as_bytes()).await.unwrap();
            let params = MailParams { return_path: Address::parse(from).ok(), ..MailParams::default() };
            draft.finish(params, destinations, Vec::new()).await.unwrap();
        });
    }

    /// Why a recipient is refused there.
    pub fn refused(&self, to: &str) -> String {
        let to = Recipient::new(Address::parse(to).unwrap());
        self.intake.recipient(&Source::Own, to).unwrap_err().to_string()
    }

    /// Waits until so many messages are in a user's inbox, and gives them.
    pub fn mails(&self, user: u32, count: usize) -> Vec<String> {
        wait("the mails", || Some(self.inbox(user)).filter(|inbox| inbox.len() >= count))
    }

    /// An office with one collector.
    pub fn with(collector: Collector) -> Office {
        Office::open(config(vec![connection(1, vec![collector])]))
    }

    pub fn state(&self, collector: u32) -> CollectorState {
        self.board.collectors().remove(&collector).unwrap_or_default()
    }

    /// Asks for a run and waits for its end.
    pub fn run(&self, collector: u32) -> CollectorState {
        wait("the collector to be known", || self.board.collectors().contains_key(&collector).then_some(()));
        let before = self.state(collector).runs;
        self.ask();
        self.ran(collector, before + 1)
    }

    /// Asks for a run of each Connection.
    pub fn ask(&self) {
        for connection in &self.config.current().connections {
            self.signals.runs().ask(connection.id);
        }
    }

    /// Waits until so many runs have ended.
    pub fn ran(&self, collector: u32, runs: u64) -> CollectorState {
        wait("the run to end", || Some(self.state(collector)).filter(|state| state.runs >= runs))
    }

    /// What lies in a user's inbox, in the order of arrival.
    pub fn inbox(&self, user: u32) -> Vec<String> {
        smol::block_on(self.store.settled()).unwrap();
        let rows = self.store.messages(MailboxId::inbox(user)).unwrap();
        rows.iter()
            .map(|row| match self.store.body(row.mail).unwrap().expect("the body of a message") {
                Body::Inline(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Body::File { mut file, .. } => {
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
                    String::from_utf8_lossy(&bytes).into_owned()
                }
            })
            .collect()
    }

    /// The lines of our own in front of the mails in a user's inbox.
    pub fn inbox_heads(&self, user: u32) -> Vec<String> {
        smol::block_on(self.store.settled()).unwrap();
        let rows = self.store.messages(MailboxId::inbox(user)).unwrap();
        rows.into_iter().map(|row| row.head).collect()
    }

    /// The subjects in a user's inbox, sorted.
    pub fn subjects(&self, user: u32) -> Vec<String> {
        let mut subjects: Vec<String> = self.inbox(user).iter().map(|mail| subject(mail)).collect();
        subjects.sort();
        subjects
    }

    pub fn tasks(&self) -> Vec<Task> {
        smol::block_on(self.store.settled()).unwrap();
        self.store.tasks(100).unwrap()
    }

    pub fn problems(&self) -> String {
        self.board.problems().iter().map(|problem| format!("{}: {}\n", problem.place, problem.text)).collect()
    }
}

fn subject(mail: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix("Subject: "));
    line.unwrap_or("none").to_string()
}

/// A small mail.
pub fn mail(subject: &str) -> String {
    format!("From: alice@far.example\r\nTo: info@isp.example\r\nSubject: {subject}\r\n\r\nHello.\r\n.dot\r\nEnd\r\n")
}

/// What is expected of `subjects`.
pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

/// Nobody turns a connection around.
fn idle(_: &Parts) -> collect::Serve {
    std::sync::Arc::new(|_, _| Box::pin(async { Ok(0) }))
}

/// What services are made of.
#[derive(Clone)]
pub struct Parts {
    pub tasks: Tasks,
    pub intake: Intake,
    pub stop: Stop,
}
