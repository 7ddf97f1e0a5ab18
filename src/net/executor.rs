//! The executor all tasks of the program run on. `gateway` gives it its threads.
//!
//! One thread leads: it waits for sockets and timers and runs what they wake. The others help when the leader has more
//! to do than one thread should: they are called in, empty the queue and rest again. So a box with one busy session
//! pays for no wake-ups between threads, which on a small board cost more than the work, and one with fifty uses all
//! cores.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::Thread;

use async_executor::{Executor, Task};
use smol::future::{self, FutureExt};

/// Tasks the leader runs without a pause before it looks at sockets and timers again.
const TURN: usize = 64;
/// This many tasks in one go, and a helper is called.
const BUSY: usize = 3;

/// Cheap to clone; all clones are one executor.
#[derive(Clone, Default)]
pub struct Tasks {
    executor: Arc<Executor<'static>>,
    crew: Arc<Crew>,
}

/// The helpers that rest.
#[derive(Default)]
struct Crew {
    resting: Mutex<Vec<Thread>>,
    /// How many rest; a hint that saves the leader the lock.
    free: AtomicUsize,
    ended: AtomicBool,
}

impl Tasks {
    /// Dropping the returned task cancels it; `detach` lets it run on.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        self.executor.spawn(work)
    }

    /// Leads: runs tasks on the calling thread until `until` resolves, then sends the helpers home.
    pub async fn run<T>(&self, until: impl Future<Output = T>) -> T {
        let result = until.or(self.lead()).await;
        self.crew.end();
        result
    }

    async fn lead<T>(&self) -> T {
        loop {
            self.executor.tick().await;
            let mut ran = 1;
            while ran < TURN && self.executor.try_tick() {
                ran += 1;
                if ran % BUSY == 0 {
                    self.crew.call();
                }
            }
            if ran == TURN {
                future::yield_now().await;
            }
        }
    }

    /// Helps on the calling thread, whenever called, until [`Tasks::run`] has come to its end.
    pub fn help(&self) {
        while !self.crew.ended.load(Ordering::Acquire) {
            if !self.executor.try_tick() {
                self.crew.rest();
            }
        }
    }
}

impl Crew {
    fn resting(&self) -> MutexGuard<'_, Vec<Thread>> {
        self.resting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn call(&self) {
        if self.free.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut resting = self.resting();
        let called = resting.pop();
        self.free.store(resting.len(), Ordering::Relaxed);
        drop(resting);
        if let Some(thread) = called {
            thread.unpark();
        }
    }

    fn rest(&self) {
        let me = std::thread::current();
        let id = me.id();
        let mut resting = self.resting();
        if self.ended.load(Ordering::Acquire) {
            return;
        }
        resting.push(me);
        self.free.store(resting.len(), Ordering::Relaxed);
        drop(resting);
        // A thread may be unparked for other reasons: it rests until it is off the list.
        while self.resting().iter().any(|thread| thread.id() == id) {
            std::thread::park();
        }
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        for thread in self.resting().drain(..) {
            thread.unpark();
        }
    }
}
