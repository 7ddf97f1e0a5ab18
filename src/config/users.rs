//! People > Users (spec users-lists-admin §1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// A number that stays and is never given again; the mailbox is kept under it. 0 is replaced by a free one.
    #[schemars(range(max = 4_294_967_295u32), extend("x-hidden" = true))]
    pub id: u32,
    /// Login name, and the part of the address before the @. Compared without regard to case.
    pub name: String,
    /// The person's name, for displays.
    pub full_name: String,
    /// May log in and gets mail.
    pub enabled: bool,
    /// May use the page and change settings.
    pub administrator: bool,
    /// Password, held as an Argon2id hash ($argon2id$…). A plain text given here is hashed when stored.
    pub password: Secret,
    /// The password itself, kept only while General > reversible passwords is on.
    pub clear_password: Option<Secret>,
    /// Further addresses of this user: a name (at every local domain) or a full address.
    pub aliases: Vec<String>,
}

impl Default for User {
    fn default() -> User {
        User {
            id: 0,
            name: String::new(),
            full_name: String::new(),
            enabled: true,
            administrator: false,
            password: Secret::default(),
            clear_password: None,
            aliases: Vec::new(),
        }
    }
}
