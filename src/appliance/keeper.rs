//! The keeper's life: prepare the board, keep the program running, ask it how it does, and feed the watchdog only while
//! it says that it works.
//!
//! A program that has ended is started again. One that hangs, or says for [`HANGS`] that it does not work, is left as it is
//! and the watchdog is left hungry: a reset is the only thing that mends a hung disk or driver too. A program that ends
//! again and again right after its start gives its ports to the rescue page for a while.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use crate::live::{Pulse, Report, Wish};

use super::announce::Announcement;
use super::console::{self, Console};
use super::light::{Light, State};
use super::log::Log;
use super::program::{Program, myself};
use super::time::Time;
use super::watchdog::Watchdog;
use super::{clock, halt, provision, pulse, seed, stick};

/// Between two questions: often during the start, later well within the watchdog's time.
const OFTEN: Duration = Duration::from_secs(1);
const USUALLY: Duration = Duration::from_secs(4);
/// A start may have a long log to replay; a card may stall for many seconds.
const STARTS: Duration = Duration::from_secs(300);
const HANGS: Duration = Duration::from_secs(60);
/// Ends in a row after which the rescue page is shown, and for how long.
const HOPELESS: u32 = 5;
const RESCUE: Duration = Duration::from_secs(600);
/// Lines of the log on the rescue page.
const SHOWN: usize = 60;

/// Where things are on the board.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program's data directory.
    pub data: PathBuf,
    /// Of the keeper: seed, clock, what was applied; on the data partition.
    pub state: PathBuf,
    /// The boot partition, mounted so that it can be read only.
    pub boot: PathBuf,
    /// Use the board's watchdog.
    pub watchdog: bool,
}

/// Returns only when the board does not stop though it should.
pub fn run(options: &Options) -> io::Result<()> {
    let built = clock::built(Path::new("/etc/pillarbox/built"));
    let floor = clock::floor(built, &options.state, &options.data);
    if SystemTime::now() < floor {
        clock::set(floor)?;
    }
    let time = Time::default();
    let mut keeper = Keeper::new(options, time.clone());
    keeper.light.show(State::Starting);
    if let Err(error) = seed::use_and_replace(&options.state) {
        log::warn!("seed: {error}");
    }
    time.start(built, |time| {
        if let Err(error) = clock::set(time) {
            log::error!("clock: {error}");
        }
    })?;
    keeper.prepare();
    if options.watchdog {
        match Watchdog::start(Path::new("/dev/watchdog")) {
            Ok(watchdog) => keeper.watchdog = Some(watchdog),
            Err(error) => log::warn!("no watchdog: {error}"),
        }
    }
    keeper.keep()
}

struct Keeper {
    options: Options,
    log: Log,
    program: Program,
    /// What the program said last, and when it last said that it works; none since its start.
    pulse: Pulse,
    good: Option<Instant>,
    watchdog: Option<Watchdog>,
    rescue: Option<(Child, Instant)>,
    restored: bool,
    time: Time,
    clock_saved: bool,
    announcement: Announcement,
    light: Light,
    console: Console,
    report: Report,
    /// A backup under way.
    backup: Option<std::thread::JoinHandle<Result<String, String>>>,
}

impl Keeper {
    fn new(options: &Options, time: Time) -> Keeper {
        let loud = fs::read_to_string("/proc/cmdline").unwrap_or_default().contains("pillarbox.log=console");
        let log = Log::new(loud);
        Keeper {
            options: options.clone(),
            program: Program::new(&options.data, log.clone()),
            log,
            pulse: Pulse::default(),
            good: None,
            watchdog: None,
            rescue: None,
            restored: false,
            time,
            clock_saved: false,
            announcement: Announcement::default(),
            light: Light::of("/sys/class/leds"),
            console: Console::default(),
            report: Report::default(),
            backup: None,
        }
    }

    /// What comes before the program's first start: a backup for a box without data, settings from the boot partition.
    fn prepare(&mut self) {
        if !self.options.data.exists() {
            self.restore();
        }
        if let Some(result) = provision::provision(&self.options.boot, &self.options.state, &self.options.data) {
            self.log.add(&format!("keeper: {result}"));
            console::print(&result);
        }
    }

    fn restore(&mut self) {
        self.restored = true;
        if let Some(result) = stick::restore(&self.options.data) {
            let text = result.unwrap_or_else(|error| format!("the backup of the stick cannot be restored: {error}"));
            self.log.add(&format!("keeper: {text}"));
            console::print(&text);
        }
    }

    fn keep(&mut self) -> io::Result<()> {
        loop {
            self.mind_rescue();
            if self.rescue.is_none() {
                if self.program.failures() >= HOPELESS {
                    self.give_to_rescue();
                } else if self.program.keep() {
                    self.good = None;
                }
                self.ask();
            }
            if self.is_alive()
                && let Some(watchdog) = &mut self.watchdog
            {
                watchdog.feed();
            }
            self.mind_backup();
            self.mind_clock();
            self.show();
            if let Some(wish) = self.pulse.wish.take() {
                self.fulfil(wish);
            }
            std::thread::sleep(if self.good.is_some() { USUALLY } else { OFTEN });
        }
    }

