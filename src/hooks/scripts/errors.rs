//! `errors.lua`: messages to the administrator (spec lua-hooks §17). The name of the file is ours.

use crate::hooks::declare::{Declaration, Hook, hook};

pub static DECLARATION: Declaration = Declaration {
    name: "errors.lua",
    meaning: "Changes or suppresses messages that the box writes to the administrator. The name of the file is ours.",
    lifetime: "one message",
    functions: &[ProcessMessage3::FUNCTION],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called for each error message, after its text was made.
    ProcessMessage3 "ProcessMessage3" since "" [] (
        /// 1: Mail Sender, 2: Mail Collector, 8: other, 32: routing. More than the first two are ours.
        component: i64 = "component",
        /// Number of the Mail Sender or Mail Collector.
        id: i64 = "id",
        /// Kind of the message.
        kind: i64 = "type",
        /// 1: a notice, 2: a warning, 4: an error. Ours.
        severity: i64 = "severity",
        /// Code of the error.
        error: i64 = "error",
        /// It is an error of a connection.
        connect_error: bool = "connect_error",
        /// Number of the subject's template.
        title_id: i64 = "title_id",
        /// Subject.
        title: String = "title",
        /// Number of the text's template.
        template_id: i64 = "template_id",
        /// Text.
        message: String = "message",
        /// Recipient.
        target: String = "target",
        /// Sender.
        sender: String = "sender",
    ) -> ProcessMessage3Returned (
        /// Subject.
        title: String = "title",
        /// Text.
        message: String = "message",
        /// Recipient; empty: the message is not sent.
        target: String = "target",
        /// Sender.
        sender: String = "sender",
        /// Send it even where the settings would not.
        force: bool = "force",
    )
}
