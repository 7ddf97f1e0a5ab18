//! `Autoresponder.lua`: automatic answers (spec lua-hooks §15).

use crate::hooks::datum::{Fields, Raw};
use crate::hooks::declare::{Access, Declaration, Hook, hook, record};

pub static DECLARATION: Declaration = Declaration {
    name: "Autoresponder.lua",
    meaning: "Changes automatic answers.",
    lifetime: "one answer",
    functions: &[PreProcessAutoresponder::FUNCTION, PostProcessAutoresponder::FUNCTION],
    globals: &[(Access::ReadWrite, AutoresponderGlobals::RECORD)],
    per_user: false,
};

record! {
    /// The autoresponder.
    Autoresponder {
        /// Its number.
        id: i64 = "ID",
        /// Number of the user it belongs to.
        owner_id: i64 = "OwnerID",
        /// Its name.
        name: String = "Name",
        /// The answer. Made empty by PreProcessAutoresponder: no answer.
        text: String = "Text",
        /// Keep the message.
        keep: bool = "Keep",
        /// Hours to look back for an earlier answer to the same sender.
        check_log: i64 = "CheckLog",
        /// Sender of the answer.
        sender: String = "Sender",
        /// Reply-To of the answer.
        reply_to: String = "ReplyTo",
        /// Subject of the answer.
        subject: String = "Subject",
        /// What comes before the message's own subject.
        subject_prefix: String = "SubjectPrefix",
        /// Append the message: `none`, `headers` or `full`.
        append_msg: String = "AppendMsg",
        /// Who gets the answer; `*`: the sender.
        to: Vec<String> = "To",
        /// Names of attachments.
        attachments: Vec<String> = "Attachments",
        /// Who gets a copy of the message.
        copy_to: Vec<String> = "CopyTo",
    }
}

record! {
    /// The rule that has set off the answer.
    AutoresponderRule {
        /// Its number.
        id: i64 = "ID",
        /// Number of the autoresponder.
        autoresponder_id: i64 = "Autoresponder ID",
    }
}

record! {
    /// For both functions.
    AutoresponderGlobals {
        /// The autoresponder; read back.
        autoresponder: Autoresponder = "Autoresponder",
        /// The rule.
        rule: AutoresponderRule = "AutoresponderRule",
    }
}

hook! {
    /// Called before the answer is made.
    PreProcessAutoresponder "PreProcessAutoresponder" since "" [Later] (
        /// The user.
        username: String = "username",
        /// The message that is answered.
        incoming_message: Raw = "incoming_message",
    ) -> PreProcessAutoresponderReturned ()
}

hook! {
    /// Called when the answer is made.
    PostProcessAutoresponder "PostProcessAutoresponder" since "" [Later] (
        /// The user.
        username: String = "username",
        /// The answer.
        generated_message: Raw = "generated_message",
        /// The message that is answered.
        incoming_message: Raw = "incoming_message",
    ) -> PostProcessAutoresponderReturned (
        /// The answer; empty: none.
        message: Raw = "message",
    )
}
