//! What is wrong with settings, for a person.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong: `smtp[0].max_recipients: 5 is below 100`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Invalid {
    /// The setting, such as `users[2].name`; empty where it is the whole.
    pub path: String,
    /// In plain words, to follow the path. Holds no secret.
    pub message: String,
    /// Line in the file, from 1, where there is a file.
    pub line: Option<usize>,
}

impl Invalid {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Invalid {
        Invalid { path: path.into(), message: message.into(), line: None }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}
