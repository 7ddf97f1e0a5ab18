//! The executor all tasks of the program run on. `gateway` gives it its threads.

use std::future::Future;
use std::sync::Arc;

use async_executor::{Executor, Task};

/// Cheap to clone; all clones are one executor.
#[derive(Clone, Default)]
pub struct Tasks {
    executor: Arc<Executor<'static>>,
}

impl Tasks {
    /// Dropping the returned task cancels it; `detach` lets it run on.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        self.executor.spawn(work)
    }

    /// Runs tasks on the calling thread until `until` resolves.
    pub async fn run<T>(&self, until: impl Future<Output = T>) -> T {
        self.executor.run(until).await
    }
}
