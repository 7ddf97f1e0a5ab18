//! `ProcessMessage`, which `SMTPSVR.LUA` and `POP3CLT.LUA` share (spec lua-hooks §6, §8).

use crate::hooks::declare::{hook, record};

record! {
    /// An attachment.
    Attachment {
        /// Number of the section.
        mime_section: i64 = "MIMESection",
        /// File name.
        name: String = "Name",
        /// Type and subtype.
        mime_type: String = "MIMEType",
        /// Size in bytes.
        size: i64 = "Size",
        /// `MIME`, `UUE`, `BINHEX`, `MIMEUUE`, `MIMEBINHEX` or `TNEF`.
        kind: String = "Type",
    }
}

record! {
    /// A section of the message. The last three fields are ours.
    MimeSection {
        /// Its path: `1`, `1.2`.
        path: String = "Path",
        /// Type.
        content_type: String = "ContentType",
        /// Subtype.
        content_subtype: String = "ContentSubtype",
        /// File name in Content-Type.
        content_type_filename: String = "ContentTypeFilename",
        /// `inline` or `attachment`, mostly.
        content_disposition: String = "ContentDisposition",
        /// File name in Content-Disposition.
        content_disposition_filename: String = "ContentDispositionFilename",
        /// Where the section begins in the message, bytes.
        start: i64 = "Start",
        /// Where its content begins.
        body_start: i64 = "BodyStart",
        /// Where it ends.
        end: i64 = "End",
        /// Content-Transfer-Encoding.
        encoding: String = "Encoding",
    }
}

record! {
    /// What is done with the message.
    MessageActions {
        /// Deliver it to the recipients it came for.
        send_to_original_recipients: bool = "SendToOriginalRecipients",
        /// Delete it at the provider; on an SMTP server, take it and deliver it to nobody.
        delete: bool = "Delete",
        /// It is not delivered; at the provider it is treated as if it had been.
        ignore: bool = "Ignore",
        /// Why, for the log and the sender.
        reason: String = "Reason",
        /// Further recipients, or others.
        recipients: Vec<String> = "Recipients",
        /// Complete header lines, which take the place of those of the same name.
        header_modifiers: Vec<String> = "HeaderModifiers",
    }
}

hook! {
    /// Called when a whole message is there, for mail that was collected; for mail that came by SMTP, later. The message
    /// helpers of `VPOP3` work in it.
    ProcessMessage "ProcessMessage" since "" [] (
        /// Envelope sender.
        mail_from: String = "mailfrom",
        /// Subject.
        subject: String = "subject",
        /// Envelope recipients.
        recipients: Vec<String> = "recipients",
        /// What is done with it; to be returned.
        actions: MessageActions = "actions",
        /// Its sections.
        mime_structure: Vec<MimeSection> = "MIME structure",
        /// Size in bytes.
        size: i64 = "size",
        /// Its attachments.
        attachments: Vec<Attachment> = "attachments",
    ) -> ProcessMessageReturned (
        /// What is done with it. Fields that are not in it stay as they were.
        actions: MessageActions = "actions",
        /// A remark, logged.
        results: String = "results",
    )
}
