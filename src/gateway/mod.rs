//! The composition root: opens the store, loads the configuration, starts the services and stops them in order.
//!
//! Promises: ports that cannot be bound, files that cannot be read and data that cannot be opened end the start with
//! one error, before any mail is taken; after [`Gateway::stop`] the store is closed and nothing runs any more.
//! A service that fails unexpectedly is started again; it never ends the program.
//!
//! Nothing imports this room but the command line.

mod listeners;
mod memory;
pub mod name_servers;
pub mod process;
mod provision;
mod pulse;
mod readers;
mod scheduler;
mod scripts;
mod services;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::{self, Config, Published};
use crate::live::{Board, Stop, StopSource};
use crate::net::tls::{ServerTls, TlsError};
use crate::net::{Tasks, now_ms};
use crate::store::{Store, StoreError};
use crate::web::{self, Api, settings};

pub use memory::tune;

use listeners::{Bound, ListenError};
use process::{Account, ProcessError};
use provision::Provision;
use table::table;

/// Stack of an executor thread. Only pages that were used count as memory.
const STACK: usize = 1024 * 1024;

/// What is still running this long after the stop is left behind; the services themselves give transactions 10 s.
const STOP_LIMIT: Duration = Duration::from_secs(12);

/// How the program is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Data directory; made where there is none.
    pub data: PathBuf,
    /// A configuration file that is put in force at start, once each time it has changed.
    pub config: Option<PathBuf>,
    /// Add 10,000 to all ports below 10,000.
    pub high_ports: bool,
    /// Whom to become when started as root.
    pub user: Option<String>,
    /// A keeper watches over the program (see `appliance`).
    pub appliance: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{file}: {source}")]
    ConfigFile { file: String, source: std::io::Error },
    /// What is wrong in the file, one a line.
    #[error("{file}: {source}")]
    Config { file: String, source: settings::SettingsError },
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("control socket: {0}")]
    Control(std::io::Error),
    #[error("the table of readers in memory: {0}")]
    Readers(std::io::Error),
    #[error("thread: {0}")]
    Thread(std::io::Error),
}

/// The running program.
pub struct Gateway {
    store: Store,
    board: Board,
    stop: StopSource,
    /// Ends the executor threads, after everything else.
    end: StopSource,
    services: Vec<smol::Task<()>>,
    threads: Vec<JoinHandle<()>>,
    control: web::Control,
    account: Option<Account>,
}

impl Gateway {
    /// Started as root, gives root up for good.
    pub fn start(options: &Options) -> Result<Gateway, StartError> {
        // Made once for all checks of a start.
        let _schema = config::schema::whole();
        process::raise_descriptor_limit();
        let account = process::service_account(options.user.as_deref())?;
        let provision = options.config.as_deref().map(Provision::read).transpose()?;
        process::prepare_data_dir(&options.data, account.as_ref())?;
        let opened = || {
            if options.appliance {
                readers::keep_in_memory(&options.data).map_err(StartError::Readers)?;
            }
            open(&options.data, provision)
        };
        let (store, config) = process::with_files_of(account.as_ref(), opened)??;
        Gateway::run(&store, config, options, account).inspect_err(|_| drop(store.close()))
    }

    fn run(store: &Store, config: Config, options: &Options, account: Option<Account>) -> Result<Gateway, StartError> {
        let tls = identity(store.dir(), &config, account.as_ref())?;
        let bound = sockets(&config, options, account.as_ref())?;
        let (stop, stopping) = StopSource::new();
        let (end, ended) = StopSource::new();
        let board = Board::default();
        for socket in &bound {
            board.listening(socket.shown());
        }
        let config = Published::new(config);
        let hooks = scripts::hooks(store, &config, &board)?;
        let parts = services::Parts::new(store.clone(), config, board.clone(), hooks, tls, stopping);
        let api = Api {
            store: store.clone(),
            config: parts.intake.config.clone(),
            board: board.clone(),
            signals: parts.intake.signals.clone(),
            logins: parts.logins.clone(),
            watch: parts.watch.clone(),
            hooks: parts.intake.hooks.clone(),
            running: true,
            started_at: now_ms(),
            changing: Arc::default(),
            wishes: parts.wishes.clone(),
            sessions: web::Sessions::default(),
            by: web::OWNER.into(),
            resolver: parts.resolver.clone(),
        };
        let control = web::Control::start(store.dir(), api).map_err(StartError::Control)?;
        let mut services = parts.spawn_all(bound);
        if options.appliance {
            services.push(parts.spawn_pulse());
        }
        let threads = executor_threads(&parts.tasks, &ended).map_err(StartError::Thread)?;
        Ok(Gateway { store: store.clone(), board, stop, end, services, threads, control, account })
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What listens where, whom the program runs as, and where the data is: for the eye.
    pub fn table(&self) -> String {
        table(&self.board.listeners(), self.store.dir(), self.account.as_ref().map(|account| account.name.as_str()))
    }

    /// No new sessions; transactions in flight finish within 10 s; everything committed is in the index.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.stop.stop();
        let all = async {
            for service in self.services {
                service.await;
            }
        };
        if crate::net::timeout(STOP_LIMIT, all).await.is_err() {
            log::warn!("some sessions did not end in time and were cut");
        }
        self.control.stop();
        self.end.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
        self.store.close()
    }
}

/// The store and the configuration in it, after the file of `--config` was put in force.
fn open(data: &Path, provision: Option<Provision>) -> Result<(Store, Config), StartError> {
    let store = Store::open(data)?;
    let configured = || {
        scripts::take_in(&store)?;
        let config = settings::stored(&store)?;
        match provision.filter(|provision| !provision.is_applied(data)) {
            Some(provision) => provision.apply(&store, config),
            None => Ok(config),
        }
    };
    match configured() {
        Ok(config) => Ok((store, config)),
        Err(error) => {
            let _ = store.close();
            Err(error)
        }
    }
}

/// Binds all sockets; the last thing that needs root.
fn sockets(config: &Config, options: &Options, account: Option<&Account>) -> Result<Vec<Bound>, StartError> {
    let bound = if options.high_ports {
        listeners::bind(listeners::wanted(&config.clone().with_high_ports())?)?
    } else {
        listeners::bind(listeners::wanted(config)?)?
    };
    if let Some(account) = account {
        process::give_up_root(account)?;
    }
    Ok(bound)
}

/// Files that are named may be readable to root alone; what we make ourselves is the service's.
fn identity(dir: &Path, config: &Config, account: Option<&Account>) -> Result<ServerTls, StartError> {
    let tls = &config.tls;
    if !tls.certificate_file.is_empty() {
        return Ok(ServerTls::from_files(Path::new(&tls.certificate_file), Path::new(&tls.key_file))?);
    }
    Ok(process::with_files_of(account, || ServerTls::self_signed(dir, &config.general.host_name))??)
}

/// As many as cores, at most four, until `ended`.
fn executor_threads(tasks: &Tasks, ended: &Stop) -> std::io::Result<Vec<JoinHandle<()>>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (0..cores.min(4))
        .map(|number| {
            let (tasks, ended) = (tasks.clone(), ended.clone());
            std::thread::Builder::new()
                .name(format!("tasks-{number}"))
                .stack_size(STACK)
                .spawn(move || if number == 0 { async_io::block_on(tasks.run(ended.stopping())) } else { tasks.help() })
        })
        .collect()
}
