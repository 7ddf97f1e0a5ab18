//! `SMTPSVR.LUA`: sessions of the SMTP services (spec lua-hooks §6).
//!
//! Functions of commands return nothing or an empty string for the usual reply, or a whole reply with its code.

use crate::hooks::datum::{Fields, Named};
use crate::hooks::declare::{Access, Declaration, Hook, hook, record};

pub use super::process_message::ProcessMessage;

pub static DECLARATION: Declaration = Declaration {
    name: "SMTPSVR.LUA",
    meaning: "Takes part in the sessions of the SMTP services.",
    lifetime: "one session",
    functions: &[
        Start::FUNCTION,
        RblResults::FUNCTION,
        LoadLimits::FUNCTION,
        GetMaxMessageSize::FUNCTION,
        GetEhloCapabilities::FUNCTION,
        DoHelo::FUNCTION,
        DoHelp::FUNCTION,
        DoQuit::FUNCTION,
        DoNoop::FUNCTION,
        DoRset::FUNCTION,
        DoVrfy::FUNCTION,
        DoExpn::FUNCTION,
        DoMailFrom::FUNCTION,
        DoRcptTo::FUNCTION,
        DoDataStart::FUNCTION,
        DoUnrecognised::FUNCTION,
        ProcessMessage::FUNCTION,
        StartMessage::FUNCTION,
        MessageLineRaw::FUNCTION,
        MessageLine::FUNCTION,
        EndMessage::FUNCTION,
        CheckRecipients::FUNCTION,
        MonitorBcc::FUNCTION,
        LogRecipients::FUNCTION,
        LogRecipientsBlocked::FUNCTION,
        End::FUNCTION,
    ],
    globals: &[
        (Access::Read, SessionGlobals::RECORD),
        (Access::ReadWrite, ControlGlobals::RECORD),
        (Access::ReadWrite, RblGlobals::RECORD),
    ],
    per_user: false,
};

record! {
    /// The session.
    SessionGlobals {
        /// The client's address.
        ip_address: String = "IPAddress",
        /// Number of the SMTP service. Since 6.5.
        server_id: i64 = "ServerID",
        /// Name of the SMTP service. Since 6.5.
        server_name: String = "ServerName",
        /// The session is encrypted. Since 7.10.
        encryption: bool = "Encryption",
        /// Version of TLS and cipher. Since 7.10.
        encryption_details: String = "EncryptionDetails",
        /// The client must log in before it may send. The name is ours.
        authentication_required: bool = "AuthenticationRequired",
        /// The user who has logged in. The name is ours.
        authenticated_user: String = "AuthenticatedUser",
        /// What the blacklists say, by their name. During RBLResults.
        rbl_result_info: Named<String> = "RBLResultInfo",
    }
}

record! {
    /// What the script may change at any time.
    ControlGlobals {
        /// The client may send out without a login.
        valid_client_address: bool = "ValidClientAddress",
        /// The same, where the service asks for an address and for no login.
        local_client_address: bool = "LocalClientAddress",
        /// End the session as soon as possible.
        force_disconnect: bool = "ForceDisconnect",
    }
}

record! {
    /// Blacklists; may be changed in Start.
    RblGlobals {
        /// Ask the blacklists.
        check_rbl: bool = "CheckRBL",
    }
}

hook! {
    /// Called at the start of a session, before the greeting. A 4xx or 5xx ends the session.
    Start "Start" since "" [] () -> StartReturned (
        /// A greeting to send in place of the usual one.
        reply: String = "reply",
    )
}

hook! {
    /// Called after the blacklists were asked. A 4xx or 5xx ends the session.
    RblResults "RBLResults" since "" [] () -> RblResultsReturned (
        /// A reply.
        reply: String = "reply",
    )
}

record! {
    /// How many sessions there are.
    ThreadCounts {
        /// Sessions of this service.
        service: i64 = "Service",
        /// Sessions of this service with the client's address.
        address: i64 = "Address",
        /// Most sessions that this service takes; 0 is no limit.
        limit: i64 = "Limit",
    }
}

hook! {
    /// Called when a client connects; may turn it away while there is too much to do.
    LoadLimits "LoadLimits" since "8.7" [Ours Later] (
        /// How many sessions there are.
        thread_counts: ThreadCounts = "threadCounts",
        /// The client's address.
        ip_address: String = "ipAddress",
        /// Processes that want to run, a core, over the last minute. Since 9.1.
        cpu_load: f64 = "cpuLoad",
        /// Seconds that the spam filter takes. Since 9.1.
        spamfilter_duration: f64 = "spamfilterDuration",
    ) -> LoadLimitsReturned (
        /// false: the client is told to come again later.
        allowed: bool = "allowed",
    )
}

hook! {
    /// Called on HELO and EHLO.
    GetMaxMessageSize "GetMaxMessageSize" since "" [Ours] (
        /// The limit so far, bytes; 0 is no limit.
        current: i64 = "current",
    ) -> GetMaxMessageSizeReturned (
        /// The limit for this session, bytes; 0 is no limit.
        size: i64 = "size",
    )
}

