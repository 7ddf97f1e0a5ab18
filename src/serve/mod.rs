//! What mail programs and servers connect to: accept loops, TLS, limits; a thin shell around the sessions of `proto`.

pub mod listener;
pub mod locks;
pub mod pop3;
pub mod seats;
pub mod smtp;
mod state;
mod throttle;
mod waiting;
pub mod wire;

pub use locks::Locks;
pub use state::Services;

use crate::config::Published;
use crate::intake::Intake;
use crate::live::{Board, LogFiles, Stop};
use crate::net::Tasks;
use crate::net::dns::Resolver;
use crate::net::tls::ServerTls;
use crate::policy::{Logins, Pop3Logins, Watch};

/// What every service needs. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    pub tasks: Tasks,
    pub config: Published,
    pub intake: Intake,
    pub logins: Logins,
    pub watch: Watch,
    pub pop3_logins: Pop3Logins,
    pub resolver: Resolver,
    pub logs: LogFiles,
    pub board: Board,
    pub tls: ServerTls,
    pub stop: Stop,
    /// `Locks::default()` at start; shared by all POP3 services.
    pub locks: Locks,
    /// `Services::default()` at start.
    pub services: Services,
}
