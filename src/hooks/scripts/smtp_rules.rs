//! `smtprules_N.lua`: SMTP rules, N the number of the service (spec lua-hooks §7).

use crate::hooks::declare::{Declaration, Hook, hook, record};

pub static DECLARATION: Declaration = Declaration {
    name: "smtprules_<n>.lua",
    meaning: "Takes part in the SMTP rules of service number n: after MAIL FROM, after each RCPT TO, and when the whole \
              message is there. Rules with the action \"Call Lua Function\" name functions of their own, with the same \
              arguments and returned values.",
    lifetime: "one session",
    functions: &[First::FUNCTION, Last::FUNCTION],
    globals: &[],
    per_user: false,
};

record! {
    /// The message. What comes from its header is empty before the whole message is there.
    MessageData {
        /// Envelope sender.
        mail_from: String = "MailFrom",
        /// The client's address.
        client_ip_address: String = "ClientIPAddress",
        /// The user who has logged in; empty if none.
        auth_user: String = "AuthUser",
        /// Address in From.
        header_from: String = "HeaderFrom",
        /// Name in From.
        header_from_text_name: String = "HeaderFromTextName",
        /// Subject.
        subject: String = "Subject",
        /// Envelope recipients.
        recipients: Vec<String> = "Recipients",
        /// Envelope recipients that no header names.
        bcc_recipients: Vec<String> = "BccRecipients",
        /// The header's lines in order.
        header: Vec<String> = "Header",
    }
}

/// Declares a function with the one signature that all of this script's have.
macro_rules! rule_function {
    ($meaning:literal $name:ident $function:literal $returned:ident) => {
        hook! {
            #[doc = $meaning]
            $name $function since "" [Later] (
                /// The message.
                message: MessageData = "message",
                /// Its size in bytes.
                size: i64 = "size",
                /// 1: after MAIL FROM, 2: after RCPT TO, 3: the whole message is there.
                position: i64 = "position",
                /// Header lines that take the place of those of the same name, so far.
                header_modifiers: Vec<String> = "headerModifiers",
                /// Name of the rule; or `First`, `Last`.
                rule: String = "rule",
            ) -> $returned (
                /// 0: nothing, 1: accept, 2: reject, 3: redirect, 4: copy. All but 0 end the rules.
                action: i64 = "action",
                /// Number of the rule, for the log.
                rule_number: i64 = "ruleNumber",
                /// Name of the rule, for the log.
                rule_name: String = "ruleName",
                /// Address to redirect or copy to, or the text of the refusal.
                data: String = "data",
                /// Takes the place of the fourth argument.
                header_modifiers: Vec<String> = "headerModifiers",
                /// Keep the client out for a while.
                block_ip: bool = "blockIP",
                /// End the session after this message.
                disconnect: bool = "disconnect",
                /// Hold the message.
                hold: bool = "hold",
                /// A refusal is for now only: 4xx.
                temporary: bool = "temporary",
                /// IMAP keywords of the message.
                keywords: Vec<String> = "keywords",
            )
        }
    };
}

rule_function! { "Called before the rules." First "First" FirstReturned }
rule_function! { "Called after the rules, if none has ended them." Last "Last" LastReturned }
