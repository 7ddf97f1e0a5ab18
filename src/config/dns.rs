//! Settings > Misc Settings > DNS (spec users-lists-admin §9.5).

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// Addresses of name servers, such as 192.168.1.1 or 192.168.1.1:53. They are asked first, in this order; four name
    /// servers are asked at most.
    #[schemars(title = "Manual DNS server list")]
    pub servers: Vec<String>,
    /// Ask the name servers that the system knows, which mostly are those the router has told it; after those listed, when
    /// they do not answer. Off: only those listed.
    #[schemars(title = "Try to detect DNS servers automatically")]
    pub detect_servers: bool,
    /// The DNS test looks this name up at each name server, and one that does not exist beside it: every 15 minutes and
    /// when it is asked for. Empty: only when it is asked for, with the name example.com.
    #[schemars(title = "Name for the DNS test")]
    pub test_name: String,
}

impl Default for Dns {
    fn default() -> Dns {
        Dns { servers: Vec::new(), detect_servers: true, test_name: Dns::TEST_NAME.into() }
    }
}

impl Dns {
    /// Kept for such purposes for good (RFC 2606 §3).
    const TEST_NAME: &str = "example.com";

    /// The name to test with when a test is asked for.
    pub fn test_name(&self) -> &str {
        if self.test_name.is_empty() { Dns::TEST_NAME } else { &self.test_name }
    }
}

/// Addresses of name servers, with or without a port; those that are none are left out.
pub fn name_servers(texts: &[String]) -> Vec<SocketAddr> {
    let address = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
    texts.iter().filter_map(|text| address(text).ok()).collect()
}
