//! `user_redirect.lua`: where mail to a user goes (spec lua-hooks §10).

use crate::hooks::datum::Fields;
use crate::hooks::declare::{Access, Declaration, record};

pub static DECLARATION: Declaration = Declaration {
    name: "user_redirect.lua",
    meaning: "Changes where mail to a user goes. The whole script is run, without a function: it reads and changes \
              global variables, which hold for the message in hand.",
    lifetime: "one message to one user",
    functions: &[],
    globals: &[(Access::ReadWrite, RedirectGlobals::RECORD)],
    per_user: true,
};

record! {
    /// What happens to messages of a certain size.
    SizeRedirect {
        /// Addresses, with commas or semicolons between them.
        target: String = "Target",
        /// The size, kB.
        threshold: f64 = "Threshold",
        /// The user gets the message as well.
        copy: bool = "Copy",
        /// Counts for messages that are larger; false: for smaller ones.
        bigger: bool = "Bigger",
    }
}

record! {
    /// The user's settings.
    RedirectGlobals {
        /// The user's Assistants.
        assistants: String = "Assistants",
        /// Redirect to Assistant.
        redirect_to_assistant: bool = "RedirectToAssistant",
        /// Forward To.
        forwards: String = "Forwards",
        /// Use Forwarding.
        use_forwards: bool = "UseForwards",
        /// Deliver to the user as well, unless a forward or an assistant says otherwise.
        send_to_normal_recipient: bool = "SendToNormalRecipient",
        /// false: no assistants, no forwarding.
        should_forward: bool = "ShouldForward",
        /// For large messages.
        big_redirect: SizeRedirect = "BigRedirect",
        /// For small messages.
        small_redirect: SizeRedirect = "SmallRedirect",
    }
}
