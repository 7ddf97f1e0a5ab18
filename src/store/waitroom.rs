//! Where commits wait for the writer, and how long it lets them gather.
//!
//! One session alone never waits for others. There are two reasons to give others a moment, so that they share the
//! flush: some have said that their commit is near ([`super::Store::expect_commit`]), or the disk is slow and those the
//! last flush has answered are about to come back (see [`Return`]).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::change::Change;
use super::error::StoreError;
use super::record::Frame;

/// Longest wait for commits that are near, and the pause after which no more of them is awaited.
const GATHER: Duration = Duration::from_millis(1);
const PAUSE: Duration = Duration::from_micros(250);
/// A flush that takes this long is worth waiting for others.
const SLOW: Duration = Duration::from_millis(1);
/// After so many waits in vain the writer goes on without, and tries again after so many flushes.
const IN_VAIN: u32 = 3;
const WITHOUT: u32 = 32;

pub(super) struct Request {
    pub frame: Frame,
    pub changes: Vec<Change>,
    /// The caller waits for the flush, not only for the write.
    pub flush: bool,
    pub answer: Answer,
}

#[derive(Default)]
pub(super) struct Waitroom {
    state: Mutex<State>,
    arrived: Condvar,
    expected: AtomicUsize,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    /// Who only asks whether the writer comes round.
    questions: Vec<Answer>,
    /// Requests that wait for a flush.
    flushes: usize,
    /// The writer sleeps until this many of them wait.
    wake_at: Option<usize>,
    closing: bool,
    failed: Option<StoreError>,
}

/// The return of those the last flush has answered.
///
/// On a slow disk busy sessions fall into two groups: while one is flushed the other waits, so each flush carries half
/// of them. Where the answered come back in well less than the time of a flush, waiting for them makes one group of the two
/// and is quicker; where they are too many for that, the halves are. Which of both it is shows by trying.
#[derive(Default)]
pub(super) struct Return {
    /// Time of the last flush, with its write.
    took: Duration,
    /// How many it answered.
    answered: usize,
    /// Waits in vain since the last that was not.
    in_vain: u32,
    /// Flushes to go before the next try.
    without: u32,
}

impl Return {
    pub(super) fn flushed(&mut self, took: Duration, answered: usize) {
        (self.took, self.answered) = (took, answered);
        self.without = self.without.saturating_sub(1);
    }

    /// How long after a flush to wait for so many commits in all; `waiting` have come in the meantime.
    fn awaited(&self, waiting: usize) -> Option<(Duration, usize)> {
        let others = self.answered > 0 && waiting + self.answered > 1;
        let worth = self.took >= SLOW && others && self.without == 0;
        worth.then_some((self.took * 3 / 4, waiting + self.answered))
    }

    fn learn(&mut self, all_came: bool) {
        if all_came {
            self.in_vain = 0;
            return;
        }
        self.in_vain = IN_VAIN.min(self.in_vain + 1);
        if self.in_vain == IN_VAIN {
            self.without = WITHOUT;
        }
    }
}

impl State {
    fn answer_questions(&mut self) {
        if !self.questions.is_empty() {
            std::mem::take(&mut self.questions).into_iter().for_each(|answer| answer.give(Ok(())));
        }
    }
}

