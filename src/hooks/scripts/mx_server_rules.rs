//! `mxserverrules.lua`: which mail servers of a domain are used (spec lua-hooks §2).

use crate::hooks::Value;
use crate::hooks::datum::Fields;
use crate::hooks::declare::{Access, Declaration, Hook, hook};

use super::mxout::ConnectionGlobals;

pub static DECLARATION: Declaration = Declaration {
    name: "mxserverrules.lua",
    meaning: "Decides which mail servers of a domain are used when mail is sent straight to them.",
    lifetime: "one look-up of a domain's mail servers",
    functions: &[GetCheckCache::FUNCTION, GetOverrides::FUNCTION, CheckServer::FUNCTION, FinalOverrides::FUNCTION],
    globals: &[(Access::Read, ConnectionGlobals::RECORD)],
    per_user: false,
};

hook! {
    /// Says whether answers that were kept from earlier look-ups will do.
    GetCheckCache "GetCheckCache" since "" [] (
        /// Domain of the recipients.
        domain: String = "Domain",
        /// Attempts made so far.
        num_retries: i64 = "numRetries",
        /// Size of the message, bytes.
        message_size: i64 = "messageSize",
    ) -> GetCheckCacheReturned (
        /// false: ask the name servers anew.
        check_cache: bool = "checkCache",
    )
}

hook! {
    /// Names the servers of a domain, in place of what DNS says.
    GetOverrides "GetOverrides" since "" [] (
        /// Domain of the recipients.
        domain: String = "Domain",
        /// Attempts made so far.
        num_retries: i64 = "numRetries",
        /// Size of the message, bytes.
        message_size: i64 = "messageSize",
    ) -> GetOverridesReturned (
        /// Servers: a list of names or addresses in order of preference, a table from preference to server, or one from
        /// server to preference. Empty: those of DNS.
        servers: Value = "servers",
        /// false: as if the domain had no mail server at all.
        carry_on: bool = "continue",
    )
}

hook! {
    /// Called for each mail server of the domain.
    CheckServer "CheckServer" since "7.10" [] (
        /// Domain of the recipients.
        domain: String = "Domain",
        /// The server.
        mx_server: String = "MXServer",
        /// Attempts made so far.
        num_retries: i64 = "numRetries",
        /// Size of the message, bytes.
        message_size: i64 = "messageSize",
        /// What would be decided without the script.
        default_result: bool = "defaultResult",
    ) -> CheckServerReturned (
        /// false: this server is not used.
        usable: bool = "usable",
        /// Minutes to keep the message in the queue. Since 8.8.
        hold_minutes: f64 = "holdMinutes",
    )
}

hook! {
    /// Called after the look-up and after CheckServer, with the servers that are left.
    FinalOverrides "FinalOverrides" since "8.6" [Ours] (
        /// Domain of the recipients.
        domain: String = "Domain",
        /// Attempts made so far.
        num_retries: i64 = "numRetries",
        /// Size of the message, bytes.
        message_size: i64 = "messageSize",
        /// The servers in order of preference.
        servers: Vec<String> = "servers",
    ) -> FinalOverridesReturned (
        /// The servers to use, as GetOverrides may return them.
        servers: Value = "servers",
    )
}
