//! `attachments.lua`: rewriting attachments (spec lua-hooks §12). The name of the file is ours.

use crate::hooks::declare::{Declaration, Hook, hook, record};

use super::process_message::{Attachment, MimeSection};

pub static DECLARATION: Declaration = Declaration {
    name: "attachments.lua",
    meaning: "Changes attachments of messages. Since 7.6. The name of the file is ours.",
    lifetime: "one message",
    functions: &[
        NeedsRecode::FUNCTION,
        NeedsRewrite::FUNCTION,
        GetRename::FUNCTION,
        GetContentDispositionLine::FUNCTION,
        IsLockNeeded::FUNCTION,
        RewriteAttachment::FUNCTION,
    ],
    globals: &[],
    per_user: false,
};

record! {
    /// The message that attachments are looked at for. The fields are ours.
    FilterVariables {
        /// Envelope sender.
        mail_from: String = "MailFrom",
        /// Envelope recipients.
        recipients: Vec<String> = "Recipients",
        /// Subject.
        subject: String = "Subject",
        /// The user who has logged in; empty if none.
        auth_user: String = "AuthUser",
        /// Size in bytes.
        size: i64 = "Size",
    }
}

hook! {
    /// Says whether the script wants to change an attachment of this message.
    NeedsRecode "NeedsRecode" since "" [Later] (
        /// The message.
        filter_variables: FilterVariables = "filtervariables",
        /// Its attachments.
        attachments: Vec<Attachment> = "attachments_array",
        /// Its sections.
        mime_structure: Vec<MimeSection> = "mime_structure",
    ) -> NeedsRecodeReturned (
        /// true: it does.
        needed: bool = "needed",
    )
}

hook! {
    /// Says whether this attachment is to be changed or renamed.
    NeedsRewrite "NeedsRewrite" since "" [Later] (
        /// File name.
        attachment_name: String = "attachmentname",
        /// Type and subtype.
        mime_type: String = "MIMEtype",
        /// The message.
        filter_variables: FilterVariables = "filtervariables",
    ) -> NeedsRewriteReturned (
        /// true: it is.
        needed: bool = "needed",
    )
}

hook! {
    /// Names the attachment anew.
    GetRename "GetRename" since "" [Later] (
        /// `MIME` or `UUENCODE`.
        kind: String = "type",
        /// File name.
        attachment_name: String = "attachmentName",
        /// Type and subtype.
        mime_type: String = "MIMEtype",
        /// The message.
        filter_variables: FilterVariables = "filterVariables",
    ) -> GetRenameReturned (
        /// New file name.
        name: String = "name",
        /// New type and subtype.
        mime_type: String = "MIMEtype",
    )
}

hook! {
    /// Gives the attachment another Content-Disposition.
    GetContentDispositionLine "GetContentDispositionLine" since "7.8" [Later] (
        /// The line as it is.
        original_line: String = "original line",
        /// `MIME`.
        kind: String = "type",
        /// File name.
        attachment_name: String = "attachmentName",
        /// The attachment itself will be changed.
        rewrite_section: bool = "rewriteSection",
        /// Type and subtype.
        mime_type: String = "MIMEtype",
        /// The message.
        filter_variables: FilterVariables = "filterVariables",
    ) -> GetContentDispositionLineReturned (
        /// The line to take in its place.
        line: String = "line",
    )
}

hook! {
    /// Says whether RewriteAttachment must not run twice at a time.
    IsLockNeeded "IsLockNeeded" since "" [Later] (
        /// File with the attachment.
        original_file_name: String = "originalFileName",
        /// File for what takes its place.
        new_file_name: String = "newFileName",
        /// File name of the attachment.
        original_attachment_name: String = "originalAttachmentName",
        /// Type and subtype.
        mime_type: String = "MIMEtype",
    ) -> IsLockNeededReturned (
        /// true: it must not.
        needed: bool = "needed",
    )
}

hook! {
    /// Writes what takes the attachment's place. Needs the right to use files.
    RewriteAttachment "RewriteAttachment" since "" [Later] (
        /// File with the attachment.
        original_file_name: String = "originalFileName",
        /// File for what takes its place.
        new_file_name: String = "newFileName",
        /// File name of the attachment.
        original_attachment_name: String = "originalAttachmentName",
        /// Type and subtype.
        mime_type: String = "MIMEtype",
        /// The message.
        filter_variables: FilterVariables = "filterVariables",
    ) -> RewriteAttachmentReturned ()
}
