//! What the sockets of one service have in common: its places for sessions, and its bandwidth.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::seats::Seats;
use super::throttle::Bucket;

/// One service.
#[derive(Clone, Default)]
pub struct State {
    pub seats: Seats,
    pub bucket: Bucket,
}

/// All services by name and place in the configuration's list. Cheap to clone; all clones are one registry.
#[derive(Clone, Default)]
pub struct Services {
    all: Arc<Mutex<HashMap<(&'static str, usize), State>>>,
}

impl Services {
    pub fn of(&self, service: &'static str, index: usize) -> State {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).entry((service, index)).or_default().clone()
    }
}
