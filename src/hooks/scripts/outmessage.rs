//! `outmessage.lua`: messages that are added to the outgoing queue (spec lua-hooks §9).

use crate::hooks::datum::{NumberOrText, Raw};
use crate::hooks::declare::{Declaration, Hook, hook, record};

pub static DECLARATION: Declaration = Declaration {
    name: "outmessage.lua",
    meaning: "Changes priority, holding and lifetime of a message that is added to the outgoing queue.",
    lifetime: "one message",
    functions: &[NewMessage::FUNCTION],
    globals: &[],
    per_user: false,
};

record! {
    /// What becomes of the message. Fields that are not in it stay as they were.
    NewMessageActions {
        /// Smaller goes first.
        priority: i64 = "Priority",
        /// `hold`: held until somebody releases it; anything else: not held. The name of this field is ours.
        hold: String = "Hold",
        /// Until when it is held: a date (ISO 8601 or `YYYYMMDDHHMMSS`), or seconds from now.
        hold_until: NumberOrText = "HoldUntil",
        /// When it is deleted: `none`, a date, or seconds from now.
        delete_after: NumberOrText = "DeleteAfter",
    }
}

hook! {
    /// Called each time a message is added to the outgoing queue.
    NewMessage "NewMessage" since "" [] (
        /// User who submitted the message, if he logged in.
        authenticated_sender: String = "AuthenticatedSender",
        /// Envelope sender.
        return_path: String = "ReturnPath",
        /// Now, `YYYYMMDDHHMMSS`.
        creation_date: String = "CreationDate",
        /// Subject.
        subject: String = "Subject",
        /// Address the message came from; empty where it was made here.
        sender_ip_address: String = "SenderIPAddress",
        /// Size in bytes.
        file_length: i64 = "FileLength",
        /// Smaller goes first.
        priority: i64 = "Priority",
        /// The header's lines in order.
        headers: Vec<String> = "Headers",
        /// The whole message; of one above 64 KiB, its header.
        message: Raw = "Message",
        /// Seconds it is held; 0: not at all.
        hold_seconds: i64 = "HoldSeconds",
        /// Seconds until it is deleted; 0: never.
        delete_after_seconds: i64 = "DeleteAfterSeconds",
    ) -> NewMessageReturned (
        /// What becomes of the message.
        actions: NewMessageActions = "Actions",
    )
}
