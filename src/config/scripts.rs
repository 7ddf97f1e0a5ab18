//! Settings > Scripts: what Lua scripts may do (spec lua-hooks §0).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scripts {
    /// Time that one call of a script may compute. Past it the call is ended and counts as having returned nothing.
    #[schemars(range(min = 50, max = 60_000), extend("x-unit" = "milliseconds"))]
    pub soft_limit: u32,
    /// Time that one call of a script may take in all, with waiting for name servers and web pages. What has to be left
    /// behind a second later is named on the status page, and a script that was left behind twice is switched off until it
    /// is saved again.
    #[schemars(range(min = 100, max = 120_000), extend("x-unit" = "milliseconds"))]
    pub hard_limit: u32,
    /// Memory that one running script may take.
    #[schemars(range(min = 1, max = 128), extend("x-unit" = "MiB"))]
    pub memory: u32,
    /// Scripts may use files and programs: `io`, `os.execute` and the like work, with the rights of the box. Whoever may
    /// save a script may then do whatever the box may.
    pub files_and_programs: bool,
    /// Scripts may fetch pages (VPOP3Net.GetHTTP) from this host and from the networks it is in, such as a printer's or the
    /// router's. Off: from the Internet only.
    pub private_addresses: bool,
}

impl Default for Scripts {
    fn default() -> Scripts {
        Scripts { soft_limit: 1000, hard_limit: 5000, memory: 16, files_and_programs: false, private_addresses: false }
    }
}
