//! The queue runner and the senders.

use crate::config::Published;
use crate::live::{Board, Signals, Stop};
use crate::net::{Resolver, Tasks};
use crate::store::Store;

/// What the queue runner needs.
#[derive(Clone)]
pub struct Context {
    pub tasks: Tasks,
    pub store: Store,
    pub config: Published,
    pub signals: Signals,
    pub board: Board,
    pub resolver: Resolver,
    pub stop: Stop,
}

/// Sends what is due and what is handed over, until `stop`; transactions in flight finish, 10 s at most.
pub async fn run(_context: Context) {
    unimplemented!()
}