hook! {
    /// Called on EHLO.
    GetEhloCapabilities "GetEHLOCapabilities" since "" [Ours] (
        /// What will be offered, a line each.
        capabilities: Vec<String> = "capabilities",
    ) -> GetEhloCapabilitiesReturned (
        /// What to offer: lines may be left out.
        capabilities: Vec<String> = "capabilities",
    )
}

hook! {
    /// Called on HELO and EHLO. A 4xx or 5xx refuses the command.
    DoHelo "DoHELO" since "" [Ours] (
        /// The name that the client gives itself.
        name: String = "name",
        /// The usual reply.
        response: String = "response",
    ) -> DoHeloReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on HELP.
    DoHelp "DoHELP" since "" [] () -> DoHelpReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on QUIT.
    DoQuit "DoQUIT" since "" [] () -> DoQuitReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on NOOP.
    DoNoop "DoNOOP" since "" [] () -> DoNoopReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on RSET.
    DoRset "DoRSET" since "" [] () -> DoRsetReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on VRFY.
    DoVrfy "DoVRFY" since "5" [] (
        /// Recipients that the name stands for.
        recipients: Vec<String> = "recipient list",
        /// The usual reply.
        response: String = "current response",
    ) -> DoVrfyReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on EXPN.
    DoExpn "DoEXPN" since "5" [] (
        /// Recipients that the name stands for.
        recipients: Vec<String> = "recipient list",
        /// The usual reply.
        response: String = "current response",
    ) -> DoExpnReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on a MAIL FROM that is in order. A 4xx or 5xx refuses it.
    DoMailFrom "DoMAILFROM" since "" [Ours] (
        /// Envelope sender.
        address: String = "address",
        /// The usual reply.
        response: String = "response",
    ) -> DoMailFromReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on a RCPT TO that is in order. A 4xx or 5xx refuses this recipient.
    DoRcptTo "DoRCPTTO" since "" [Ours] (
        /// Recipient.
        address: String = "address",
        /// The usual reply.
        response: String = "response",
    ) -> DoRcptToReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on DATA. A 4xx or 5xx refuses it.
    DoDataStart "DoDATAStart" since "" [] () -> DoDataStartReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called on a command that is not known.
    DoUnrecognised "DoUnrecognised" since "" [Ours] (
        /// The line.
        line: String = "line",
        /// The usual reply.
        response: String = "response",
    ) -> DoUnrecognisedReturned (
        /// A reply.
        reply: String = "reply",
    )
}

hook! {
    /// Called before the first line of a message.
    StartMessage "StartMessage" since "5" [Ours Later] () -> StartMessageReturned ()
}

hook! {
    /// Called for each line of a message as it came.
    MessageLineRaw "MessageLineRaw" since "5" [Ours Later] (
        /// The line, without its end.
        line: String = "line",
    ) -> MessageLineRawReturned (
        /// The line to take in its place.
        line: String = "line",
    )
}

hook! {
    /// Called for each line of a message before it is kept.
    MessageLine "MessageLine" since "5" [Ours Later] (
        /// The line, without its end.
        line: String = "line",
    ) -> MessageLineReturned (
        /// The line to take in its place.
        line: String = "line",
    )
}

hook! {
    /// Called at the end of a message.
    EndMessage "EndMessage" since "5" [] () -> EndMessageReturned ()
}

hook! {
    /// Called at the end of a message: says whether its recipients are allowed.
    CheckRecipients "CheckRecipients" since "6.3" [Ours] (
        /// Envelope sender.
        mail_from: String = "mailfrom",
        /// Envelope recipients.
        recipients: Vec<String> = "recipients",
    ) -> CheckRecipientsReturned (
        /// A 4xx or 5xx reply refuses the message.
        reply: String = "reply",
    )
}

hook! {
    /// Called where a message with hidden recipients is monitored.
    MonitorBcc "MonitorBcc" since "6.3" [Ours Later] (
        /// Envelope sender.
        mail_from: String = "mailfrom",
        /// Recipients that no header names.
        recipients: Vec<String> = "recipients",
    ) -> MonitorBccReturned (
        /// Addresses that get the copy, with semicolons between them.
        target: String = "target",
    )
}

hook! {
    /// Called when a message was taken: what the log says of its recipients.
    LogRecipients "LogRecipients" since "6.3" [Ours] (
        /// Envelope sender.
        mail_from: String = "mailfrom",
        /// Envelope recipients.
        recipients: Vec<String> = "recipients",
    ) -> LogRecipientsReturned (
        /// A line for the log.
        line: String = "line",
    )
}

hook! {
    /// Called when a message was refused: what the log says of its recipients.
    LogRecipientsBlocked "LogRecipientsBlocked" since "6.3" [Ours] (
        /// Envelope sender.
        mail_from: String = "mailfrom",
        /// Envelope recipients.
        recipients: Vec<String> = "recipients",
    ) -> LogRecipientsBlockedReturned (
        /// A line for the log.
        line: String = "line",
    )
}

hook! {
    /// Called at the end of a session.
    End "End" since "" [] () -> EndReturned ()
}
