//! `POP3CLT.LUA`: Mail Collectors (spec lua-hooks §8).

use crate::hooks::datum::Raw;
use crate::hooks::declare::{Declaration, Hook, hook};

pub use super::process_message::ProcessMessage;

pub static DECLARATION: Declaration = Declaration {
    name: "POP3CLT.LUA",
    meaning: "Takes part in the sessions of Mail Collectors.",
    lifetime: "one session",
    functions: &[
        Start::FUNCTION,
        DownloadRules::FUNCTION,
        StartMessage::FUNCTION,
        MessageLineRaw::FUNCTION,
        MessageLine::FUNCTION,
        EndMessage::FUNCTION,
        ProcessMessage::FUNCTION,
        End::FUNCTION,
    ],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called at the start of a session, before anything is downloaded.
    Start "Start" since "" [Ours] (
        /// Name of the Mail Collector.
        collector: String = "collector",
    ) -> StartReturned ()
}

hook! {
    /// Called before each message is downloaded; does what download rules do.
    DownloadRules "DownloadRules" since "" [Ours] (
        /// The message's identifier at the provider.
        uid: String = "UID",
        /// Size in bytes.
        size: i64 = "size",
        /// The header's lines in order; empty where the header was not fetched.
        header_lines: Vec<String> = "HeaderLines",
    ) -> DownloadRulesReturned (
        /// `download`, `ignore`, `delete`, `query`, `redirect` or `copy`. Nothing: as the download rules say.
        action: String = "action",
        /// For `redirect` and `copy`: the address.
        target: String = "target",
    )
}

hook! {
    /// Called before a message is downloaded.
    StartMessage "StartMessage" since "" [] () -> StartMessageReturned ()
}

hook! {
    /// Called for each line as it came.
    MessageLineRaw "MessageLineRaw" since "" [Ours] (
        /// The line, without its end.
        line: Raw = "line",
    ) -> MessageLineRawReturned (
        /// The line to take in its place.
        line: Raw = "line",
    )
}

hook! {
    /// Called for each line before it is kept.
    MessageLine "MessageLine" since "" [Ours] (
        /// The line, without its end.
        line: Raw = "line",
    ) -> MessageLineReturned (
        /// The line to take in its place.
        line: Raw = "line",
    )
}

hook! {
    /// Called when a message was downloaded.
    EndMessage "EndMessage" since "" [] () -> EndMessageReturned ()
}

hook! {
    /// Called at the end of a session.
    End "End" since "" [] () -> EndReturned ()
}
