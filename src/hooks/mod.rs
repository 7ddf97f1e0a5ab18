//! Lua scripts of the administrator: engine, sandbox, library, and one file for each script that says what is called.
//!
//! [`Hooks::has`] costs one look at a number, [`Hooks::open`] loads a script for something that goes on, and
//! [`Instance::call`] is an ordinary typed call. A script that is missing, has no such function, fails or takes too long
//! has returned nothing: mail is never lost, doubled or held up by it for longer than the hard limit. Lua runs on threads
//! of its own ([`engine`]), never on one of the executor; only plain [`Value`]s cross.
//!
//! How to hang a hook in: docs/design/hooks.md.

mod check;
pub mod datum;
pub mod declare;
mod engine;
mod http;
mod instance;
mod library;
mod limits;
mod manage;
pub mod message;
mod names;
mod output;
mod people;

pub mod reference;
mod sandbox;
pub mod scripts;
mod shelf;
mod slot;
mod state;
mod tally;
#[cfg(test)]
mod tests;
mod trial;
mod value;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use check::Defined;
pub use instance::{Called, Instance};
pub use limits::Limits;
pub use names::{LONGEST_SCRIPT, name_is_good, script_text};
pub use output::{ERRORS, Outlet, Output, PRINTED};
pub use scripts::Script;
pub use shelf::{Shelf, Stored, compile};
pub use state::CallError;
pub use tally::{CLASSES, HookCalls};
pub use trial::{Trial, plain};
pub use value::Value;

use crate::config::{Config, Published};
use crate::store::{Store, StoreError};

use datum::{Fields, Reading};
use engine::Engine;
use library::Library;
use manage::Mailboxes;
use sandbox::Find;
use state::State;
use tally::Tallies;

/// States kept ready for the next script.
const SPARE: usize = 2;

/// The scripts, and the threads they run on. Cheap to clone; `Hooks::default()` has no scripts.
#[derive(Clone)]
pub struct Hooks {
    inner: Arc<Inner>,
}

struct Inner {
    /// One bit for each script that is there; what `has` looks at.
    present: AtomicU64,
    shelf: Arc<RwLock<Arc<Shelf>>>,
    config: Published,
    outlet: Arc<dyn Outlet>,
    library: Library,
    engine: Engine,
    spare: Arc<Mutex<Vec<State>>>,
    tallies: Tallies,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks::new(Published::default(), Arc::new(output::Nowhere))
    }
}

impl Hooks {
    pub fn new(config: Published, outlet: Arc<dyn Outlet>) -> Hooks {
        let shelf = Arc::<RwLock<Arc<Shelf>>>::default();
        let shelves = shelf.clone();
        let find: Find = Arc::new(move |name| {
            let shelf = shelves.read().unwrap_or_else(PoisonError::into_inner).clone();
            shelf.included(name).map(|stored| (stored.text.clone(), stored.name.clone()))
        });
        let mailboxes = Mailboxes { config: config.clone(), ..Mailboxes::default() };
        let inner = Inner {
            present: AtomicU64::new(0),
            shelf,
            config,
            outlet,
            library: Library { find, mailboxes },
            engine: Engine::default(),
            spare: Arc::default(),
            tallies: Tallies::default(),
        };
        Hooks { inner: Arc::new(inner) }
    }

