//! What a waiting session listens to beside its peer: its time limit, and the stop. Both cost next to nothing per wait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_io::Timer;

use crate::live::Stop;

/// A time limit that is set anew at each wait. The timer behind it is armed only when a wait really waits, and left
/// alone when the limit moves on: it then fires early once and is armed again.
#[derive(Default)]
pub(super) struct Deadline {
    at: Option<Instant>,
    timer: Option<(Timer, Instant)>,
}

impl Deadline {
    pub(super) fn set(&mut self, limit: Duration) {
        self.at = Instant::now().checked_add(limit);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let (timer, armed) = self.timer.get_or_insert_with(|| (Timer::at(at), at));
        if at < *armed {
            timer.set_at(at);
            *armed = at;
        }
        loop {
            if Pin::new(&mut *timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            if *armed >= at {
                // Used up: the next wait arms a new one.
                self.timer = None;
                return Poll::Ready(());
            }
            timer.set_at(at);
            *armed = at;
        }
    }
}

/// Hears the stop. Registers once for the task that waits, not at every read.
pub(super) struct StopWatch {
    stop: Stop,
    waiting: Option<(Hearing, Waker)>,
}

type Hearing = Pin<Box<dyn Future<Output = ()> + Send>>;

impl StopWatch {
    pub(super) fn new(stop: Stop) -> StopWatch {
        StopWatch { stop, waiting: None }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stop.is_stopping() {
            return Poll::Ready(());
        }
        match &mut self.waiting {
            Some((_, waker)) if waker.will_wake(cx.waker()) => Poll::Pending,
            waiting => {
                let stop = self.stop.clone();
                let mut heard: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(async move { stop.stopping().await });
                let now = heard.as_mut().poll(cx);
                *waiting = Some((heard, cx.waker().clone()));
                now
            }
        }
    }
}
