//! Who may connect, log in, relay. Decides on the configuration snapshot; the services carry out.

mod logins;
mod memory;

use std::net::IpAddr;

use crate::config::SmtpService;
use crate::net::listen::is_local;

pub use logins::{LoggedIn, Logins};

/// Whether this client's address may send out without a login (`relay_from` of the service).
pub fn may_relay(service: &SmtpService, client: IpAddr) -> bool {
    let networks = service.relay_networks();
    networks.contains(client) || (networks.local && is_local(client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_networks_may_relay() {
        let service =
            SmtpService { relay_from: vec!["192.0.2.0/24".into(), "2001:db8::1".into()], ..SmtpService::default() };
        for (client, expected) in [
            ("192.0.2.9", true),
            ("::ffff:192.0.2.9", true),
            ("2001:db8::1", true),
            ("192.0.3.9", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(may_relay(&service, client.parse().unwrap()), expected, "{client}");
        }
    }

    #[test]
    fn nobody_may_where_nothing_is_written() {
        let service = SmtpService { relay_from: vec![], ..SmtpService::default() };
        assert!(!may_relay(&service, "127.0.0.1".parse().unwrap()));
    }
}
