//! What the administrator decides: typed, documented, validated. One struct a page; its fields are the settings.
//!
//! A setting is defined once, here: its doc comment is the help text, its type, default, unit and range are the
//! form. From that come storage (JSON), validation, the JSON Schema of the web form, the import and export file (TOML)
//! and `docs/reference/settings.md`. Fields are never renamed without a serde alias.
//!
//! Readers take a snapshot ([`Published::current`]) and keep it as long as they like; a change is validated, stored by
//! the caller, and published as a new snapshot.

pub mod access;
pub mod admin;
pub mod appliance;
mod blank;
mod check;
pub mod collectors;
pub mod connections;
mod cross;
mod defaults;
mod derived;
mod difference;
mod directory;
mod dns;
mod exchange;
mod export;
mod fresh;
pub mod general;
mod ids;
mod invalid;
pub mod lan;
mod lan_export;
pub mod mappings;
mod networks;
pub mod password;
mod prepare;
pub mod reference;
pub mod routing;
pub mod rules;
pub mod schedule;
pub mod schema;
pub mod scripts;
pub mod secret;
mod secrets;
pub mod security;
pub mod senders;
pub mod services;
mod snapshot;
mod timetable;
pub mod tls;
pub mod users;

use serde::{Deserialize, Serialize};

pub use access::{ANY, AccessList, AccessRow, AccessRule, ROUTERS, Restrict, Who};
pub use admin::Admin;
pub use appliance::Appliance;
pub use blank::without_secrets;
pub use collectors::{CollectionMethod, Collector, CollectorEncryption, Odmr, Pop3Authentication, SmtpFeed};
pub use connections::{Connection, Login};
pub use defaults::NoDefaults;
pub use derived::Derived;
pub use difference::Difference;
pub use directory::{Directory, Entry as MappingEntry, Lowered, Target as MappingTarget, lower};
pub use dns::{Dns, name_servers};
pub use exchange::read_file;
pub use general::General;
pub use ids::Ids;
pub use invalid::Invalid;
pub use lan::{Lan, LanCondition, LanRule};
pub use mappings::{DomainMapping, Mapping, MappingType};
pub use networks::{LOCAL_NETWORKS, Network, Networks};
pub use routing::{CollectorRouting, RoutingErrorAction, RoutingErrors, RoutingHeader, RoutingOptions};
pub use rules::{DownloadAction, DownloadRule, RuleList, SmtpAction, SmtpRule};
pub use schedule::{ConnectTo, Schedule, ScheduleItem, Weekday};
pub use scripts::Scripts;
pub use secret::Secret;
pub use secrets::STARS;
pub use security::{Ids as IntrusionLog, Ips, LoginProtection, Security};
pub use senders::{LoginMethod, RelayEncryption, RelayHost, RetryStep, ReturnAddress, Sender, SendingMethod};
pub use services::{AntiRelay, Authentication, Pop3Service, RblAction, ServiceEncryption, SmtpService, WebService};
pub use snapshot::Published;
pub use timetable::{Moment, Timetable};
pub use tls::Tls;
pub use users::User;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Names, domains and limits of the box as a whole.
    pub general: General,
    /// What the main administrator is told.
    #[schemars(title = "Admin Settings")]
    pub admin: Admin,
    /// Services that take mail: from the office's programs and machines, and from other servers.
    #[schemars(title = "SMTP")]
    pub smtp: Vec<SmtpService>,
    /// Services that mail programs read mailboxes with.
    #[schemars(title = "POP3")]
    pub pop3: Vec<Pop3Service>,
    /// The page in the browser.
    pub web: WebService,
    /// Providers: how mail is sent through them, and when.
    pub connections: Vec<Connection>,
    /// When Connections run by themselves.
    #[schemars(title = "Connector Schedule")]
    pub schedule: Schedule,
    /// Mailboxes at providers that mail is fetched from.
    #[schemars(title = "Mail Collectors")]
    pub collectors: Vec<Collector>,
    /// What happens to messages at providers before they are downloaded. Rules in order, shared by all collectors that
    /// use them; the first that matches decides. Messages that no rule matches are downloaded.
    pub download_rules: RuleList<DownloadRule>,
    /// People with a mailbox here.
    pub users: Vec<User>,
    /// Further addresses: of users, of people elsewhere, of nobody.
    pub mappings: Vec<Mapping>,
    /// Domains that are written one way in the office and another way outside.
    pub domain_mappings: Vec<DomainMapping>,
    /// Mail that goes straight to another mail server of the office.
    #[schemars(title = "LAN forwarding")]
    pub lan: Lan,
    /// What holds for the clients of all services.
    pub security: Security,
    /// Lua scripts.
    pub scripts: Scripts,
    /// Certificate and trust.
    #[schemars(title = "TLS")]
    pub tls: Tls,
    /// Name servers.
    #[schemars(title = "DNS")]
    pub dns: Dns,
    /// What counts only on the flashable image: the name in the office's network, the clock.
    pub appliance: Appliance,
    /// No setting: the highest numbers given so far.
    #[schemars(skip)]
    pub ids: Ids,
    /// No setting: lookup tables, made at first use.
    #[serde(skip)]
    #[schemars(skip)]
    pub directory: Derived<Directory>,
}
