//! `IMAP4SVR.LUA`: sessions of the IMAP services (spec lua-hooks §18). The name of the file is ours.

use crate::hooks::declare::{Declaration, Hook, hook};

pub static DECLARATION: Declaration = Declaration {
    name: "IMAP4SVR.LUA",
    meaning: "Takes part in the sessions of the IMAP services. Since 6.12. The name of the file is ours.",
    lifetime: "one session",
    functions: &[DoCapability::FUNCTION, DoListResult::FUNCTION, GetEncryption::FUNCTION],
    globals: &[],
    per_user: false,
};

hook! {
    /// Called on CAPABILITY.
    DoCapability "DoCapability" since "6.12" [Later] (
        /// The client's address.
        ip_address: String = "ipaddr",
        /// What is offered, with a space before and behind.
        capabilities: String = "capabilities",
    ) -> DoCapabilityReturned (
        /// What to offer.
        capabilities: String = "capabilities",
    )
}

hook! {
    /// Called for each folder of a LIST reply.
    DoListResult "DoListResult" since "6.12" [Later] (
        /// Name of the folder.
        folder_name: String = "foldername",
        /// Its attributes.
        attributes: String = "attributes",
        /// Extended data.
        extended: String = "extended",
    ) -> DoListResultReturned (
        /// false: the folder is not shown.
        show: bool = "show",
        /// Attributes.
        attributes: String = "attributes",
        /// Extended data.
        extended: String = "extended",
    )
}

hook! {
    /// Called when a client connects.
    GetEncryption "GetEncryption" since "8.7" [Ours Later] (
        /// The client's address.
        ip_address: String = "ipaddr",
        /// `none`, `optional`, `required` or `implicit`.
        current: String = "current",
    ) -> GetEncryptionReturned (
        /// The encryption of this session.
        encryption: String = "encryption",
    )
}
