//! Services: where they listen, and who may use them.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::{Checks, is_domain};
use crate::config::networks::{LOCAL_NETWORKS, Network};
use crate::config::{AccessList, Restrict, Who};
use crate::rules::Zone;

/// RBL servers of one service.
const MOST_ZONES: usize = 16;

impl Checks<'_> {
    pub(super) fn services(&mut self) {
        self.listeners();
        let config = self.config;
        for (position, service) in config.smtp.iter().enumerate() {
            let path = format!("smtp[{position}].access");
            self.access(&path, &service.access);
            self.open_relay(&path, &service.access);
            let path = |field: &str| format!("smtp[{position}].{field}");
            self.access(&path("vrfy_expn_access"), &service.vrfy_expn_access);
            self.access(&path("etrn_access"), &service.etrn_access);
            self.networks(&path("reserved_for"), &service.reserved_for);
            self.networks(&path("rbl_exempt"), &service.rbl_exempt);
            self.zones(&path("rbl_servers"), &service.rbl_servers);
            if !service.host_name.is_empty() && !is_domain(&service.host_name) {
                self.wrong(path("host_name"), format!("\"{}\" is no host name", service.host_name));
            }
            if service.max_incoming_sessions != 0 && service.reserved_sessions > service.max_incoming_sessions {
                self.wrong(path("reserved_sessions"), "is above max_incoming_sessions");
            }
        }
        for (position, service) in config.pop3.iter().enumerate() {
            self.access(&format!("pop3[{position}].access"), &service.access);
        }
        self.access("web.access", &config.web.access);
        self.access("security.global_access", &config.security.global_access);
        self.networks("security.never_block", &config.security.never_block);
    }

    fn listeners(&mut self) {
        let config = self.config;
        let smtp = config.smtp.iter().map(|service| (service.enabled, &service.listen));
        let smtp = smtp.enumerate().map(|(position, service)| (format!("smtp[{position}].listen"), service));
        let pop3 = config.pop3.iter().map(|service| (service.enabled, &service.listen));
        let pop3 = pop3.enumerate().map(|(position, service)| (format!("pop3[{position}].listen"), service));
        let web = [
            ("web.listen".to_string(), (config.web.enabled, &config.web.listen)),
            ("web.redirect_from".to_string(), (config.web.enabled, &config.web.redirect_from)),
        ];
        let mut taken: HashMap<SocketAddr, String> = HashMap::new();
        for (setting, (enabled, listen)) in smtp.chain(pop3).chain(web) {
            if enabled && listen.is_empty() && setting != "web.redirect_from" {
                self.wrong(&setting, "is empty; to stop the service, set enabled = false");
            }
            for (position, text) in listen.iter().enumerate() {
                let path = format!("{setting}[{position}]");
                let Ok(address) = text.parse::<SocketAddr>() else {
                    self.wrong(path, format!("\"{text}\" is no address with a port, such as 0.0.0.0:25 or [::]:25"));
                    continue;
                };
                let other = (enabled && address.port() != 0).then(|| taken.insert(address, path.clone())).flatten();
                if let Some(other) = other {
                    self.wrong(path, format!("{address} is taken by {other}"));
                }
            }
        }
    }

    /// Each row for itself: its network, and its users.
    fn access(&mut self, path: &str, list: &AccessList) {
        for (position, rule) in list.rules().iter().enumerate() {
            let path = format!("{path}[{position}]");
            if let Err(error) = Who::parse(&rule.network) {
                let message = format!("\"{}\" {error}, \"any\" or \"routers\"", rule.network);
                self.wrong(format!("{path}.network"), message);
            }
            if rule.restrict == Restrict::Block && (rule.no_auth || !rule.users.is_empty()) {
                self.wrong(&path, "blocks, so that no_auth and users have no meaning here");
            }
            for (position, name) in rule.users.iter().enumerate() {
                if self.config.user_named(name).is_none() {
                    self.wrong(format!("{path}.users[{position}]"), format!("there is no user \"{name}\""));
                }
            }
        }
    }

    fn zones(&mut self, path: &str, list: &[String]) {
        if list.len() > MOST_ZONES {
            self.wrong(path, format!("has more than {MOST_ZONES} entries; each is asked about each client"));
        }
        for (position, text) in list.iter().enumerate() {
            if let Err(mistake) = Zone::parse(text) {
                self.wrong(format!("{path}[{position}]"), mistake.to_string());
            }
        }
    }

    fn networks(&mut self, path: &str, list: &[String]) {
        for (position, text) in list.iter().enumerate() {
            let known = text.eq_ignore_ascii_case(LOCAL_NETWORKS);
            if let Some(error) = Network::parse(text).err().filter(|_| !known) {
                self.wrong(format!("{path}[{position}]"), format!("\"{text}\" {error}"));
            }
        }
    }

    /// Nobody but the office's own networks may send out without a login.
    fn open_relay(&mut self, path: &str, list: &AccessList) {
        for (position, rule) in list.rules().iter().enumerate() {
            let everybody = Who::parse(&rule.network).is_ok_and(|who| who.is_everybody());
            if everybody && rule.no_auth {
                let message = format!(
                    "\"{}\" would let everybody send through this box without a login; list your own networks",
                    rule.network
                );
                self.wrong(format!("{path}[{position}].no_auth"), message);
            }
        }
    }
}