impl Waitroom {
    pub(super) fn push(&self, request: Request) -> Result<(), StoreError> {
        let mut state = self.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        if state.closing {
            return Err(StoreError::Closed);
        }
        state.flushes += usize::from(request.flush);
        state.requests.push(request);
        if state.wake_at.is_some_and(|count| state.flushes >= count) {
            state.wake_at = None;
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Answered when the writer comes round next.
    pub(super) fn ask(&self, answer: Answer) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closing {
            return Err(StoreError::Closed);
        }
        state.questions.push(answer);
        if state.wake_at.take().is_some() {
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        self.arrived.notify_one();
    }

    pub(super) fn expect(&self, change: isize) {
        if change > 0 {
            self.expected.fetch_add(1, Ordering::Relaxed);
        } else {
            self.expected.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>, wake_at: usize, limit: Duration) -> MutexGuard<'a, State> {
        state.wake_at = Some(wake_at);
        let waited = self.arrived.wait_timeout(state, limit);
        let (mut state, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        state.wake_at = None;
        state
    }

    /// The next requests; none of them when a flush is overdue; `None` at the end.
    pub(super) fn next(&self, flush_by: Option<Instant>, back: &mut Return) -> Option<Vec<Request>> {
        let entered = Instant::now();
        let mut state = self.lock();
        let awaited = back.awaited(state.flushes);
        state.answer_questions();
        while state.requests.is_empty() {
            let left = flush_by.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Some(Vec::new());
            }
            if state.closing {
                return None;
            }
            state = self.sleep(state, 0, left.unwrap_or(Duration::from_secs(3600)));
            state.answer_questions();
        }
        if let Some((window, count)) = awaited {
            while state.flushes > 0 && state.flushes < count && !state.closing && entered.elapsed() < window {
                state = self.sleep(state, count, window.saturating_sub(entered.elapsed()));
            }
            back.learn(state.flushes >= count);
        }
        let mut state = self.gather(state);
        state.flushes = 0;
        Some(std::mem::take(&mut state.requests))
    }

    /// Gives those a moment whose commit is near.
    fn gather<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let began = Instant::now();
        while state.flushes > 0 && state.flushes < self.expected.load(Ordering::Relaxed) && !state.closing {
            let (before, expected) = (state.flushes, self.expected.load(Ordering::Relaxed));
            let left = GATHER.saturating_sub(began.elapsed());
            state = self.sleep(state, expected, left.min(PAUSE));
            if state.flushes == before || left <= PAUSE {
                break;
            }
        }
        state
    }

    pub(super) fn fail(&self, error: StoreError) {
        let mut state = self.lock();
        state.failed = Some(error.clone());
        state.flushes = 0;
        for request in std::mem::take(&mut state.requests) {
            request.answer.give(Err(error.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUSH: Duration = Duration::from_millis(8);

    #[test]
    fn one_session_alone_waits_for_nobody() {
        let mut back = Return::default();
        assert_eq!(back.awaited(1), None, "nothing flushed yet");
        back.flushed(FLUSH, 1);
        assert_eq!(back.awaited(0), None);
        back.flushed(FLUSH, 0);
        assert_eq!(back.awaited(3), None, "nobody was answered");
    }

    #[test]
    fn a_slow_flush_is_worth_waiting_for_those_it_answered() {
        let mut back = Return::default();
        back.flushed(Duration::from_micros(900), 10);
        assert_eq!(back.awaited(5), None, "not on a quick disk");
        back.flushed(FLUSH, 1);
        assert_eq!(back.awaited(1), Some((FLUSH * 3 / 4, 2)));
        back.flushed(FLUSH, 10);
        assert_eq!(back.awaited(0), Some((FLUSH * 3 / 4, 10)));
    }

    #[test]
    fn waiting_in_vain_is_given_up_and_tried_again_now_and_then() {
        let mut back = Return::default();
        back.flushed(FLUSH, 50);
        back.learn(false);
        back.learn(true);
        for _ in 0..IN_VAIN {
            assert!(back.awaited(0).is_some());
            back.learn(false);
        }
        for round in 0..2 {
            let without = (0..).take_while(|_| {
                let none = back.awaited(25).is_none();
                back.flushed(FLUSH, 25);
                none
            });
            assert_eq!(without.count(), WITHOUT as usize, "round {round}");
            back.learn(false);
        }
        back.without = 0;
        back.learn(true);
        back.learn(false);
        assert!(back.awaited(0).is_some(), "one success starts the count anew");
    }

    #[test]
    fn those_awaited_are_taken_together() {
        let room = Waitroom::default();
        let request = || {
            let (answer, _) = super::super::answer::reply();
            Request { frame: Frame::encode(&[]).unwrap(), changes: Vec::new(), flush: true, answer }
        };
        let mut back = Return::default();
        // A flush so slow that only the arrival of the others can end the wait.
        back.flushed(Duration::from_secs(3600), 2);
        room.push(request()).unwrap();
        let taken = std::thread::scope(|scope| {
            scope.spawn(|| {
                while room.lock().wake_at.is_none() {
                    std::thread::yield_now();
                }
                room.push(request()).unwrap();
                room.push(request()).unwrap();
            });
            room.next(None, &mut back)
        });
        assert_eq!(taken.map(|requests| requests.len()), Some(3));
        assert_eq!(back.in_vain, 0);
    }
}
