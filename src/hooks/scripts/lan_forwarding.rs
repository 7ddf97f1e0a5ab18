//! `LanForwarding.lua`: mail that goes straight to another server of the office (spec lua-hooks §4).

use crate::hooks::datum::Fields;
use crate::hooks::declare::{Access, Declaration, Hook, hook, record};

pub static DECLARATION: Declaration = Declaration {
    name: "LanForwarding.lua",
    meaning: "Changes LAN forwarding for a message. Since 8.7.",
    lifetime: "one recipient; for a mere check, one check",
    functions: &[PreprocessRules::FUNCTION, GetReturnPath::FUNCTION],
    globals: &[(Access::Read, MessageGlobals::RECORD)],
    per_user: false,
};

record! {
    /// What the script is called for.
    MessageGlobals {
        /// `message`: from outside the box. `internal`: written by the box. `check`: only to learn whether an address would
        /// be forwarded.
        message_type: String = "MessageType",
        /// For `check`: what asks, such as `rcpt`.
        message_type2: String = "MessageType2",
    }
}

record! {
    /// A LAN forwarding rule.
    Rule {
        /// Pattern of addresses; `*` and `?` stand for others, `~@domain` for all that is left of a domain.
        in_address: String = "InAddress",
        /// The server, with a port behind a colon if it is not 25.
        server_address: String = "ServerAddress",
        /// Login name.
        server_username: String = "ServerUsername",
        /// Password.
        server_password: String = "ServerPassword",
        /// The recipient as the server gets it; empty: as it is, `*@domain`: with another domain.
        out_address: String = "OutAddress",
        /// Handed on to GetReturnPath.
        comment: String = "Comment",
        /// Number of the rule.
        id: i64 = "ID",
        /// Handed on to GetReturnPath.
        extra_data: String = "ExtraData",
    }
}

hook! {
    /// Called before the rules are looked at, for each recipient.
    PreprocessRules "PreprocessRules" since "8.7" [Later] (
        /// Return path; may be empty in a check.
        return_path: String = "return path",
        /// Recipient.
        recipient: String = "recipient",
        /// 0: a message; 1: a check.
        check_mode: i64 = "check mode",
        /// Number of the Mail Collector that the message came by; -1 for SMTP.
        mail_collector: i64 = "mail collector",
        /// The part before the @; empty where the address is not of a local domain.
        local_part: String = "recipient local part",
        /// The part behind the @.
        domain: String = "recipient domain",
        /// The rules in order.
        rules: Vec<Rule> = "rules",
    ) -> PreprocessRulesReturned (
        /// The rules for this message.
        rules: Vec<Rule> = "rules",
    )
}

hook! {
    /// Called when a message is put into the queue for another server.
    GetReturnPath "GetReturnPath" since "8.7" [Later] (
        /// Return path.
        return_path: String = "return path",
        /// Recipient before it was rewritten.
        original_recipient: String = "original recipient",
        /// Recipient as the server gets it.
        target_recipient: String = "target recipient",
        /// Number of the Mail Collector that the message came by; -1 for SMTP.
        mail_collector: i64 = "mail collector",
        /// The server.
        target_server: String = "target server",
        /// Number of the rule.
        rule_id: i64 = "rule id",
        /// The rule's comment.
        rule_comment: String = "rule comment",
        /// The rule's extra data.
        rule_extra_data: String = "rule extra data",
    ) -> GetReturnPathReturned (
        /// The new return path.
        return_path: String = "return path",
    )
}
