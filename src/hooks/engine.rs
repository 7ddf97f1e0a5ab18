//! The threads that Lua runs on.
//!
//! A state belongs to nobody while its hook is not being called; a call takes it to whichever thread is free and brings
//! it back with the answer. So a slow script holds up its own mail and no other, as long as a thread is free: there are
//! two, more while all of them have been in one call for longer, [`MOST`] at most. Threads come with the first call and
//! rest, without waking, while there is none.
//!
//! One more thread watches while calls run: a call that will not end is given up with its thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::limits::{GRACE, Limits, Meter};
use super::slot::{Answer, GiveUp, slot};

/// Threads while nothing is slow.
const USUAL: usize = 2;
/// Threads at most.
const MOST: usize = 8;
/// How often the watch looks while calls run.
const LOOK: Duration = Duration::from_millis(100);
/// Looks without a call before the watch rests.
const QUIET: u32 = 50;
/// Stack of a thread. Lua nests 200 calls of C functions at most; only pages that were used count as memory.
const STACK: usize = 4 << 20;

/// What a thread is asked to do, and who is to know when it is not done.
struct Job {
    work: Box<dyn FnOnce() + Send>,
    call: Call,
}

/// A call for the watch to look after.
#[derive(Clone)]
struct Call {
    meter: Arc<Meter>,
    slot: Arc<dyn GiveUp>,
    /// Told when the call was left behind.
    lost: Arc<dyn Fn() + Send + Sync>,
    limits: Limits,
    since: Instant,
}

struct Worker {
    running: Mutex<Option<Call>>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    workers: Vec<Arc<Worker>>,
    resting: usize,
    watching: bool,
    watch_started: bool,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    watch: Condvar,
}

/// Dropping it ends the threads after what they are doing.
#[derive(Default)]
pub(super) struct Engine {
    shared: Arc<Shared>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.work.notify_all();
        self.shared.watch.notify_all();
    }
}

