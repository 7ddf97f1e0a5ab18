//! Settings > General, and Settings > Local mail (spec users-lists-admin §5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct General {
    /// The name this box gives itself towards other mail servers, and in its certificate. Best a name that exists in
    /// DNS, such as mail.office.example.
    #[schemars(extend("x-keep" = true))]
    pub host_name: String,
    /// Added to addresses without a domain, and used for mail the box writes itself. One domain.
    #[schemars(extend("x-keep" = true))]
    pub default_domain: String,
    /// Domains whose mail is kept here. `*` stands for any run of characters, `?` for one. Single addresses are allowed.
    #[schemars(extend("x-keep" = true))]
    pub local_domains: Vec<String>,
    /// The user who gets error messages and mail for postmaster.
    #[schemars(extend("x-keep" = true))]
    pub main_administrator: String,
    /// Send mail for unknown recipients of the local domains out instead of refusing it, when the sender is in the
    /// office or logged in. For a domain whose mailboxes are partly elsewhere.
    pub unknown_local_is_outgoing: bool,
    /// Take mail that comes by SMTP only for addresses of mappings and aliases, not for each user's own name. For several
    /// companies on one box.
    #[schemars(title = "Disable default user → user mappings for SMTP mail")]
    pub disable_default_mappings: bool,
    /// Send everything that the office hands in by SMTP out, also mail for the local domains. Rarely right: mail among
    /// the office's own people then takes the way through the provider.
    #[schemars(title = "Send all SMTP mail out")]
    pub send_all_smtp_mail_out: bool,
    /// The time zone of the office, such as Europe/Berlin: what times of day in the schedule and in rules mean, and what the
    /// dates are in that are written on mail. Empty: that of the system.
    #[schemars(extend("x-keep" = true))]
    pub time_zone: String,
    /// Mail with more Received lines than this is refused: it runs in a circle.
    #[schemars(range(min = 20, max = 100))]
    pub max_hops: u32,
    /// Collect by POP3 without asking for the sizes of messages first. Counts for collectors without a size limit and
    /// without download rules.
    #[schemars(title = "Use fastest POP3 download method")]
    pub fastest_pop3_download: bool,
    /// Remember messages that a provider no longer lists for so much longer than they were left there. 0 helps with a
    /// provider that gives the identifiers of old messages to new ones, and is safe only where nothing else collects.
    #[schemars(title = "Hold obsolete UIDLs", range(max = 3650), extend("x-unit" = "days"))]
    pub hold_obsolete_uids: u32,
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
            disable_default_mappings: false,
            send_all_smtp_mail_out: false,
            time_zone: String::new(),
            max_hops: 100,
            fastest_pop3_download: false,
            hold_obsolete_uids: 14,
            reversible_passwords: false,
        }
    }
}
