//! `mxout.lua`: sending straight to mail servers (spec lua-hooks §1).

use crate::hooks::datum::{Fields, Named};
use crate::hooks::declare::{Access, Declaration, Hook, hook, record};

pub static DECLARATION: Declaration = Declaration {
    name: "mxout.lua",
    meaning: "Controls sending straight to the recipients' mail servers.",
    lifetime: "one sending run",
    functions: &[
        CheckFile::FUNCTION,
        ServerDetails::FUNCTION,
        ParseUrl::FUNCTION,
        ModifyReturnPath::FUNCTION,
        ReturnCodeHandler::FUNCTION,
    ],
    globals: &[(Access::Read, ConnectionGlobals::RECORD)],
    per_user: false,
};

record! {
    /// The Mail Sender that is at work. Since 8.8.
    ConnectionGlobals {
        /// Number of the Mail Sender.
        id: i64 = "ConnectionId",
        /// Its name.
        name: String = "ConnectionName",
    }
}

record! {
    /// What is decided about a message in the queue so far.
    CheckFileActions {
        /// This attempt is the last: if it fails, the message goes back. Only where SkipSend is false.
        force_last_try: bool = "ForceLastTry",
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
    /// Called once for each message in the queue that this run might send, before any is sent.
    CheckFile "CheckFile" since "" [] (
        /// Name of the queue file. Nothing can be read under it.
        filename: String = "Filename",
        /// The decision so far; to be returned.
        actions: CheckFileActions = "Actions",
        /// Size in bytes.
        size: i64 = "Size",
        /// When it was queued, `YYYYMMDDHHMMSS`.
        creation_time: String = "CreationTime",
        /// Attempts made so far.
        retries: i64 = "Retries",
        /// The last attempt, `YYYYMMDDHHMMSS`; empty if there was none, or it is too long ago to be known.
        last_try_time: String = "LastTryTime",
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

record! {
    /// What is about to be sent, and to which server.
    ServerParameters {
        /// User who submitted the message, if he logged in.
        auth_sender: String = "authsender",
        /// Address that sent the message.
        originator: String = "originator",
        /// Mail server.
        server: String = "server",
        /// Domain of the recipients.
        domain: String = "domain",
        /// Size of the message, bytes.
        length: i64 = "length",
        /// Number of the Mail Sender. The reference product spells it so.
        connnid: i64 = "connnid",
        /// The same.
        connid: i64 = "connid",
        /// Name of the Mail Sender.
        connection: String = "connection",
    }
}

record! {
    /// How a server is talked to. Only the first two are documented for the reference product; the others are ours, and
    /// hold what the Mail Sender is set to.
    ServerActions {
        /// Use STARTTLS with this server where it is offered. 0: never.
        try_tls: bool = "tryTLS",
        /// The message goes to this server only encrypted. Since 6.17.
        force_tls: bool = "forceTLS",
        /// The name we give ourselves. Ours.
        helo: String = "helo",
        /// TCP port. Ours.
        port: i64 = "port",
        /// Seconds to wait for a connection. Ours.
        connect_timeout: i64 = "connectTimeout",
    }
}

hook! {
    /// Called before a server is connected, for the message that is to go first; changes how that is done.
    ServerDetails "ServerDetails" since "6.5" [] (
        /// What is sent, and where to.
        parameters: ServerParameters = "Parameters",
        /// The header's lines in order.
        header_lines: Vec<String> = "HeaderLines",
        /// How the server is talked to; to be returned.
        actions: ServerActions = "Actions",
    ) -> ServerDetailsReturned (
        /// How the server is talked to. Fields that are not in it stay as they were.
        actions: ServerActions = "Actions",
    )
}

hook! {
    /// Named by the reference product without a word on what it does.
    ParseUrl "ParseURL" since "8.0" [Ours Later] (
        /// An address on the web.
        url: String = "URL",
    ) -> ParseUrlReturned (
        /// What to use in its place.
        url: String = "URL",
    )
}

hook! {
    /// Called as each message is sent, to rewrite MAIL FROM, for instance for SRS.
    ModifyReturnPath "ModifyReturnPath" since "8.8" [] (
        /// What would be used: the return path as the Mail Sender's own settings make it.
        computed_mail_from: String = "ComputedMailFrom",
        /// The return path in the queue.
        mail_from: String = "MailFrom",
        /// The return path that the message came with.
        original_mail_from: String = "OriginalMailFrom",
        /// User who submitted the message, if he logged in.
        auth_sender: String = "AuthSender",
        /// Recipients of this transaction.
        recipients: Vec<String> = "Recipients",
        /// When it was queued, `YYYYMMDDHHMMSS`.
        creation_time: String = "CreationTime",
        /// The header's lines in order.
        headers: Vec<String> = "Headers",
        /// Size in bytes.
        size: i64 = "Size",
        /// Address the message came from; empty where it was made here.
        sender_ip_address: String = "SenderIPAddress",
        /// Subject.
        subject: String = "Subject",
        /// All recipients of the message.
        all_recipients: Vec<String> = "AllRecipients",
    ) -> ModifyReturnPathReturned (
        /// The new return path; an empty string is the null sender. Nothing: as computed.
        return_path: String = "ReturnPath",
    )
}

hook! {
    /// Called for each reply of the server.
    /// Commands then go one at a time.
    ReturnCodeHandler "ReturnCodeHandler" since "8.8" [] (
        /// The command that was sent; `AUTH` alone for a login, `.` for the end of a message, empty for the greeting.
        last_command: String = "LastCommand",
        /// The whole reply; lines are joined by CR LF.
        full_response: String = "FullResponse",
    ) -> ReturnCodeHandlerReturned (
        /// A reply to take in its place; must begin with a three-digit code. A 3xx can be neither made nor changed.
        response: String = "FullResponse",
    )
}
