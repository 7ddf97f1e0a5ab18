//! A line cut into words that know their column.

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a str,
    /// Of its first character, counted in characters from 1.
    pub column: usize,
}

/// The words of `line`, which white space separates.
pub fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = line;
    let mut column = 1;
    std::iter::from_fn(move || {
        let start = rest.find(|c: char| !c.is_whitespace())?;
        let (space, word) = rest.split_at_checked(start)?;
        column += space.chars().count();
        let (text, after) = word.split_at_checked(word.find(char::is_whitespace).unwrap_or(word.len()))?;
        let found = Word { text, column };
        column += text.chars().count();
        rest = after;
        Some(found)
    })
}

/// The lines of a text with their numbers, from 1. A line ends with LF or CR LF.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let found: Vec<_> = words("  über\tx  ").map(|word| (word.text, word.column)).collect();
        assert_eq!(found, [("über", 3), ("x", 8)]);
        assert_eq!(words(" \t ").count(), 0);
        assert_eq!(lines("a\r\nb\n").collect::<Vec<_>>(), [(1, "a"), (2, "b")]);
    }
}
