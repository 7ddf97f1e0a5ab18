//! `monitor.lua`: copies of mail for a supervisor (spec lua-hooks §16). The name of the file is ours.

use crate::hooks::declare::{Declaration, Hook, hook};

use super::process_message::Attachment;

pub static DECLARATION: Declaration = Declaration {
    name: "monitor.lua",
    meaning: "Decides who gets copies of monitored mail. Since 6.15. The name of the file is ours.",
    lifetime: "one message",
    functions: &[MonitorOut::FUNCTION, MonitorInternal::FUNCTION, MonitorIncoming::FUNCTION],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called for mail that goes out.
    MonitorOut "MonitorOut" since "6.15" [Later] (
        /// Sender.
        sender: String = "sender",
        /// The user who has logged in; empty if none.
        authenticated_sender: String = "authenticated_sender",
        /// Addresses of the recipients.
        recipient_list: Vec<String> = "recipient_list",
        /// Subject.
        subject: String = "subject",
        /// Size in bytes. Since 6.17, as what follows.
        size: i64 = "size",
        /// Its attachments.
        attachments: Vec<Attachment> = "attachments",
        /// Recipients in To.
        to_recipients: Vec<String> = "ToRecipients",
        /// Recipients in Cc.
        cc_recipients: Vec<String> = "CcRecipients",
        /// Recipients that no header names.
        bcc_recipients: Vec<String> = "BccRecipients",
        /// Address the message came from.
        client_ip_address: String = "ClientIPAddress",
    ) -> MonitorOutReturned (
        /// Addresses that get the copy, with semicolons between them; `noone`: nobody.
        target: String = "target",
    )
}

/// Declares one of the other two, which have one signature.
macro_rules! monitor {
    ($meaning:literal $name:ident $function:literal $returned:ident) => {
        hook! {
            #[doc = $meaning]
            $name $function since "6.15" [Later] (
                /// Sender.
                sender: String = "sender",
                /// User names of the recipients.
                recipient_list: Vec<String> = "recipient_list",
                /// Subject.
                subject: String = "subject",
                /// Size in bytes. Since 6.17, as what follows.
                size: i64 = "size",
                /// Its attachments.
                attachments: Vec<Attachment> = "attachments",
            ) -> $returned (
                /// Addresses that get the copy, with semicolons between them; `noone`: nobody.
                target: String = "target",
            )
        }
    };
}

monitor! { "Called for mail inside the office." MonitorInternal "MonitorInternal" MonitorInternalReturned }
monitor! { "Called for mail from outside." MonitorIncoming "MonitorIncoming" MonitorIncomingReturned }
