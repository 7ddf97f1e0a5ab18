//! Runs Connections: when the schedule says so, when somebody asks, when the file CONNECT.NOW appears (spec
//! connectors-and-smtp §2, §3).
//!
//! One run at a time: who is to run is marked ([`crate::live::Runs`]), and the oldest mark is taken when no run is under
//! way. The schedule is asked once a minute; it waits until the clock is set, and while it, or the Connection, is paused.
//! Whoever asks is not kept waiting by either. It collects and sends nothing itself.
//!
//! What has failed for long is told to the main administrator ([`report_errors`]).

mod clock;
mod errors;
mod failing;
mod files;
mod show;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use smol::future::FutureExt;

use crate::config::{Config, Connection, Moment, Published, Timetable};
use crate::live::{Board, Patience, Running, Signals, Stop};
use crate::net::{is_plausible, now_ms};
use crate::store::Store;

pub use errors::report_errors;

use clock::Clock;
use files::Files;

/// Between two looks at the clock and the files.
const LOOK: Duration = Duration::from_secs(2);
const MINUTE: i64 = 60_000;

/// What runs are started with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    pub config: Published,
    pub signals: Signals,
    pub board: Board,
    /// In its directory the files CONNECT.NOW and CONNECT.PAUSE are looked for.
    pub store: Store,
    pub stop: Stop,
    /// Unix milliseconds: the system's clock, except where a test sets the time.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Between two looks at the clock and the files.
    pub look: Duration,
    /// How long a run goes on while another Connection waits.
    pub patience: Patience,
}

impl Context {
    pub fn new(config: Published, signals: Signals, board: Board, store: Store, stop: Stop) -> Context {
        let (now, patience) = (Arc::new(now_ms), Patience::default());
        Context { config, signals, board, store, stop, now, look: LOOK, patience }
    }

    fn now(&self) -> i64 {
        (self.now)()
    }
}

/// Starts runs until `stop`. A run under way is then left to its parts.
pub async fn run(context: Context) {
    let stop = context.stop.clone();
    let mut runner = Runner::new(context);
    let stopping = async {
        stop.stopping().await;
    };
    stopping.or(runner.run()).await;
}

/// Decides for the first time, before any mail is taken, what goes at once.
pub fn prepare(context: &Context) {
    let mut runner = Runner::new(context.clone());
    runner.is_paused_by_file = runner.files.is_paused();
    runner.decide_at_once(runner.moment());
}

struct Runner {
    context: Context,
    config: Arc<Config>,
    timetable: Timetable,
    clock: Clock,
    files: Files,
    is_paused_by_file: bool,
    running: Option<Running>,
    /// Connections that have been marked since the start.
    known: HashSet<u32>,
    /// The minute at which the schedule next starts a Connection, for displays.
    next: BTreeMap<u32, Option<i64>>,
}

impl Runner {
    fn new(context: Context) -> Runner {
        let config = context.config.current();
        Runner {
            timetable: config.timetable(),
            config,
            clock: Clock::default(),
            files: Files::new(context.store.dir()),
            is_paused_by_file: false,
            running: None,
            known: HashSet::new(),
            next: BTreeMap::new(),
            context,
        }
    }

    async fn run(&mut self) {
        loop {
            // Listen first, look second: what happens in between is not missed.
            let changed = self.context.config.changed();
            let asked = self.context.signals.runs().on_ask();
            let period = self.context.look;
            self.look();
            let finished = async {
                match &self.running {
                    Some(running) => running.finished().await,
                    None => std::future::pending().await,
                }
                true
            };
            let other = async {
                let look = async {
                    Timer::after(period).await;
                };
                look.or(changed).or(asked).await;
                false
            };
            if finished.or(other).await {
                self.finish();
            }
        }
    }

    fn look(&mut self) {
        self.take_config();
        self.take_files();
        self.ask_the_schedule();
        self.decide_at_once(self.moment());
        self.start();
        self.show();
    }

    fn take_config(&mut self) {
        let now = self.context.config.current();
        if !Arc::ptr_eq(&now, &self.config) {
            self.timetable = now.timetable();
            self.next.clear();
            self.known.retain(|id| now.connections.iter().any(|connection| connection.id == *id && connection.enabled));
            self.context.board.keep_connections(|id| now.connections.iter().any(|connection| connection.id == id));
            self.config = now;
        }
    }

    fn take_files(&mut self) {
        self.is_paused_by_file = self.files.is_paused();
        match self.files.take_now() {
            Ok(false) => {}
            Ok(true) => {
                log::info!("connect: the file {} starts the default Connections", files::NOW);
                for connection in self.config.connections.iter().filter(|c| c.default && c.enabled) {
                    self.context.signals.runs().ask(connection.id);
                }
            }
            Err(error) => {
                let text = format!("the file {} cannot be removed, and counts no more: {error}", files::NOW);
                log::warn!("connect: {text}");
                self.context.board.problem(self.context.now(), "schedule", text);
            }
        }
    }

    /// Marks what starts in the minutes that have begun, and what should have been running before the box was there.
    fn ask_the_schedule(&mut self) {
        let mut starts = Vec::new();
        for (minute, again) in self.clock.minutes(self.context.now()) {
            let Some(mut moment) = Moment::at(minute, self.timetable.zone()) else { continue };
            moment.again |= again;
            starts.extend(self.timetable.starts(moment));
        }
        if let Some(moment) = self.moment() {
            starts.extend(self.timetable.overdue(moment).into_iter().filter(|id| !self.known.contains(id)));
        }
        if self.is_paused_by_file {
            return;
        }
        for id in starts {
            self.known.insert(id);
            self.context.signals.runs().ask(id);
        }
    }

    /// This minute; `None` while the clock is not set.
    fn moment(&self) -> Option<Moment> {
        let now = self.context.now();
        is_plausible(now).then(|| Moment::at(now / MINUTE, self.timetable.zone())).flatten()
    }

    /// Without a clock no window is known, and nothing is gained by keeping mail.
    fn decide_at_once(&self, moment: Option<Moment>) {
        let sends = |connection: &Connection| match moment {
            _ if self.is_paused_by_file || self.timetable.is_paused() || connection.paused => false,
            None => true,
            Some(moment) => self.timetable.sends_at_once(connection.id, moment),
        };
        let decided = self.config.connections.iter().map(|connection| (connection.id, sends(connection)));
        self.context.signals.runs().set_at_once(decided.collect());
    }

    fn start(&mut self) {
        let runs = self.context.signals.runs();
        while self.running.is_none() {
            let Some(id) = runs.take_mark() else { return };
            let Some(connection) = self.config.connections.iter().find(|c| c.id == id && c.enabled) else { continue };
            self.known.insert(id);
            self.running = Some(runs.start(id, self.context.patience));
            let now = self.context.now();
            self.context.board.connection(id, |state| {
                state.name.clone_from(&connection.name);
                (state.running, state.last_run) = (true, Some(now));
            });
        }
    }

    fn finish(&mut self) {
        if let Some(running) = self.running.take() {
            self.context.board.connection(running.connection, |state| {
                state.running = false;
                state.runs += 1;
            });
        }
    }
}
