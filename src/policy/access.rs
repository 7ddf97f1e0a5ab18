//! IP access restrictions: what the lists of a service say of a client's address (spec connectors-and-smtp §8.2, §8.3).
//!
//! A client that must pass two lists is allowed by both and bound to the users of both; whether it needs a login is said
//! by the service's own list alone.

use std::net::IpAddr;

use crate::config::{AccessList, AccessRow, Config, Pop3Service, SmtpService, WebService, Who, lower};
use crate::net::gateways::is_router;
use crate::net::listen::is_local;

/// The lists a client of a service has to pass.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    own: &'a AccessList,
    global: Option<&'a AccessList>,
}

/// What they say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// May use the service.
    pub allowed: bool,
    /// And needs no login.
    pub no_auth: bool,
}

enum Decision<'a> {
    /// There are no rows.
    Everybody,
    Row(&'a AccessRow),
    Nobody,
}

impl<'a> Lists<'a> {
    pub fn of_smtp(config: &'a Config, service: &'a SmtpService) -> Lists<'a> {
        Lists::new(config, &service.access, service.use_global_access)
    }

    pub fn of_pop3(config: &'a Config, service: &'a Pop3Service) -> Lists<'a> {
        Lists::new(config, &service.access, service.use_global_access)
    }

    pub fn of_web(config: &'a Config, service: &'a WebService) -> Lists<'a> {
        Lists::new(config, &service.access, service.use_global_access)
    }

    fn new(config: &'a Config, own: &'a AccessList, with_global: bool) -> Lists<'a> {
        Lists { own, global: with_global.then_some(&config.security.global_access) }
    }

    pub fn admit(&self, client: IpAddr) -> Admission {
        let (own, no_auth) = match decide(self.own, client) {
            Decision::Everybody => (true, false),
            Decision::Row(row) => (row.allow, row.no_auth),
            Decision::Nobody => (false, false),
        };
        let allowed = own && self.global.is_none_or(|list| is_allowed(list, client));
        Admission { allowed, no_auth: allowed && no_auth }
    }

    /// Whether this user may log in from there.
    pub fn admit_user(&self, client: IpAddr, user: &str) -> bool {
        let user = lower(user);
        [Some(self.own), self.global].into_iter().flatten().all(|list| match decide(list, client) {
            Decision::Everybody => true,
            Decision::Row(row) => row.allow && (row.users.is_empty() || row.users.iter().any(|name| *name == user)),
            Decision::Nobody => false,
        })
    }
}

fn is_allowed(list: &AccessList, client: IpAddr) -> bool {
    match decide(list, client) {
        Decision::Everybody => true,
        Decision::Row(row) => row.allow,
        Decision::Nobody => false,
    }
}

/// For a list that opens something that is closed otherwise: no rows is nobody.
pub fn is_listed(list: &AccessList, client: IpAddr) -> bool {
    matches!(decide(list, client), Decision::Row(row) if row.allow)
}

fn decide(list: &AccessList, client: IpAddr) -> Decision<'_> {
    let rows = list.rows();
    match rows.iter().find(|row| is_of(row.who, client)) {
        Some(row) => Decision::Row(row),
        None if rows.is_empty() => Decision::Everybody,
        None => Decision::Nobody,
    }
}

fn is_of(who: Who, client: IpAddr) -> bool {
    match who {
        Who::Any => true,
        Who::LocalNetworks => is_local(client),
        Who::Routers => is_router(client),
        Who::Network(network) => network.contains(client),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AccessRule;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn admit(access: &AccessList, client: &str) -> Admission {
        Lists { own: access, global: None }.admit(ip(client))
    }

    #[test]
    fn the_first_row_that_has_the_address_decides() {
        let list: AccessList =
            [AccessRule::block("192.0.2.1"), AccessRule::trust("192.0.2.0/24"), AccessRule::allow("2001:db8::/32")]
                .into();
        for (client, allowed, no_auth) in [
            ("192.0.2.1", false, false),
            ("192.0.2.9", true, true),
            ("::ffff:192.0.2.9", true, true),
            ("2001:db8::1", true, false),
            ("192.0.3.9", false, false),
            ("127.0.0.1", false, false),
        ] {
            assert_eq!(admit(&list, client), Admission { allowed, no_auth }, "{client}");
        }
    }

    #[test]
    fn no_rows_are_everybody_with_a_login() {
        assert_eq!(admit(&AccessList::default(), "203.0.113.9"), Admission { allowed: true, no_auth: false });
        assert!(!is_listed(&AccessList::default(), ip("127.0.0.1")));
    }

    #[test]
    fn the_office_is_trusted_on_a_new_box_and_strangers_may_log_in() {
        let list = SmtpService::default().access;
        assert_eq!(admit(&list, "127.0.0.1"), Admission { allowed: true, no_auth: true });
        assert_eq!(admit(&list, "203.0.113.9"), Admission { allowed: true, no_auth: false });
    }

    #[test]
    fn both_lists_have_to_agree() {
        let mut config = Config::default();
        config.security.global_access = [AccessRule::block("192.0.2.1"), AccessRule::allow("192.0.2.0/24")].into();
        let mut service = SmtpService { access: [AccessRule::trust("192.0.0.0/16")].into(), ..SmtpService::default() };
        let admit = |service: &SmtpService, client| Lists::of_smtp(&config, service).admit(ip(client));
        assert!(admit(&service, "192.0.2.1").no_auth);
        service.use_global_access = true;
        assert!(!admit(&service, "192.0.2.1").allowed);
        assert!(admit(&service, "192.0.2.2").no_auth);
        assert!(!admit(&service, "192.0.3.2").allowed);
    }

    #[test]
    fn users_of_a_row() {
        let only = |network: &str, users: &[&str]| AccessRule {
            users: users.iter().map(|user| user.to_string()).collect(),
            ..AccessRule::allow(network)
        };
        let list: AccessList = [AccessRule::allow("192.0.2.0/24"), only("any", &["Fred", "bob"])].into();
        let may = |client, user| Lists { own: &list, global: None }.admit_user(ip(client), user);
        assert!(may("192.0.2.5", "eve"));
        assert!(may("203.0.113.9", "fred") && may("203.0.113.9", "BOB"));
        assert!(!may("203.0.113.9", "eve"));
    }
}
