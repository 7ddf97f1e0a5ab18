//! How the C library's allocator behaves, so that the box gives memory back after a burst.
//!
//! Many small arenas keep what each thread once needed; a few and an explicit trim when it has become quiet keep the
//! program near its idle size. Nothing here is needed for correctness: on other C libraries it does nothing.

#![expect(unsafe_code, reason = "calls of the C library that have no safe form")]

use std::time::Duration;

use crate::live::{Board, Stop};

/// Threads of the pool for blocking work at most; the pool's own default is 500.
const BLOCKING_THREADS: &str = "8";

/// The first thing the program does, before any other thread is started.
pub fn tune() {
    // SAFETY: the program has one thread yet (what the caller promises), so nobody reads the environment meanwhile.
    unsafe { std::env::set_var("BLOCKING_MAX_THREADS", BLOCKING_THREADS) };
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: mallopt only sets numbers in the allocator; both parameters are documented ones.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 2);
            // Fixed, so that a large buffer always goes back to the system when it is freed; by itself the limit grows.
            libc::mallopt(libc::M_MMAP_THRESHOLD, 256 * 1024);
        }
    }
}

/// Gives free memory back to the system.
fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Trims whenever work has ended: nothing came in and no session began or ended for a second.
pub async fn trim_when_quiet(board: Board, stop: Stop) {
    let seen = || (board.accepted(), board.session_count());
    let (mut last, mut trimmed) = (seen(), false);
    while !stop.is_stopping() {
        let _ = crate::net::timeout(Duration::from_secs(1), stop.stopping()).await;
        let now = seen();
        if now != last {
            trimmed = false;
        } else if !trimmed {
            trim();
            trimmed = true;
        }
        last = now;
    }
}
