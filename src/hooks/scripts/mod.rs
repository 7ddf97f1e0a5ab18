//! The scripts there are, one file each: what they may define, and what that is called with.

pub mod archive;
pub mod attachments;
pub mod autoresponder;
pub mod bandwidth;
pub mod delivery;
pub mod dmarc_reporter;
pub mod errors;
pub mod imap4_server;
pub mod lan_forwarding;
pub mod monitor;
pub mod mx_server_rules;
pub mod mxout;
pub mod outmessage;
pub mod password_check;
pub mod pop3_client;
pub mod process_message;
pub mod relayout;
pub mod scheduler;
pub mod signature;
pub mod smtp_rules;
pub mod smtp_server;
pub mod user_manager;
pub mod user_redirect;

use std::borrow::Cow;

use super::declare::Declaration;

/// Names the scripts, in the order of the reference.
macro_rules! scripts {
    ($($(#[doc = $doc:literal])+ $script:ident $module:ident,)+) => {
        /// A script that the program calls.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Script {
            $($(#[doc = $doc])+ $script,)+
            /// `smtprules_N.lua`, N the number of an SMTP service.
            SmtpRules(u32),
        }

        /// All declarations, by [`Script::index`].
        pub static ALL: &[&Declaration] = &[$(&$module::DECLARATION,)+ &smtp_rules::DECLARATION];

        const PLAIN: &[Script] = &[$(Script::$script,)+];

        impl Script {
            /// Place in [`ALL`].
            pub fn index(self) -> usize {
                PLAIN.iter().position(|script| *script == self).unwrap_or(PLAIN.len())
            }

            pub fn declaration(self) -> &'static Declaration {
                match self {
                    $(Script::$script => &$module::DECLARATION,)+
                    Script::SmtpRules(_) => &smtp_rules::DECLARATION,
                }
            }
        }
    };
}

scripts! {
    /// `mxout.lua`
    MxOut mxout,
    /// `mxserverrules.lua`
    MxServerRules mx_server_rules,
    /// `relayout.lua`
    RelayOut relayout,
    /// `LanForwarding.lua`
    LanForwarding lan_forwarding,
    /// `dmarcreporter.lua`
    DmarcReporter dmarc_reporter,
    /// `SMTPSVR.LUA`
    SmtpServer smtp_server,
    /// `POP3CLT.LUA`
    Pop3Client pop3_client,
    /// `outmessage.lua`
    OutMessage outmessage,
    /// `user_redirect.lua`
    UserRedirect user_redirect,
    /// `delivery.lua`
    Delivery delivery,
    /// `attachments.lua`
    Attachments attachments,
    /// `archive.lua`
    Archive archive,
    /// `signature.lua`
    Signature signature,
    /// `Autoresponder.lua`
    Autoresponder autoresponder,
    /// `monitor.lua`
    Monitor monitor,
    /// `errors.lua`
    Errors errors,
    /// `IMAP4SVR.LUA`
    Imap4Server imap4_server,
    /// `bandwidth.lua`
    Bandwidth bandwidth,
    /// `passwordcheck.lua`
    PasswordCheck password_check,
    /// `UserManager.LUA`
    UserManager user_manager,
    /// `scheduler.lua`
    Scheduler scheduler,
}

impl Script {
    /// As people write it.
    pub fn file_name(self) -> Cow<'static, str> {
        match self {
            Script::SmtpRules(service) => format!("smtprules_{service}.lua").into(),
            plain => plain.declaration().name.into(),
        }
    }

    /// The script of a file name, in any case, with or without a user before it.
    pub fn of_file(name: &str) -> Option<Script> {
        let lower = name.to_lowercase();
        let (user, file) = lower.rsplit_once('/').map_or((None, lower.as_str()), |(user, file)| (Some(user), file));
        let plain = PLAIN.iter().copied().find(|script| script.declaration().name.to_lowercase() == file);
        let numbered = || file.strip_prefix("smtprules_")?.strip_suffix(".lua")?.parse().ok().map(Script::SmtpRules);
        plain.or_else(numbered).filter(|script| user.is_none() || script.declaration().per_user)
    }

    /// This script among all, as a bit; one for all numbered ones together.
    pub(super) fn bit(self) -> u64 {
        1 << self.index()
    }

    /// Place of a function in the declaration.
    pub(super) fn place(self, function: &str) -> Option<usize> {
        self.declaration().functions.iter().position(|declared| declared.name == function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lead_to_their_script() {
        for script in PLAIN {
            assert_eq!(Script::of_file(&script.file_name().to_uppercase()), Some(*script));
            assert!(std::ptr::eq(ALL[script.index()], script.declaration()));
        }
        assert_eq!(Script::of_file("SMTPRules_12.lua"), Some(Script::SmtpRules(12)));
        assert_eq!(Script::of_file("bob/delivery.lua"), Some(Script::Delivery));
        for other in ["bob/mxout.lua", "smtprules_.lua", "smtprules_x.lua", "common.lua", ""] {
            assert_eq!(Script::of_file(other), None, "{other}");
        }
        assert!(std::ptr::eq(ALL[Script::SmtpRules(3).index()], Script::SmtpRules(3).declaration()));
    }

    #[test]
    fn there_is_a_bit_for_each_script_and_function() {
        assert!(ALL.len() <= 64);
        for declaration in ALL {
            assert!(declaration.functions.len() <= 64);
            let mut names: Vec<_> = declaration.functions.iter().map(|function| function.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), declaration.functions.len(), "{}", declaration.name);
        }
    }
}
