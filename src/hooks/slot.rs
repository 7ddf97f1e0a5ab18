//! One answer from a Lua thread to a caller that awaits it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Both ends hold it; the first answer counts.
pub(super) struct Slot<T>(Mutex<Inside<T>>);

enum Inside<T> {
    Waiting(Option<Waker>),
    Ready(Option<T>),
    Taken,
}

/// The caller's end: resolves to nothing when the call was given up.
pub(super) struct Answer<T>(Arc<Slot<T>>);

/// What is being waited for, whatever its type, can be given up.
pub(super) trait GiveUp: Send + Sync {
    fn give_up(&self);
}

pub(super) fn slot<T>() -> (Arc<Slot<T>>, Answer<T>) {
    let slot = Arc::new(Slot(Mutex::new(Inside::Waiting(None))));
    (slot.clone(), Answer(slot))
}

impl<T> Slot<T> {
    fn inside(&self) -> MutexGuard<'_, Inside<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes late is dropped, where it is given.
    pub fn fill(&self, value: Option<T>) {
        let mut inside = self.inside();
        let Inside::Waiting(waker) = &mut *inside else { return };
        let waker = waker.take();
        *inside = Inside::Ready(value);
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T: Send> GiveUp for Slot<T> {
    fn give_up(&self) {
        self.fill(None);
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut inside = self.0.inside();
        if let Inside::Waiting(waker) = &mut *inside {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        match std::mem::replace(&mut *inside, Inside::Taken) {
            Inside::Ready(value) => Poll::Ready(value),
            Inside::Taken | Inside::Waiting(_) => Poll::Ready(None),
        }
    }
}
