//! Settings > Security: what holds for the clients of all services (spec connectors-and-smtp §8.3, users-lists-admin
//! §12.3, §12.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::networks::{LOCAL_NETWORKS, Networks};
use super::{AccessList, Derived};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Global access restrictions: a client of a service with use_global_access must pass this list and the service's own.
    /// Usually empty.
    pub global_access: AccessList,
    /// Never Block List: networks and addresses that are never kept out, whatever they do. "local-networks" stands for the
    /// networks the box is in.
    pub never_block: Vec<String>,
    /// Shortest password that may be set from now on, characters.
    #[schemars(range(min = 1, max = 64))]
    pub minimum_password_length: u32,
    /// Intrusion detection: a log of suspicious events.
    #[schemars(title = "IDS")]
    pub ids: Ids,
    /// Intrusion protection of SMTP services.
    #[schemars(title = "IPS")]
    pub ips: Ips,
    /// Protection against guessed passwords, on all services.
    #[schemars(title = "Login protection")]
    pub logins: LoginProtection,
    /// No setting: `never_block`, read at first use.
    #[serde(skip)]
    #[schemars(skip)]
    pub never_blocked: Derived<Networks>,
}

impl Security {
    /// `never_block`, read.
    pub fn never_blocked(&self) -> &Networks {
        self.never_blocked.get_or_make(|| Networks::of(&self.never_block))
    }
}

impl Default for Security {
    fn default() -> Security {
        Security {
            global_access: AccessList::default(),
            // A mail program in the office that keeps an old password would else lock the office out, and nobody is there
            // to unlock it.
            never_block: vec![LOCAL_NETWORKS.into()],
            minimum_password_length: 5,
            ids: Ids::default(),
            ips: Ips::default(),
            logins: LoginProtection::default(),
            never_blocked: Derived::default(),
        }
    }
}

/// Suspicious events of SMTP sessions, appended to a file for other programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ids {
    /// A file, with its full path; or a name in the data directory. Never read or rotated by the box. Empty: no log.
    pub log_file: String,
    /// What a line looks like. %T is the UTC time, %I the client's address, %e the number of the event, %E the event in
    /// words, %D what it was about, %% a percent sign.
    pub log_format: String,
}

impl Default for Ids {
    fn default() -> Ids {
        Ids { log_file: String::new(), log_format: "%T %I %e %E: %D".into() }
    }
}

/// Clients of SMTP services are scored by what they do wrong, and kept out for a while when they connect again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ips {
    /// Score of a failed login.
    #[schemars(range(max = 10_000))]
    pub bad_authentication: u32,
    /// Score of an unknown local recipient.
    #[schemars(range(max = 10_000))]
    pub bad_local_recipient: u32,
    /// Score of an attempt to send through the box without the right to.
    #[schemars(range(max = 10_000))]
    pub relay_denied: u32,
    /// Score of an SMTP rule that refuses or discards.
    #[schemars(title = "SMTP rule", range(max = 10_000))]
    pub smtp_rule: u32,
    /// Score of a match in a realtime blacklist.
    #[schemars(range(max = 10_000))]
    pub blacklisted: u32,
    /// Score of an unknown, malformed or misplaced command.
    #[schemars(range(max = 10_000))]
    pub syntax_error: u32,
    /// Score of a message above the size limit.
    #[schemars(range(max = 10_000))]
    pub message_too_large: u32,
    /// Client error monitor period: what is older does not count.
    #[schemars(range(min = 1, max = 1440), extend("x-unit" = "minutes"))]
    pub monitor_period: u32,
    /// Client error block threshold: a client with this score is kept out. 0: nobody is.
    #[schemars(range(max = 1_000_000))]
    pub block_threshold: u32,
    /// Client error block time.
    #[schemars(range(min = 1, max = 999_999_999), extend("x-unit" = "minutes"))]
    pub block_time: u32,
}

impl Default for Ips {
    fn default() -> Ips {
        Ips {
            bad_authentication: 50,
            bad_local_recipient: 50,
            relay_denied: 100,
            smtp_rule: 0,
            blacklisted: 0,
            syntax_error: 0,
            message_too_large: 0,
            monitor_period: 60,
            block_threshold: 1000,
            block_time: 30,
        }
    }
}

/// Failed logins of a client are counted over all services and all account names, existing or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginProtection {
    /// Monitor logins period: what is older does not count.
    #[schemars(range(min = 1, max = 1440), extend("x-unit" = "minutes"))]
    pub monitor_period: u32,
    /// Failed login threshold: a client with so many failures is kept out of all services. 0: nobody is.
    #[schemars(range(max = 100_000))]
    pub failed_logins: u32,
    /// Failed login block time.
    #[schemars(range(min = 1, max = 999_999_999), extend("x-unit" = "minutes"))]
    pub block_time: u32,
}

impl Default for LoginProtection {
    fn default() -> LoginProtection {
        LoginProtection { monitor_period: 30, failed_logins: 10, block_time: 30 }
    }
}
