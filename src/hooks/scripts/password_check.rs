//! `passwordcheck.lua`: how good passwords must be (spec lua-hooks §20).

use crate::hooks::declare::{Declaration, Hook, hook};

pub static DECLARATION: Declaration = Declaration {
    name: "passwordcheck.lua",
    meaning: "Decides whether a password is good enough.",
    lifetime: "one call",
    functions: &[Check::FUNCTION],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called whenever a password is set.
    Check "Check" since "" [] (
        /// The user.
        username: String = "username",
        /// The password.
        password: String = "password",
        /// Shortest password that the settings allow.
        min_length: i64 = "minlength",
    ) -> CheckReturned (
        /// false: the password is refused.
        acceptable: bool = "acceptable",
    )
}