impl Engine {
    /// Has `work` done on a thread. Nothing comes back when it panics or is given up; then `lost` is called first.
    pub fn call<T: Send + 'static>(
        &self,
        meter: Arc<Meter>,
        limits: &Limits,
        lost: Arc<dyn Fn() + Send + Sync>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let (slot, answer) = slot();
        let filled = slot.clone();
        let work = Box::new(move || filled.fill(Some(work())));
        let call = Call { meter, slot, lost, limits: limits.clone(), since: Instant::now() };
        self.submit(Job { work, call });
        answer
    }

    fn submit(&self, job: Job) {
        let mut state = self.shared.state();
        state.queue.push_back(job);
        if state.resting == 0 && state.workers.len() < USUAL {
            self.shared.start_worker(&mut state);
        }
        if !std::mem::replace(&mut state.watching, true) {
            if std::mem::replace(&mut state.watch_started, true) {
                self.shared.watch.notify_one();
            } else {
                let shared = self.shared.clone();
                start("lua-watch", move || shared.watch());
            }
        }
        drop(state);
        self.shared.work.notify_one();
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> bool {
    let started = std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(run);
    if let Err(error) = &started {
        log::error!("hooks: a thread for scripts does not start: {error}");
    }
    started.is_ok()
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_worker(self: &Arc<Self>, state: &mut State) {
        let worker = Arc::new(Worker { running: Mutex::new(None) });
        let (shared, me) = (self.clone(), worker.clone());
        if start("lua", move || shared.serve(&me)) {
            state.workers.push(worker);
        }
    }

    fn serve(&self, me: &Arc<Worker>) {
        while let Some(job) = self.next(me) {
            let Job { work, call } = job;
            let slot = call.slot.clone();
            call.meter.begin(&call.limits);
            *me.running() = Some(call);
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                log::error!("hooks: a call failed unexpectedly");
            }
            // Filled already, unless the call has failed.
            slot.give_up();
            *me.running() = None;
        }
    }

    /// The next job; `None` when this thread is not needed any more.
    fn next(&self, me: &Arc<Worker>) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.ended || !state.workers.iter().any(|worker| Arc::ptr_eq(worker, me)) {
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            if state.workers.len() > USUAL {
                state.workers.retain(|worker| !Arc::ptr_eq(worker, me));
                return None;
            }
            state.resting += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.resting -= 1;
        }
    }

    fn watch(self: Arc<Self>) {
        let mut quiet = 0;
        let mut state = self.state();
        while !state.ended {
            if quiet > QUIET {
                quiet = 0;
                state.watching = false;
                while !state.watching && !state.ended {
                    state = self.watch.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
            state = self.watch.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
            let lost = self.look(&mut state);
            let busy = state.resting < state.workers.len() || !state.queue.is_empty();
            quiet = if busy { 0 } else { quiet + 1 };
            drop(state);
            for call in lost {
                (call.lost)();
                call.slot.give_up();
            }
            state = self.state();
        }
    }

    /// Takes out what is lost, and brings in another thread where all have been busy with one call for longer.
    fn look(self: &Arc<Self>, state: &mut State) -> Vec<Call> {
        let mut lost = Vec::new();
        state.workers.retain(|worker| {
            let running = worker.running();
            match running.as_ref().filter(|call| call.meter.is_lost()) {
                Some(call) => {
                    call.meter.leave_behind();
                    lost.push(call.clone());
                    false
                }
                None => true,
            }
        });
        // Those that nobody came to run in all this time.
        let waited = |job: &Job| job.call.since.elapsed() > job.call.limits.hard + 2 * GRACE;
        while let Some(job) = state.queue.pop_front_if(|job| waited(job)) {
            log::warn!("hooks: a call waited too long for a thread and is passed over");
            job.call.slot.give_up();
        }
        let slow = |worker: &Arc<Worker>| worker.running().as_ref().is_some_and(|call| call.since.elapsed() > LOOK);
        let short = state.workers.len() < USUAL || (state.workers.len() < MOST && state.workers.iter().all(slow));
        if !state.queue.is_empty() && short {
            self.start_worker(state);
        }
        lost
    }
}

impl Worker {
    fn running(&self) -> MutexGuard<'_, Option<Call>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn limits(hard: u64) -> Limits {
        Limits { hard: Duration::from_millis(hard), ..Limits::default() }
    }

    fn call<T: Send + 'static>(engine: &Engine, hard: u64, work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
        engine.call(Arc::default(), &limits(hard), Arc::new(|| ()), work)
    }

    #[test]
    fn calls_are_answered() {
        let engine = Engine::default();
        let answers: Vec<_> = (0..100).map(|n| call(&engine, 5000, move || n)).collect();
        let got: Vec<_> = answers.into_iter().map(smol::block_on).collect();
        assert_eq!(got, (0..100).map(Some).collect::<Vec<_>>());
        assert!(engine.shared.state().workers.len() <= USUAL);
    }

    #[test]
    fn a_panic_is_no_answer_and_the_thread_lives() {
        let engine = Engine::default();
        let none: Option<()> = smol::block_on(call(&engine, 5000, || panic!("meant to")));
        assert_eq!(none, None);
        assert_eq!(smol::block_on(call(&engine, 5000, || 7)), Some(7));
    }

    #[test]
    fn slow_calls_do_not_hold_up_others() {
        let engine = Engine::default();
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let slow: Vec<_> = (0..3)
            .map(|_| {
                let wait = wait.clone();
                call(&engine, 20_000, move || wait.lock().unwrap().recv().is_ok())
            })
            .collect();
        assert_eq!(smol::block_on(call(&engine, 20_000, || "quick")), Some("quick"));
        for _ in 0..3 {
            release.send(()).unwrap();
        }
        assert!(slow.into_iter().all(|answer| smol::block_on(answer) == Some(true)));
    }

    #[test]
    fn a_call_that_does_not_end_is_given_up_with_its_thread() {
        let engine = Engine::default();
        let (release, wait) = mpsc::channel::<()>();
        let told = Arc::new(AtomicU32::new(0));
        let count = told.clone();
        let lost = Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let stuck = engine.call(Arc::default(), &limits(50), lost, move || wait.recv().is_ok());
        assert_eq!(smol::block_on(stuck), None);
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert_eq!(smol::block_on(call(&engine, 5000, || 7)), Some(7));
        release.send(()).unwrap();
    }
}
