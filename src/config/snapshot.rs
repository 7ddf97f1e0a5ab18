//! The configuration in force, handed out as immutable snapshots.

use std::sync::{Arc, RwLock};

use event_listener::{Event, EventListener};

use super::Config;

/// Cheap to clone; all clones publish and read the same snapshot.
#[derive(Clone, Default)]
pub struct Published {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    current: RwLock<Arc<Config>>,
    changed: Event,
}

impl Published {
    pub fn new(config: Config) -> Published {
        let published = Published::default();
        published.publish(config);
        published
    }

    pub fn current(&self) -> Arc<Config> {
        self.inner.current.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Puts a validated configuration in force. The caller has stored it.
    pub fn publish(&self, config: Config) {
        // A copy, which has no lookup tables from before the last change of it.
        let config = config.clone();
        *self.inner.current.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(config);
        self.inner.changed.notify(usize::MAX);
    }

    /// Resolves at the next publish after this call.
    pub fn changed(&self) -> EventListener {
        self.inner.changed.listen()
    }
}
