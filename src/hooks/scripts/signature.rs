//! `signature.lua`: signatures of outgoing mail (spec lua-hooks §14).

use crate::hooks::datum::Named;
use crate::hooks::declare::{Declaration, Hook, hook};

pub static DECLARATION: Declaration = Declaration {
    name: "signature.lua",
    meaning: "Gives signatures for mail of the office's people.",
    lifetime: "one message",
    functions: &[GetSignature::FUNCTION, GetInternalSignature::FUNCTION],
    globals: &[],
    per_user: false,
};

/// Declares one of the two, which have one signature.
macro_rules! signature {
    ($meaning:literal $name:ident $function:literal $returned:ident) => {
        hook! {
            #[doc = $meaning]
            $name $function since "" [Later] (
                /// `HTML` or `PLAIN`.
                format: String = "Format",
                /// The user who has logged in; empty if none.
                auth_sender: String = "AuthSender",
                /// Address of the sender.
                sender_email: String = "SenderEmail",
                /// Subject.
                subject: String = "Subject",
                /// The sender's attributes in the directory.
                ldap_attributes: Named<String> = "LDAPAttributes",
            ) -> $returned (
                /// The signature; empty: the user's or the general one, `<blank>`: none.
                signature: String = "signature",
            )
        }
    };
}

signature! { "Called for a message that a user sends out." GetSignature "GetSignature" GetSignatureReturned }
signature! {
    "Called for a message that a user sends to somebody in the office."
    GetInternalSignature "GetInternalSignature" GetInternalSignatureReturned
}
