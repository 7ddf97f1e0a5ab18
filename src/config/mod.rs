//! What the administrator decides: typed, documented, validated. One struct a page; its fields are the settings.
//!
//! A setting is defined once, here: its doc comment is the help text, its type, default, unit and range are the
//! form. From that come storage (JSON), validation, the JSON Schema of the web form, the import and export file (TOML)
//! and `docs/reference/settings.md`. Fields are never renamed without a serde alias.
//!
//! Readers take a snapshot ([`Published::current`]) and keep it as long as they like; a change is validated, stored by
//! the caller, and published as a new snapshot.

pub mod connections;
mod derived;
mod directory;
pub mod general;
mod networks;
pub mod password;
pub mod pattern;
pub mod secret;
pub mod services;
mod snapshot;
pub mod tls;
pub mod users;

use serde::{Deserialize, Serialize};

pub use connections::{
    Collector, CollectorEncryption, CollectorRouting, Connection, Login, RelayEncryption, RelayHost, Sender,
};
pub use derived::Derived;
pub use directory::{Directory, lower};
pub use general::General;
pub use networks::{LOCAL_NETWORKS, Network, Networks};
pub use secret::Secret;
pub use services::{Authentication, Pop3Service, ServiceEncryption, SmtpService, WebService};
pub use snapshot::Published;
pub use tls::{Dns, Tls};
pub use users::User;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub general: General,
    pub smtp: Vec<SmtpService>,
    pub pop3: Vec<Pop3Service>,
    pub web: WebService,
    pub connections: Vec<Connection>,
    pub users: Vec<User>,
    pub tls: Tls,
    pub dns: Dns,
    /// No setting: lookup tables, made at first use.
    #[serde(skip)]
    #[schemars(skip)]
    pub directory: Derived<Directory>,
}
