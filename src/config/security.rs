//! Settings > Security: what holds for the clients of all services (spec connectors-and-smtp §8.3, users-lists-admin
//! §12.3, §12.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AccessList;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Global access restrictions: a client of a service with use_global_access must pass this list and the service's own.
    /// Usually empty.
    pub global_access: AccessList,
}
