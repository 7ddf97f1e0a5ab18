//! How long a call may take and how much memory a script may have; and the clock that a running call looks at.
//!
//! The soft limit is for what the script computes: past it, an error ends the script, and no `pcall` of the script keeps
//! that error. Waiting for name servers, web pages and the like does not count. The hard limit is for all of it: what
//! waits is cut short by then, and a script that still runs a second later (in C code, where nothing can end it) is left
//! behind with its thread.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A script that runs so much longer than its hard limit is left behind.
pub(super) const GRACE: Duration = Duration::from_secs(1);
/// Times that a script which was left behind survives being ended, before its thread goes to sleep for good.
const SURVIVALS: u32 = 1000;

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    pub soft: Duration,
    pub hard: Duration,
    /// Bytes of one state.
    pub memory: usize,
    /// Scripts may use files and programs.
    pub files: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { soft: Duration::from_secs(1), hard: Duration::from_secs(5), memory: 16 << 20, files: false }
    }
}

/// The clock of one state. Times are nanoseconds since it was made.
pub(super) struct Meter {
    base: Instant,
    soft_end: AtomicU64,
    hard_end: AtomicU64,
    over: AtomicBool,
    left_behind: AtomicBool,
    survived: AtomicU32,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter {
            base: Instant::now(),
            soft_end: AtomicU64::new(u64::MAX),
            hard_end: AtomicU64::new(u64::MAX),
            over: AtomicBool::new(false),
            left_behind: AtomicBool::new(false),
            survived: AtomicU32::new(0),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Meter {
    fn now(&self) -> u64 {
        nanos(self.base.elapsed())
    }

    /// A call begins.
    pub fn begin(&self, limits: &Limits) {
        let now = self.now();
        self.soft_end.store(now.saturating_add(nanos(limits.soft)), Ordering::Relaxed);
        self.hard_end.store(now.saturating_add(nanos(limits.hard)), Ordering::Relaxed);
        self.over.store(false, Ordering::Relaxed);
    }

    /// Whether the call must end now. Once over, over until the next begins.
    pub fn is_over(&self) -> bool {
        if !self.over.load(Ordering::Relaxed) {
            let now = self.now();
            let end = self.soft_end.load(Ordering::Relaxed).min(self.hard_end.load(Ordering::Relaxed));
            if now < end {
                return false;
            }
            self.over.store(true, Ordering::Relaxed);
        }
        true
    }

    /// What is left to wait in, of all the time there is.
    pub fn left(&self) -> Duration {
        Duration::from_nanos(self.hard_end.load(Ordering::Relaxed).saturating_sub(self.now()))
    }

    /// Runs what waits for something else than the script; its time does not count as computing.
    pub fn waiting<T>(&self, wait: impl FnOnce(Duration) -> T) -> T {
        let before = self.now();
        let result = wait(self.left());
        self.soft_end.fetch_add(self.now().saturating_sub(before), Ordering::Relaxed);
        result
    }

    /// Whether the call is so late that its thread is given up.
    pub fn is_lost(&self) -> bool {
        self.now() > self.hard_end.load(Ordering::Relaxed).saturating_add(nanos(GRACE))
    }

    pub fn leave_behind(&self) {
        self.left_behind.store(true, Ordering::Relaxed);
    }

    /// Called each time a script is told to end. One that was left behind and will not end sleeps from then on: its
    /// memory is lost, the processor is not.
    pub fn told_to_end(&self) {
        if self.left_behind.load(Ordering::Relaxed) && self.survived.fetch_add(1, Ordering::Relaxed) > SURVIVALS {
            loop {
                std::thread::park();
            }
        }
    }
}
