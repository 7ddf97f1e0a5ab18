//! Settings > General, and Settings > Local mail (spec users-lists-admin §5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct General {
    /// The name this box gives itself towards other mail servers, and in its certificate. Best a name that exists in
    /// DNS, such as mail.office.example.
    pub host_name: String,
    /// Added to addresses without a domain, and used for mail the box writes itself. One domain.
    pub default_domain: String,
    /// Domains whose mail is kept here. `*` stands for any run of characters, `?` for one. Single addresses are allowed.
    pub local_domains: Vec<String>,
    /// The user who gets error messages and mail for postmaster.
    pub main_administrator: String,
    /// Send mail for unknown recipients of the local domains out instead of refusing it, when the sender is in the
    /// office or logged in. For a domain whose mailboxes are partly elsewhere.
    pub unknown_local_is_outgoing: bool,
    /// Mail with more Received lines than this is refused: it runs in a circle.
    #[schemars(range(min = 20, max = 100))]
    pub max_hops: u32,
    /// Keep passwords in a form the box can read, which CRAM-MD5 and APOP need. Turned on, it counts for
    /// passwords set from then on. Off is safer.
    pub reversible_passwords: bool,
}

impl Default for General {
    fn default() -> General {
        General {
            host_name: "pillarbox.local".into(),
            default_domain: String::new(),
            local_domains: Vec::new(),
            main_administrator: String::new(),
            unknown_local_is_outgoing: false,
            max_hops: 100,
            reversible_passwords: false,
        }
    }
}
