//! Settings > Admin Settings (spec users-lists-admin §9.1). Who the main administrator is stands in General.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Write to the main administrator when a Connection does not work: when its collectors or its sender have failed again
    /// and again for the time below. And once more when it works again. The status page says so in any case.
    #[schemars(title = "Generate Connection Error Messages")]
    pub connection_errors: bool,
    /// How long it must have failed. Providers have their bad minutes, which are nobody's business. 0: at the first failure.
    #[schemars(title = "Connection errors: after", range(max = 10080), extend("x-unit" = "minutes"))]
    pub connection_errors_after: u32,
    /// While it goes on failing, the next message about the same Connection follows after so many days.
    #[schemars(title = "Connection errors: again after", range(min = 1, max = 30), extend("x-unit" = "days"))]
    pub connection_errors_again: u32,
}

impl Default for Admin {
    fn default() -> Admin {
        Admin { connection_errors: true, connection_errors_after: 60, connection_errors_again: 1 }
    }
}
