//! Settings > Appliance: what counts only on the flashable image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most time servers that are asked.
pub const MAX_TIME_SERVERS: usize = 8;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Appliance {
    /// The name of the box in the office's own network: the page is at https://NAME.local/. Letters, digits and hyphens.
    pub local_name: String,
    /// Tell the computers of the network the box's name and that it takes and gives mail (mDNS, DNS-SD).
    #[schemars(title = "Announce in the local network")]
    pub announce: bool,
    /// Servers that are asked for the time (SNTP). Several, so that one that is wrong is outvoted; eight at most. Names, or
    /// addresses with or without a port.
    pub time_servers: Vec<String>,
    /// Ask the time servers that the network names (DHCP) too.
    #[schemars(title = "Use time servers of the network")]
    pub use_given_time_servers: bool,
}

impl Default for Appliance {
    fn default() -> Appliance {
        Appliance {
            local_name: "pillarbox".into(),
            announce: true,
            time_servers: (0..4).map(|number| format!("{number}.pool.ntp.org")).collect(),
            use_given_time_servers: true,
        }
    }
}

impl Appliance {
    /// Whether the name can be one in `.local` (RFC 1123 §2.1; 63 bytes, no dots).
    pub fn is_local_name(name: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names() {
        for good in ["pillarbox", "Mail-2", "a", &"x".repeat(63)] {
            assert!(Appliance::is_local_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a.b", "pillar box", "büro", &"x".repeat(64)] {
            assert!(!Appliance::is_local_name(bad), "{bad}");
        }
    }
}
