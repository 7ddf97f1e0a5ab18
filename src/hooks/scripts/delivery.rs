//! `delivery.lua`: delivery into a user's mailbox (spec lua-hooks §11).

use crate::hooks::datum::Fields;
use crate::hooks::declare::{Access, Declaration, Hook, hook, record};

pub static DECLARATION: Declaration = Declaration {
    name: "delivery.lua",
    meaning: "Changes how a message is delivered to a user. Functions have no arguments: everything passes through \
              global variables. Since 6.5.",
    lifetime: "one message to one user",
    functions: &[PreDeliver::FUNCTION, DeliverMessage::FUNCTION],
    globals: &[
        (Access::Read, MessageGlobals::RECORD),
        (Access::ReadWrite, PreDeliverGlobals::RECORD),
        (Access::ReadWrite, DeliverGlobals::RECORD),
    ],
    per_user: true,
};

record! {
    /// The message.
    MessageGlobals {
        /// The user it goes to.
        user: String = "User",
        /// Subject.
        subject: String = "Subject",
        /// Address that sent the message.
        originator: String = "Originator",
        /// A file with the message; empty: there is none yet.
        filename: String = "Filename",
        /// Size in bytes.
        message_size: i64 = "MessageSize",
        /// The spam filter's score.
        spam_score: f64 = "SpamScore",
        /// Header fields: `[1]` is the name, `[2]` what it holds.
        headers: Vec<Vec<String>> = "Headers",
    }
}

record! {
    /// Looked at after PreDeliver.
    PreDeliverGlobals {
        /// Addresses to forward to.
        forwards: Vec<String> = "Forwards",
        /// Header lines that take the place of those of the same name. No effect yet.
        header_mods: Vec<String> = "HeaderMods",
        /// Sender's address of what is forwarded. No effect yet.
        forwarding_sender_address: String = "ForwardingSenderAddress",
        /// Sender's name of what is forwarded. No effect yet.
        forwarding_sender_text: String = "ForwardingSenderText",
        /// Put it into quarantine. No effect yet: there is none.
        quarantine: bool = "Quarantine",
    }
}

record! {
    /// Looked at after DeliverMessage, whichever function has changed them. No effect yet: mailboxes have one folder and no flags.
    DeliverGlobals {
        /// Deliver as held.
        held: bool = "Held",
        /// Deliver as read.
        seen: bool = "Seen",
        /// Deliver as flagged.
        flagged: bool = "Flagged",
        /// IMAP keywords.
        keywords: Vec<String> = "Keywords",
        /// Folders.
        folders: Vec<String> = "Folders",
    }
}

hook! {
    /// Called at the start of delivery, after the message rules.
    PreDeliver "PreDeliver" since "6.20" [] () -> PreDeliverReturned ()
}

hook! {
    /// Called in the middle of delivery, if the message still goes to a folder.
    DeliverMessage "DeliverMessage" since "6.5" [] () -> DeliverMessageReturned ()
}
