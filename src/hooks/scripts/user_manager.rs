//! `UserManager.LUA`: login names (spec lua-hooks §21).

use crate::hooks::declare::{Declaration, Hook, hook};

pub static DECLARATION: Declaration = Declaration {
    name: "UserManager.LUA",
    meaning: "Translates login names. Since 8.0.",
    lifetime: "one call",
    functions: &[TranslateUsername::FUNCTION],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called at each login, before the password is looked at.
    TranslateUsername "TranslateUsername" since "8.0" [] (
        /// `POP3`, `IMAP4`, `SMTP` or `WEBMAIL`.
        protocol: String = "protocol",
        /// The name that was given.
        submitted: String = "submitted",
    ) -> TranslateUsernameReturned (
        /// The user it stands for.
        username: String = "username",
    )
}
