//! Where a rule is wrong, and why.

use std::fmt;

/// A mistake in a text somebody wrote. Line and column count from 1, the column in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub line: usize,
    pub column: usize,
    /// What is wrong, for a person: `no such condition: "Form"`.
    pub text: String,
}

impl Mistake {
    pub fn new(line: usize, column: usize, text: impl Into<String>) -> Mistake {
        Mistake { line, column, text: text.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.text)
    }
}

impl std::error::Error for Mistake {}
