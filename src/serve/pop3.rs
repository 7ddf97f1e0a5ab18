//! The POP3 service.

use std::net::TcpListener;

use super::Context;

/// Serves sessions on `listener` by the settings of the POP3 service at `service` in the configuration's list, until
/// `context.stop`; then ends the sessions that are idle and lets running commands finish, 10 s at most.
pub async fn run(_context: Context, _service: usize, _listener: TcpListener) {
    unimplemented!()
}
