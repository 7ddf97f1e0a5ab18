//! Connectors > Mail Collectors > POP3 Routing: who gets collected mail (spec connectors-and-smtp §4.5–§4.7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who gets the collected mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub enum CollectorRouting {
    /// Everything to this user, on to this address, or on to another mail server of the office
    /// (SMTP:address@server, SMTP:address@user:password@server:port).
    SendTo(#[schemars(extend("x-target" = true))] String),
    /// To the people named in the headers (a catch-all mailbox). Only addresses that match one of these accepted domains
    /// count: a domain, a full address, or a pattern with * and ?.
    ByHeaders {
        /// Domains, full addresses or patterns of ours.
        accepted_domains: Vec<String>,
    },
    /// Several people share one address: a copy for each whose name stands in front of it in To or Cc, as the user's name
    /// or full name.
    SingleAddress {
        /// The address they share.
        address: String,
        /// A user or address for mail that names nobody known.
        #[schemars(extend("x-target" = true))]
        otherwise: String,
    },
    /// To the user or alias that stands in the Subject.
    SubjectMarker {
        /// How it is marked, with * for the name, such as [*] or (for *).
        marker: String,
        /// A user or address for mail without a known name.
        #[schemars(extend("x-target" = true))]
        otherwise: String,
    },
}

impl Default for CollectorRouting {
    fn default() -> CollectorRouting {
        CollectorRouting::SendTo(String::new())
    }
}

/// Configure Routing Options: how recipients are found in headers (spec §4.5, §4.6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingOptions {
    /// Only mappings and aliases lead to users, not their names: for several companies that share the box.
    #[schemars(title = "Disable default user → user mappings")]
    pub disable_default_mappings: bool,
    /// Standard headers that are looked at. Where special header fields hold every recipient, none is needed.
    pub headers: Vec<RoutingHeader>,
    /// Headers in which the provider writes down the recipient: X-RCPTTO (the whole value), "X-Recipient: account-51 * ok"
    /// (* is the recipient), "X-Recipient: abc * ~" (~ is anything), "X-Recipient: /for (.+) by/" (a regular expression).
    #[schemars(title = "Special Header Fields")]
    pub special_headers: Vec<String>,
}

impl Default for RoutingOptions {
    fn default() -> RoutingOptions {
        RoutingOptions {
            disable_default_mappings: false,
            headers: RoutingHeader::ALL.to_vec(),
            special_headers: Vec::new(),
        }
    }
}

/// Routing Errors: mail in whose headers nobody here is named (spec §4.7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingErrors {
    /// What happens to it.
    pub action: RoutingErrorAction,
    /// The user of error-to-user and mail-to-user.
    #[schemars(extend("x-target" = true))]
    pub user: String,
    /// Said in a bounce. Empty: that nobody here has the address.
    pub bounce_text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoutingHeader {
    /// To.
    To,
    /// Cc.
    Cc,
    /// Received, the address after "for".
    Received,
    /// Apparently-To.
    ApparentlyTo,
    /// Resent-To.
    ResentTo,
    /// Resent-Cc.
    ResentCc,
}

impl RoutingHeader {
    pub const ALL: [RoutingHeader; 6] = [
        RoutingHeader::To,
        RoutingHeader::Cc,
        RoutingHeader::Received,
        RoutingHeader::ApparentlyTo,
        RoutingHeader::ResentTo,
        RoutingHeader::ResentCc,
    ];
}

/// What happens to a collected mail in whose headers nobody here is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoutingErrorAction {
    /// Send an error message to the Main Administrator, with the mail attached.
    #[default]
    ErrorToAdministrator,
    /// Send the mail to the Main Administrator, as if it were addressed there.
    MailToAdministrator,
    /// Send an error message to a user, with the mail attached.
    ErrorToUser,
    /// Send the mail to a user, as if it were addressed there.
    MailToUser,
    /// Bounce it to the sender and keep no copy. Replies to forged spam hit the wrong people: not for a catch-all mailbox
    /// that gets spam. Bounces, lists and automatic mail are never answered; they go to the Main Administrator.
    Bounce,
    /// Bounce it to the sender and send the mail to the Main Administrator.
    BounceAndMailToAdministrator,
}
