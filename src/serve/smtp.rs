//! The SMTP service.

use std::net::TcpListener;

use super::Context;

/// Serves sessions on `listener` by the settings of the SMTP service at `service` in the configuration's list, until
/// `context.stop`; then lets transactions in flight finish, 10 s at most.
pub async fn run(_context: Context, _service: usize, _listener: TcpListener) {
    unimplemented!()
}
