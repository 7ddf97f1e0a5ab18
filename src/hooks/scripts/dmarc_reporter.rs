//! `dmarcreporter.lua`: DMARC aggregate reports (spec lua-hooks §5).

use crate::hooks::datum::NumberOrText;
use crate::hooks::declare::{Declaration, Hook, hook};

pub static DECLARATION: Declaration = Declaration {
    name: "dmarcreporter.lua",
    meaning: "Decides who gets DMARC aggregate reports, and how they look. Since 8.6.",
    lifetime: "one run of the reports",
    functions: &[CheckRecipients::FUNCTION, GetMessageDetails::FUNCTION],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called for each domain that is to get a report.
    CheckRecipients "CheckRecipients" since "8.6" [Later] (
        /// The domain.
        domain: String = "Domain",
        /// The `rua` entry of its record.
        rua: String = "RUA",
        /// Begin of the report's time, Unix seconds.
        start_time: i64 = "StartTime",
        /// End of it.
        end_time: i64 = "EndTime",
        /// The report's identifier.
        report_id: String = "ReportID",
        /// The addresses in the record.
        recipients: Vec<String> = "Recipients",
    ) -> CheckRecipientsReturned (
        /// The addresses to use; an empty table: no report.
        recipients: Vec<String> = "Recipients",
    )
}

hook! {
    /// Called before each report is sent.
    GetMessageDetails "GetMessageDetails" since "8.6" [Later] (
        /// The domain.
        policy_domain: String = "PolicyDomain",
        /// Who gets the report.
        recipients: Vec<String> = "Recipients",
        /// The sender's address.
        sender_email: String = "SenderEmail",
        /// The sender's name.
        sender_name: String = "SenderName",
        /// Domain that submits the report, for the subject.
        submitter: String = "Submitter",
    ) -> GetMessageDetailsReturned (
        /// The sender's address.
        sender_email: String = "SenderEmail",
        /// The sender's name.
        sender_name: String = "SenderName",
        /// Domain that submits the report.
        submitter: String = "Submitter",
        /// When to delete the message from the queue: seconds, or an ISO 8601 date; empty: as usual.
        delete_after: NumberOrText = "DeleteAfter",
        /// How long to hold it before: seconds, or an ISO 8601 date; empty: not.
        hold: NumberOrText = "Hold",
    )
}