    fn ask(&mut self) {
        self.report.clock_known = self.time.is_known();
        match pulse::ask(&self.options.data, &self.report) {
            Ok(pulse) => {
                if pulse.trouble.is_none() {
                    self.good = Some(Instant::now());
                    if self.program.age() > HANGS {
                        self.program.forgive();
                    }
                } else if pulse.trouble != self.pulse.trouble {
                    self.log.add(&format!("keeper: {}", pulse.trouble.as_deref().unwrap_or_default()));
                }
                self.time.ask_these(self.time_servers(&pulse));
                self.announcement.follow(&pulse);
                self.pulse = pulse;
            }
            Err(error) => log::debug!("the program: {error}"),
        }
    }

    /// Whether the board may go on without a reset.
    fn is_alive(&self) -> bool {
        match self.good {
            Some(good) => good.elapsed() < HANGS,
            None => self.rescue.is_some() || self.program.age() < STARTS,
        }
    }

    /// Those the network names first.
    fn time_servers(&self, pulse: &Pulse) -> Vec<String> {
        let given = fs::read_to_string("/run/time-servers").unwrap_or_default();
        let given = given.lines().filter(|_| pulse.use_given_time_servers).map(str::to_string);
        given.take(4).chain(pulse.time_servers.iter().cloned()).collect()
    }

    // -- when the program cannot start ----------------------------------------------------------------------------

    fn give_to_rescue(&mut self) {
        self.log.save(&self.options.state.join("last-log.txt"));
        if !self.restored {
            self.restore();
        }
        let shown = Path::new("/run/rescue.log");
        let _ = fs::write(shown, self.log.last(SHOWN));
        let reason = "The program ends each time it is started.";
        let rescue =
            myself(&["appliance", "rescue", reason, "--log"]).and_then(|mut command| command.arg(shown).spawn());
        match rescue {
            Ok(child) => self.rescue = Some((child, Instant::now())),
            Err(error) => log::error!("rescue page: {error}"),
        }
        self.program.forgive();
    }

    /// After its time the program has another chance.
    fn mind_rescue(&mut self) {
        let Some((child, since)) = &mut self.rescue else { return };
        if since.elapsed() >= RESCUE || !matches!(child.try_wait(), Ok(None)) {
            let _ = child.kill();
            let _ = child.wait();
            self.rescue = None;
        }
    }

    // -- what else is to be done -----------------------------------------------------------------------------------

    fn mind_clock(&mut self) {
        if self.time.is_known() && !self.clock_saved {
            self.clock_saved = true;
            if let Err(error) = clock::save(&self.options.state) {
                log::warn!("clock: {error}");
            }
        }
    }

    fn mind_backup(&mut self) {
        let Some(backup) = self.backup.take_if(|backup| backup.is_finished()) else { return };
        let result = backup.join().unwrap_or_else(|_| Err("the backup failed; the log says why".into()));
        self.report.ok = result.is_ok();
        self.report.last = result.unwrap_or_else(|error| error);
        self.log.add(&format!("keeper: {}", self.report.last));
    }

    fn show(&mut self) {
        let addresses = console::addresses();
        let page = console::pages(&addresses, if self.pulse.announce { &self.pulse.local_name } else { "" });
        let (state, text) = match (&self.pulse.trouble, self.good) {
            _ if self.rescue.is_some() => (State::Failed, "RESCUE; the page says what to do".into()),
            (None, Some(good)) if good.elapsed() < HANGS => match self.pulse.attention {
                true => (State::Attention, "works, but somebody should look at the page".into()),
                false => (State::Fine, "works".into()),
            },
            (_, None) if self.program.age() < STARTS => (State::Starting, "starting".into()),
            (trouble, _) => (State::Failed, trouble.clone().unwrap_or_else(|| "does not answer".into())),
        };
        self.light.show(state);
        if state != State::Starting {
            self.console.say(&format!("{text}; {page}"));
        }
    }

    fn fulfil(&mut self, wish: Wish) {
        self.log.add(&format!("keeper: {wish:?} is asked for"));
        match wish {
            Wish::Backup if self.backup.is_some() => {}
            Wish::Backup => {
                (self.report.last, self.report.ok) = ("the backup is under way".into(), true);
                let data = self.options.data.clone();
                self.backup = Some(std::thread::spawn(move || stick::backup(&data)));
            }
            Wish::Halt | Wish::Restart => {
                self.announcement.silence();
                let watchdog = &mut self.watchdog;
                self.program.stop(|| watchdog.iter_mut().for_each(Watchdog::feed));
                self.log.save(&self.options.state.join("last-log.txt"));
                halt::halt(&self.options.state, self.watchdog.take(), wish == Wish::Restart);
            }
        }
    }
}
