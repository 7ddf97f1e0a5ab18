//! `archive.lua`: the message archive (spec lua-hooks §13).

use crate::hooks::datum::Raw;
use crate::hooks::declare::{Declaration, Hook, hook};

use super::process_message::Attachment;

pub static DECLARATION: Declaration = Declaration {
    name: "archive.lua",
    meaning: "Decides what the archive keeps, and where. Since 6.",
    lifetime: "one message",
    functions: &[
        ArchiveRules::FUNCTION,
        CustomStoreCheck::FUNCTION,
        CustomStoreUpload::FUNCTION,
        CustomStoreDownload::FUNCTION,
        CustomStoreExists::FUNCTION,
        CustomStoreDelete::FUNCTION,
    ],
    globals: &[],
    per_user: false,
};

hook! {
    /// Decides whether the content of a message is kept.
    ArchiveRules "ArchiveRules" since "6" [Later] (
        /// Envelope sender.
        return_path: String = "return path",
        /// Subject.
        subject: String = "subject",
        /// `YYYYMMDDHHMMSS`.
        time: String = "time",
        /// `incoming`, `internal` or `outgoing`.
        kind: String = "type",
        /// Address in From.
        sender_email: String = "sender email",
        /// The user who has logged in; empty if none.
        authenticated_sender: String = "authenticated sender",
        /// Address the message came from.
        ip_address: String = "ip address",
        /// Message-ID.
        message_id: String = "message-id",
        /// Size in bytes.
        size: i64 = "size",
        /// Its attachments.
        attachments: Vec<Attachment> = "attachments",
        /// Envelope recipients.
        recipients: Vec<String> = "recipients",
        /// Message-IDs in References.
        references: Vec<String> = "references",
        /// The header.
        header: String = "header",
        /// The content.
        content: Raw = "content",
    ) -> ArchiveRulesReturned (
        /// Why the content is not kept; empty: it is.
        reason: String = "reason",
    )
}

hook! {
    /// Says whether the archive's own store can be reached.
    CustomStoreCheck "CustomStore_Check" since "8.4" [Later] () -> CustomStoreCheckReturned (
        /// Empty, or what is wrong.
        trouble: String = "trouble",
    )
}

hook! {
    /// Puts a file into the store.
    CustomStoreUpload "CustomStore_Upload" since "8.4" [Later] (
        /// The file here.
        local_filename: String = "local_filename",
        /// Its name there.
        archive_filename: String = "archive_filename",
    ) -> CustomStoreUploadReturned (
        /// Empty, or what is wrong.
        trouble: String = "trouble",
    )
}

hook! {
    /// Gets a file from the store.
    CustomStoreDownload "CustomStore_Download" since "8.4" [Ours Later] (
        /// Its name there.
        archive_filename: String = "archive_filename",
        /// The file here.
        local_filename: String = "local_filename",
    ) -> CustomStoreDownloadReturned (
        /// Empty, or what is wrong.
        trouble: String = "trouble",
    )
}

hook! {
    /// Says whether a file is in the store.
    CustomStoreExists "CustomStore_Exists" since "8.4" [Ours Later] (
        /// Its name there.
        archive_filename: String = "archive_filename",
    ) -> CustomStoreExistsReturned (
        /// Empty, or what is wrong.
        trouble: String = "trouble",
    )
}

hook! {
    /// Deletes a file in the store.
    CustomStoreDelete "CustomStore_Delete" since "8.4" [Ours Later] (
        /// Its name there.
        archive_filename: String = "archive_filename",
    ) -> CustomStoreDeleteReturned (
        /// Empty, or what is wrong.
        trouble: String = "trouble",
    )
}
