//! The appliance: its name in the local network, its time servers.

use std::net::{IpAddr, SocketAddr};

use super::{Checks, is_domain};
use crate::config::Appliance;
use crate::config::appliance::MAX_TIME_SERVERS;

impl Checks<'_> {
    pub(super) fn appliance(&mut self) {
        let appliance = &self.config.appliance;
        if !Appliance::is_local_name(&appliance.local_name) {
            let message = format!("\"{}\" is no name of letters, digits and hyphens", appliance.local_name);
            self.wrong("appliance.local_name", message);
        }
        if appliance.time_servers.len() > MAX_TIME_SERVERS {
            self.wrong("appliance.time_servers", format!("has more than {MAX_TIME_SERVERS} entries"));
        }
        for (position, server) in appliance.time_servers.iter().enumerate() {
            if !is_domain(server) && server.parse::<IpAddr>().is_err() && server.parse::<SocketAddr>().is_err() {
                let message = format!("\"{server}\" is no host name or address");
                self.wrong(format!("appliance.time_servers[{position}]"), message);
            }
        }
    }
}
