//! Download rules and SMTP rules: ordered lists of which the first rule that matches decides (spec connectors-and-smtp
//! §4.8, §8.5). Conditions are texts in the language of `rules::conditions`; they are read once a snapshot.

mod classic;
mod download;
mod list;
mod smtp;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use classic::{Classic, from_classic, to_classic};
pub use download::{DownloadAction, DownloadRule, Handling, Notice, Remote, To};
pub use list::{Common, Rule, RuleList};
pub use smtp::{SmtpAction, SmtpRule};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Matching {
    /// All conditions must hold.
    #[default]
    All,
    /// One condition that holds is enough.
    Any,
}
