//! `relayout.lua`: sending through a smarthost (spec lua-hooks §3).

use crate::hooks::datum::{Fields, Named};
use crate::hooks::declare::{Access, Declaration, Hook, hook, record};

pub use super::mxout::ModifyReturnPath;

pub static DECLARATION: Declaration = Declaration {
    name: "relayout.lua",
    meaning: "Controls sending through a smarthost.",
    lifetime: "one sending run",
    functions: &[
        Start::FUNCTION,
        ServerConnected::FUNCTION,
        ReturnCodeHandler::FUNCTION,
        CheckFile::FUNCTION,
        ModifyReturnPath::FUNCTION,
    ],
    globals: &[(Access::Read, SenderGlobals::RECORD), (Access::ReadWrite, RelayGlobals::RECORD)],
    per_user: false,
};

record! {
    /// The Mail Sender that is at work.
    SenderGlobals {
        /// Number of the Mail Sender.
        id: i64 = "senderid",
        /// Its name.
        name: String = "sendername",
        /// The smarthost, set just before ServerConnected. Since 6.7.
        connected_server: String = "ConnectedServer",
    }
}

record! {
    /// How the smarthost is used; looked at after Start and after ServerConnected.
    RelayGlobals {
        /// Sign the return path against forged bounces (BATV). Not looked at yet.
        use_batv: bool = "UseBATV",
        /// Messages on one connection; 0 is no limit. Since 6.7.
        max_messages_per_connection: i64 = "MaxMessagesPerConnection",
        /// Recipients on one connection; 0 is no limit. Since 6.7.
        max_recipients_per_connection: i64 = "MaxRecipientsPerConnection",
        /// Recipients of one transaction; 0 is no limit. Since 6.7.
        max_recipients_per_message: i64 = "MaxRecipientsPerMessage",
        /// The smarthost's certificate must be good. Since 8.8. What the Mail Sender is set to; not read back yet.
        verify_certificate: bool = "VerifyCertificate",
    }
}

hook! {
    /// Called when sending begins: the place to set the variables.
    Start "Start" since "" [] () -> StartReturned ()
}

hook! {
    /// Called when a smarthost is connected.
    ServerConnected "ServerConnected" since "6.7" [] () -> ServerConnectedReturned ()
}

hook! {
    /// Called for each reply of the smarthost, for instance to make a wrong 4xx a 5xx.
    /// Commands then go one at a time.
    ReturnCodeHandler "ReturnCodeHandler" since "5.0" [] (
        /// The command that was sent; `AUTH` alone for a login, `.` for the end of a message, empty for the greeting.
        last_command: String = "LastCommand",
        /// The whole reply; lines are joined by CR LF.
        full_response: String = "FullResponse",
        /// Its last line.
        last_line: String = "LastLine",
    ) -> ReturnCodeHandlerReturned (
        /// A reply to take in its place; must begin with a three-digit code. A 3xx can be neither made nor changed.
        response: String = "FullResponse",
    )
}

record! {
    /// What is decided about a message in the queue so far.
    CheckFileActions {
        /// Do not send in this run; the message stays in the queue.
        skip_send: bool = "SkipSend",
        /// Order in the run, 100 first, 1 last. 50 unless changed. Not looked at yet: messages go by their priority in the
        /// queue, which outmessage.lua may set.
        priority: i64 = "Priority",
        /// Logged where SkipSend is true.
        reason: String = "Reason",
    }
}

hook! {
    /// Called for each message that the Mail Sender is about to send.
    CheckFile "CheckFile" since "" [] (
        /// Name of the queue file. Nothing can be read under it.
        filename: String = "Filename",
        /// The decision so far; to be returned.
        actions: CheckFileActions = "Actions",
        /// Size in bytes.
        size: i64 = "Size",
        /// When it was queued, `YYYYMMDDHHMMSS`.
        creation_time: String = "CreationTime",
        /// Envelope sender.
        return_path: String = "ReturnPath",
        /// Envelope recipients.
        recipients: Vec<String> = "Recipients",
        /// Header fields by name; of repeated ones the first.
        header_data: Named<String> = "HeaderData",
        /// The header's lines in order.
        header_lines: Vec<String> = "HeaderLines",
    ) -> CheckFileReturned (
        /// The decision. Fields that are not in it stay as they were.
        actions: CheckFileActions = "Actions",
    )
}