    /// Puts scripts in force, in place of those before. What is open goes on with the old ones.
    pub fn put(&self, shelf: Shelf) {
        for stored in shelf.iter() {
            if let Some(mistake) = stored.mistake() {
                self.report(&stored.name, mistake);
            }
        }
        let bits = shelf.bits();
        *self.inner.shelf.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shelf);
        self.inner.present.store(bits, Ordering::Release);
    }

    /// Puts the scripts of the store in force. From then on they may ask it.
    pub fn load(&self, store: &Store) -> Result<(), StoreError> {
        // There is one store.
        let _ = self.inner.library.mailboxes.store.set(store.clone());
        let scripts = store.scripts()?.into_iter();
        self.put(Shelf::new(scripts.map(|script| Arc::new(Stored::new(script.name, script.text)))));
        Ok(())
    }

    /// All scripts.
    pub fn shelf(&self) -> Arc<Shelf> {
        self.inner.shelf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there may be such a script: for at least one user, for at least one service. Costs nothing.
    pub fn has(&self, script: Script) -> bool {
        self.inner.present.load(Ordering::Acquire) & script.bit() != 0
    }

    /// Loads a script and runs it, which defines its functions, with these variables set. `user`: whose own script comes
    /// before the general one. `None` where there is none, or it fails.
    pub async fn open(&self, script: Script, user: Option<&str>, globals: impl Fields) -> Option<Instance> {
        if !self.has(script) {
            return None;
        }
        let stored = self.shelf().of(script, user)?.clone();
        self.load_stored(script, stored, None, globals.pairs()).await.ok()
    }

    /// Loads and runs a script of variables, and reads them back. `None` where there is none, or it fails.
    pub async fn run<F: Fields>(&self, script: Script, user: Option<&str>, globals: F) -> Option<F> {
        self.open(script, user, globals).await?.globals().await
    }

    /// Loads a script that need not be stored, and keeps what it prints: for trials.
    pub async fn try_out(
        &self,
        script: Script,
        stored: Arc<Stored>,
        globals: Vec<(&'static str, Value)>,
    ) -> Result<Instance, CallError> {
        self.load_stored(script, stored, Some(Output::kept()), globals).await
    }

    /// Calls of each function so far.
    pub fn calls(&self) -> Vec<HookCalls> {
        self.inner.tallies.all()
    }

    async fn load_stored(
        &self,
        script: Script,
        stored: Arc<Stored>,
        output: Option<Output>,
        globals: Vec<(&'static str, Value)>,
    ) -> Result<Instance, CallError> {
        if stored.is_off() {
            return Err(CallError::Lost);
        }
        let limits = Limits::of(&self.inner.config.current());
        let ready = output.is_none().then(|| self.ready(&limits)).flatten();
        let state = match ready {
            Some(state) => state,
            None => {
                let output = output.unwrap_or_else(|| Output::to(self.inner.outlet.clone()));
                self.fresh(&limits, output).await?
            }
        };
        let functions = script.declaration().functions;
        let loaded = stored.clone();
        let work = move |state: &State| {
            if let Some(mistake) = loaded.mistake() {
                return Err(CallError::Failed(mistake.into()));
            }
            state.load(&loaded.name, loaded.code().unwrap_or_default(), globals)?;
            Ok(state.defined(functions))
        };
        let Some((state, result)) = self.on_thread(&stored, state, work).await else { return Err(CallError::Lost) };
        match result {
            Ok(defined) => Ok(Instance::new(self.clone(), stored, script, state, defined)),
            Err(error) => {
                self.dispose(state);
                self.report(&stored.name, &error.to_string());
                Err(error)
            }
        }
    }

    /// A state that was made before it is needed; another is made in its place.
    fn ready(&self, limits: &Limits) -> Option<Box<State>> {
        let mut spare = self.inner.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.retain(|state| state.limits == *limits);
        let ready = spare.pop().map(Box::new);
        drop(spare);
        let (limits, output) = (limits.clone(), Output::to(self.inner.outlet.clone()));
        let (library, spare) = (self.inner.library.clone(), self.inner.spare.clone());
        let refill = move || {
            while spare.lock().unwrap_or_else(PoisonError::into_inner).len() < SPARE {
                let Ok(state) = State::fresh(&limits, &output, &library) else { return };
                spare.lock().unwrap_or_else(PoisonError::into_inner).push(state);
            }
        };
        drop(self.inner.engine.call(Arc::default(), &Limits::default(), Arc::new(|| ()), refill));
        ready
    }

    async fn fresh(&self, limits: &Limits, output: Output) -> Result<Box<State>, CallError> {
        let (wanted, library) = (limits.clone(), self.inner.library.clone());
        let work = move || State::fresh(&wanted, &output, &library).map(Box::new);
        let made = self.inner.engine.call(Arc::default(), limits, Arc::new(|| ()), work).await;
        made.ok_or(CallError::Lost)?.map_err(|error| CallError::Failed(error.to_string()))
    }

    /// Works with a state on one of the threads. `None`: the state is lost.
    async fn on_thread<T: Send + 'static>(
        &self,
        stored: &Arc<Stored>,
        state: Box<State>,
        work: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Option<(Box<State>, T)> {
        let (meter, limits) = (state.meter.clone(), state.limits.clone());
        let lost = {
            let (stored, outlet) = (stored.clone(), self.inner.outlet.clone());
            Arc::new(move || left_behind(&stored, &*outlet))
        };
        let work = move || {
            let result = work(&state);
            (state, result)
        };
        self.inner.engine.call(meter, &limits, lost, work).await
    }

    /// Closing a state takes time that no executor thread should spend.
    fn dispose(&self, state: Box<State>) {
        drop(self.inner.engine.call(Arc::default(), &Limits::default(), Arc::new(|| ()), move || drop(state)));
    }

    /// Notes a call, and what went wrong in it.
    fn called(&self, script: Script, name: &str, function: &str, took: Duration, error: Option<&CallError>) {
        self.inner.tallies.note(script, function, took, error.is_some());
        match error {
            // Reported where it was left behind.
            None | Some(CallError::Lost) => {}
            Some(error) => self.report(name, &format!("{function}: {error}")),
        }
    }

    /// Notes values that did not fit.
    fn misread(&self, name: &str, function: &str, reading: Reading) {
        for note in reading.notes() {
            self.inner.outlet.line(ERRORS, &format!("{name}: {function}: {note}"));
        }
    }

    fn report(&self, name: &str, error: &str) {
        report(&*self.inner.outlet, name, error);
    }
}

fn report(outlet: &dyn Outlet, name: &str, error: &str) {
    let mut lines = error.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    outlet.line(ERRORS, &format!("{name}: {first}"));
    for line in lines {
        outlet.line(ERRORS, line);
    }
    outlet.problem(&format!("script {name}"), first);
}

fn left_behind(stored: &Stored, outlet: &dyn Outlet) {
    let off = stored.strike();
    let end = if off { ", and is switched off until it is saved again" } else { "" };
    report(outlet, &stored.name, &format!("the script did not end in time and was left behind{end}"));
}

/// A time as scripts get it: `YYYYMMDDHHMMSS` in the office's time zone. Unix milliseconds.
pub fn local_time(at: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_millisecond(at).unwrap_or_default();
    time.to_zoned(zone.clone()).strftime("%Y%m%d%H%M%S").to_string()
}

impl Limits {
    /// As the settings say.
    pub fn of(config: &Config) -> Limits {
        let hooks = &config.scripts;
        Limits {
            soft: Duration::from_millis(u64::from(hooks.soft_limit)),
            hard: Duration::from_millis(u64::from(hooks.hard_limit)),
            memory: (hooks.memory as usize) << 20,
            files: hooks.files_and_programs,
        }
    }
}
