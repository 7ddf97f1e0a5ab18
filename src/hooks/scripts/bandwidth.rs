//! `bandwidth.lua`: bytes per second of a connection (spec lua-hooks §19).

use crate::hooks::declare::{Declaration, Hook, hook, record};

pub static DECLARATION: Declaration = Declaration {
    name: "bandwidth.lua",
    meaning: "Limits how many bytes a second a connection may take. Since 6.",
    lifetime: "one call",
    functions: &[GetBandwidth::FUNCTION],
    globals: &[],
    per_user: false,
};

record! {
    /// The connection.
    BandwidthParams {
        /// The client's address.
        client_ip: String = "clientip",
        /// The address it has connected to.
        server_address: String = "serveraddress",
        /// The port.
        server_port: i64 = "serverport",
        /// `SMTP`, `POP3`.
        server_type: String = "servertype",
        /// Number of the service.
        server_id: i64 = "serverid",
        /// The service's limit.
        server_bandwidth: i64 = "serverbandwidth",
        /// The limit so far.
        bandwidth: i64 = "bandwidth",
        /// The user who has logged in; empty if none.
        username: String = "username",
        /// His number.
        user_number: i64 = "usernumber",
        /// Not used.
        user_bandwidth: i64 = "userbandwidth",
    }
}

hook! {
    /// Called on each connection to a service, and again when a user logs in.
    GetBandwidth "GetBandwidth" since "6" [Later] (
        /// The connection.
        params: BandwidthParams = "Params",
    ) -> GetBandwidthReturned (
        /// 0: no limit; up to 999999999: bytes a second; -1 to -1000: a pool that connections share.
        bandwidth: i64 = "bandwidth",
    )
}
