//! Numbers that stay: things kept elsewhere (mailboxes, seen UIDs, queue entries) are filed under them, so a number is
//! never given twice.

use serde::{Deserialize, Serialize};

/// The highest number given so far, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ids {
    pub users: u32,
    pub connections: u32,
    pub collectors: u32,
    pub services: u32,
}
