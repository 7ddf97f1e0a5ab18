//! One answer from the writer to a caller that awaits it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::error::StoreError;

/// The caller's end of a request.
pub(super) struct Reply(Arc<Mutex<ReplyState>>);

/// The writer's end; dropped without an answer, the caller hears that the store is closed.
pub(super) struct Answer(Option<Arc<Mutex<ReplyState>>>);

enum ReplyState {
    Waiting(Option<Waker>),
    Ready(Result<(), StoreError>),
}

pub(super) fn reply() -> (Answer, Reply) {
    let state = Arc::new(Mutex::new(ReplyState::Waiting(None)));
    (Answer(Some(state.clone())), Reply(state))
}

impl Answer {
    pub(super) fn give(mut self, result: Result<(), StoreError>) {
        self.set(result);
    }

    fn set(&mut self, result: Result<(), StoreError>) {
        let Some(state) = self.0.take() else { return };
        let before = {
            let mut state = state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            std::mem::replace(&mut *state, ReplyState::Ready(result))
        };
        if let ReplyState::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.set(Err(StoreError::Closed));
    }
}

impl Future for Reply {
    type Output = Result<(), StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &mut *state {
            ReplyState::Ready(result) => Poll::Ready(result.clone()),
            ReplyState::Waiting(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
