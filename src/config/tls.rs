//! Settings > Certificate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// File with the certificate chain, PEM. Empty: a self-signed one is made at first start.
    pub certificate_file: String,
    /// File with the private key, PEM.
    pub key_file: String,
    #[schemars(title = "CA file")]
    /// File with further authorities to trust, PEM; for a provider with a certificate of its own making.
    pub ca_file: String,
}
