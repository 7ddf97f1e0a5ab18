//! Connectors > Download Rules (spec connectors-and-smtp §4.8).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Common, Matching, Rule};
use crate::rules::conditions::Language;

/// What to do with a message, before its body is downloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DownloadAction {
    /// Do not download it; ask those it is for whether to.
    Query,
    /// The same, and ask the addresses given too.
    QueryAndCopy,
    /// The same, and ask the addresses given instead.
    QueryAndRedirect,
    /// Download it as usual.
    #[default]
    Download,
    /// Download it and delete it at the provider at once.
    DownloadAndDelete,
    /// Download it, and give a copy to the addresses given.
    Copy,
    /// The same, and delete it at the provider at once.
    DownloadCopyAndDelete,
    /// Download it for the addresses given only.
    Redirect,
    /// The same, and delete it at the provider at once.
    DownloadRedirectAndDelete,
    /// Do not download it. It is deleted at the provider when messages left there are; where none are left there, it stays.
    Ignore,
    /// Delete it at the provider unread, and tell those it is for, else the main administrator.
    DeleteAndWarn,
    /// The same, and tell the addresses given too.
    DeleteAndWarnCopy,
    /// The same, and tell the addresses given instead.
    DeleteAndWarnRedirect,
    /// Delete it at the provider unread, and tell nobody.
    SilentlyDelete,
}

/// What becomes of the copy at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// It stays, to be decided on again.
    Keep,
    /// It is deleted when "leave messages on the server" says so.
    Age,
    /// It is deleted at once.
    Delete,
}

/// What people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The question whether to download.
    Query,
    /// That it has been deleted.
    Warn,
}

/// Who gets the message, or the notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Intended,
    IntendedAndGiven,
    Given,
}

/// What an action means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handling {
    pub download: bool,
    pub remote: Remote,
    pub notice: Option<Notice>,
    pub to: To,
}

impl DownloadAction {
    pub fn handling(self) -> Handling {
        use {DownloadAction as A, Notice::*, Remote::*, To::*};
        let (download, remote, notice, to) = match self {
            A::Query => (false, Keep, Some(Query), Intended),
            A::QueryAndCopy => (false, Keep, Some(Query), IntendedAndGiven),
            A::QueryAndRedirect => (false, Keep, Some(Query), Given),
            A::Download => (true, Age, None, Intended),
            A::DownloadAndDelete => (true, Delete, None, Intended),
            A::Copy => (true, Age, None, IntendedAndGiven),
            A::DownloadCopyAndDelete => (true, Delete, None, IntendedAndGiven),
            A::Redirect => (true, Age, None, Given),
            A::DownloadRedirectAndDelete => (true, Delete, None, Given),
            A::Ignore => (false, Age, None, Intended),
            A::DeleteAndWarn => (false, Delete, Some(Warn), Intended),
            A::DeleteAndWarnCopy => (false, Delete, Some(Warn), IntendedAndGiven),
            A::DeleteAndWarnRedirect => (false, Delete, Some(Warn), Given),
            A::SilentlyDelete => (false, Delete, None, Intended),
        };
        Handling { download, remote, notice, to }
    }

    /// Whether it needs addresses.
    pub fn has_addresses(self) -> bool {
        self.handling().to != To::Intended
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DownloadRule {
    /// A name for displays and dlrules.log.
    pub name: String,
    /// Off: the rule is passed over.
    pub enabled: bool,
    /// What happens to the message.
    pub action: DownloadAction,
    /// Users or addresses, for the actions that copy or redirect.
    #[schemars(title = "Copy to / redirect to", extend("x-target" = true))]
    pub addresses: Vec<String>,
    /// Whether all conditions must hold, or one of them.
    pub matching: Matching,
    /// Each a field, a colon and what it must be, such as "Subject: invoice" (the header has this text in it) or
    /// "Subject: /^(re|fwd):/" (a regular expression); "!" before the field means "not". Fields: the name of a header, Any
    /// (any header), MessageSize (bytes; a bare number is "at least", else with <, <=, =, >=, >, <>), TimeNow
    /// (18:00-7:30), DayNow (digits, 1 is Sunday), Recipient (a user who would get it), Collector (its place in the list,
    /// from 0), ValidRcpts and InvalidRcpts (how many). No conditions: always.
    pub conditions: Vec<String>,
}

impl Default for DownloadRule {
    fn default() -> DownloadRule {
        DownloadRule {
            name: "Rule".into(),
            enabled: true,
            action: DownloadAction::default(),
            addresses: Vec::new(),
            matching: Matching::default(),
            conditions: Vec::new(),
        }
    }
}

impl Rule for DownloadRule {
    const LANGUAGE: Language = Language::Download;

    fn common(&self) -> Common<'_> {
        let DownloadRule { name, enabled, matching, conditions, .. } = self;
        Common { name, enabled: *enabled, matching: *matching, conditions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the 14 actions: downloaded, the copy at the provider, the notice, for whom.
    #[test]
    fn what_each_action_does() {
        use {DownloadAction as A, Notice::*, Remote::*, To::*};
        for (action, download, remote, notice, to) in [
            (A::Query, false, Keep, Some(Query), Intended),
            (A::QueryAndCopy, false, Keep, Some(Query), IntendedAndGiven),
            (A::QueryAndRedirect, false, Keep, Some(Query), Given),
            (A::Download, true, Age, None, Intended),
            (A::DownloadAndDelete, true, Delete, None, Intended),
            (A::Copy, true, Age, None, IntendedAndGiven),
            (A::DownloadCopyAndDelete, true, Delete, None, IntendedAndGiven),
            (A::Redirect, true, Age, None, Given),
            (A::DownloadRedirectAndDelete, true, Delete, None, Given),
            (A::Ignore, false, Age, None, Intended),
            (A::DeleteAndWarn, false, Delete, Some(Warn), Intended),
            (A::DeleteAndWarnCopy, false, Delete, Some(Warn), IntendedAndGiven),
            (A::DeleteAndWarnRedirect, false, Delete, Some(Warn), Given),
            (A::SilentlyDelete, false, Delete, None, Intended),
        ] {
            assert_eq!(action.handling(), Handling { download, remote, notice, to }, "{action:?}");
            assert_eq!(action.has_addresses(), to != Intended, "{action:?}");
        }
    }
}
