//! Mappings, and Settings > Local mail > Domain Mappings (spec connectors-and-smtp §7.3, users-lists-admin §4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which mail a mapping is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MappingType {
    /// All mail.
    #[default]
    All,
    /// Mail that comes from outside by SMTP.
    Smtp,
    /// Mail of the office's own people: logged in, or from an address that may send out without.
    Local,
    /// Mail collected by POP3.
    Pop3,
}

/// Address → user, address elsewhere, other mail server, or nobody. Several for one address all apply. A mapping takes the
/// place of the user of that name: to keep him, map him to himself too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// A name (at every local domain, of a collector: every accepted domain), a full address, either with * and ?, or
    /// ~@domain for all of a domain that nothing else was found for.
    #[schemars(title = "Email address")]
    pub address: String,
    /// A user, an address, SMTP:address@server for another mail server of the office, *REMOTE (the address is elsewhere:
    /// mail of the office for it goes out, other mail for it is thrown away) or No-one (all is thrown away).
    #[schemars(extend("x-target" = true))]
    pub target: String,
    /// Which mail it is for.
    #[serde(rename = "type")]
    #[schemars(title = "Type")]
    pub mail_type: MappingType,
    /// A note.
    pub comment: String,
}

/// A domain that is written one way in the office and another way outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DomainMapping {
    /// The domain as the office writes it, such as office.local.
    pub internal: String,
    /// The domain as the world writes it. A recipient there counts as one at the internal domain, and the return path of
    /// mail that goes out from the internal domain is written with it.
    pub external: String,
}
