//! Settings > Certificate, Settings > DNS.

use std::net::{IpAddr, SocketAddr};

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

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// Addresses of name servers, such as 192.168.1.1 or 192.168.1.1:53. Empty: those of the system.
    pub servers: Vec<String>,
}

/// Addresses of name servers, with or without a port; those that are none are left out.
pub fn name_servers(texts: &[String]) -> Vec<SocketAddr> {
    let address = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
    texts.iter().filter_map(|text| address(text).ok()).collect()
}
