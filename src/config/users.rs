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
    /// May log in to the SMTP services.
    #[schemars(title = "Allowed protocols: SMTP")]
    pub allow_smtp: bool,
    /// May log in to the POP3 services.
    #[schemars(title = "Allowed protocols: POP3")]
    pub allow_pop3: bool,
    /// May send mail out of the office. The sender is known by his login, else by his address.
    #[schemars(title = "Allow sending of Internet mail")]
    pub allow_sending: bool,
    /// Gets mail from outside; off, that is refused as for an unknown recipient.
    #[schemars(title = "Allow receiving of Internet mail")]
    pub allow_receiving: bool,
    /// Largest message this user may send out of the office, as encoded: a third more than its attachments. 0 is no
    /// limit. The sender is known by his login, else by his address.
    #[schemars(range(max = 10_737_418_240u64), extend("x-unit" = "bytes"))]
    pub max_outgoing_message_size: u64,
    /// Where this user's mail stands among what waits to go out: 1 goes first, 100 last. The sender is known by his login,
    /// else by his address.
    #[schemars(title = "Priority", range(min = 1, max = 100))]
    pub outgoing_priority: u8,
    /// Hold this user's mail back for this time before it goes out, so that it can be stopped: an administrator may
    /// remove it meanwhile. 0: not at all.
    #[schemars(title = "Hold sent messages", range(max = 10_080), extend("x-unit" = "minutes"))]
    pub hold_sent_messages: u32,
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
            allow_smtp: true,
            allow_pop3: true,
            allow_sending: true,
            allow_receiving: true,
            max_outgoing_message_size: 0,
            outgoing_priority: 50,
            hold_sent_messages: 0,
        }
    }
}
