//! IP access restrictions: which addresses a service is for (spec connectors-and-smtp §8.3).
//!
//! Rows in order; the first whose network has the client's address decides. No rows: everybody. Rows, but none for this
//! client: nobody. What a row means is worked out once a snapshot ([`AccessList::rows`]); whether an address is in a
//! local network or a router's is for `policy` to find out.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::Derived;
use super::networks::{LOCAL_NETWORKS, Network, NetworkError};

/// The word for every address.
pub const ANY: &str = "any";
/// The word for the box's default gateways.
pub const ROUTERS: &str = "routers";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restrict {
    /// May use the service.
    #[default]
    Allow,
    /// May not.
    Block,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub struct AccessRule {
    /// Whether these addresses may use the service.
    pub restrict: Restrict,
    /// "any", "local-networks" (the networks the box is in, and the box itself), "routers" (its default gateways, also the
    /// address of forwarded connections), a network such as 192.168.1.0/24 or 2001:db8::/32, or one address.
    pub network: String,
    /// Needs no login though others do. On SMTP: may send out without one, and counts as local.
    #[schemars(title = "Allow unauth")]
    pub no_auth: bool,
    /// Only these users may log in from here. Nobody listed: all.
    pub users: Vec<String>,
    /// For people.
    pub comment: String,
}

impl AccessRule {
    pub fn allow(network: &str) -> AccessRule {
        AccessRule { network: network.into(), ..AccessRule::default() }
    }

    pub fn block(network: &str) -> AccessRule {
        AccessRule { restrict: Restrict::Block, ..AccessRule::allow(network) }
    }

    /// With no login needed.
    pub fn trust(network: &str) -> AccessRule {
        AccessRule { no_auth: true, ..AccessRule::allow(network) }
    }
}

/// Whose address a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Any,
    LocalNetworks,
    Routers,
    Network(Network),
}

impl Who {
    pub fn parse(text: &str) -> Result<Who, NetworkError> {
        let words = [(ANY, Who::Any), (LOCAL_NETWORKS, Who::LocalNetworks), (ROUTERS, Who::Routers)];
        let word = words.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
        word.map_or_else(|| Network::parse(text.trim()).map(Who::Network), |(_, who)| Ok(who))
    }

    pub fn is_everybody(&self) -> bool {
        match self {
            Who::Any => true,
            Who::Network(network) => network.is_everything(),
            Who::LocalNetworks | Who::Routers => false,
        }
    }
}

/// A row, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRow {
    pub who: Who,
    pub allow: bool,
    pub no_auth: bool,
    /// In lower case; empty for all.
    pub users: Vec<String>,
}

/// The rows of one service, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<AccessRule>", into = "Vec<AccessRule>")]
pub struct AccessList {
    rules: Vec<AccessRule>,
    rows: Derived<Vec<AccessRow>>,
}

impl AccessList {
    pub fn rules(&self) -> &[AccessRule] {
        &self.rules
    }

    /// The rows as they are matched. One that cannot be read is left out; validation keeps it out of the settings.
    pub fn rows(&self) -> &[AccessRow] {
        self.rows.get_or_make(|| self.rules.iter().filter_map(row).collect())
    }
}

fn row(rule: &AccessRule) -> Option<AccessRow> {
    let users = rule.users.iter().map(|user| super::lower(user.trim()).into_owned());
    let allow = rule.restrict == Restrict::Allow;
    Some(AccessRow {
        who: Who::parse(&rule.network).ok()?,
        allow,
        no_auth: allow && rule.no_auth,
        users: users.collect(),
    })
}

impl From<Vec<AccessRule>> for AccessList {
    fn from(rules: Vec<AccessRule>) -> AccessList {
        AccessList { rules, rows: Derived::default() }
    }
}

impl<const N: usize> From<[AccessRule; N]> for AccessList {
    fn from(rules: [AccessRule; N]) -> AccessList {
        Vec::from(rules).into()
    }
}

impl From<AccessList> for Vec<AccessRule> {
    fn from(list: AccessList) -> Vec<AccessRule> {
        list.rules
    }
}

/// On the outside it is the list of its rules.
impl JsonSchema for AccessList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AccessList".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<AccessRule>::json_schema(generator)
    }
}

/// The list that opens a service to the office and to nobody else; routers are kept out first, since what they forward
/// comes from anywhere.
pub fn for_the_lan() -> AccessList {
    [AccessRule::block(ROUTERS), AccessRule::trust(LOCAL_NETWORKS)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_networks_are_read() {
        for (text, who) in [("any", Who::Any), (" Routers ", Who::Routers), ("LOCAL-networks", Who::LocalNetworks)] {
            assert_eq!(Who::parse(text), Ok(who));
        }
        assert!(Who::parse("10.0.0.0/8").is_ok_and(|who| !who.is_everybody()));
        assert!(Who::parse("::/0").is_ok_and(|who| who.is_everybody()));
        assert!(Who::parse("office").is_err());
    }

    #[test]
    fn a_list_is_stored_as_its_rules() {
        let list = for_the_lan();
        let value = serde_json::to_value(&list).unwrap();
        assert_eq!(value[0]["restrict"], "block");
        assert_eq!(serde_json::from_value::<AccessList>(value).unwrap(), list);
        let rows: Vec<_> = list.rows().iter().map(|row| (row.who, row.allow, row.no_auth)).collect();
        assert_eq!(rows, [(Who::Routers, false, false), (Who::LocalNetworks, true, true)]);
    }
}
