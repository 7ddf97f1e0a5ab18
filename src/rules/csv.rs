//! Tables as other programs write them: values separated by commas, in quotes where they have commas, quotes or line ends
//! in them (RFC 4180). Lines end with LF or CR LF; empty ones do not count.

use super::Mistake;

/// Most values of a row.
pub const WIDEST: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Without the white space around those that were not in quotes.
    pub values: Vec<String>,
}

pub fn rows(text: &str) -> Result<Vec<Row>, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { chars: text.chars().peekable(), line: 1, column: 1 };
    let mut rows = Vec::new();
    while reader.chars.peek().is_some() {
        let row = reader.row()?;
        if row.values.iter().any(|value| !value.is_empty()) {
            rows.push(row);
        }
    }
    Ok(rows)
}

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    column: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        match c {
            '\n' => (self.line, self.column) = (self.line + 1, 1),
            _ => self.column += 1,
        }
        Some(c)
    }

    fn row(&mut self) -> Result<Row, Mistake> {
        let line = self.line;
        let mut values = Vec::new();
        loop {
            if values.len() >= WIDEST {
                return Err(Mistake::new(self.line, self.column, format!("more than {WIDEST} values in a row")));
            }
            values.push(self.value()?);
            match self.next() {
                Some(',') => {}
                Some('\r') if self.chars.peek() == Some(&'\n') => {
                    self.next();
                    break;
                }
                _ => break,
            }
        }
        Ok(Row { line, values })
    }

    /// Up to the comma or line end, which is left.
    fn value(&mut self) -> Result<String, Mistake> {
        while matches!(self.chars.peek(), Some(' ' | '\t')) {
            self.next();
        }
        if self.chars.peek() == Some(&'"') {
            return self.quoted();
        }
        let mut value = String::new();
        while let Some(&c) = self.chars.peek() {
            if matches!(c, ',' | '\n' | '\r') {
                break;
            }
            value.push(c);
            self.next();
        }
        Ok(value.trim_end().to_string())
    }

    fn quoted(&mut self) -> Result<String, Mistake> {
        let (line, column) = (self.line, self.column);
        self.next();
        let mut value = String::new();
        loop {
            match self.next() {
                Some('"') if self.chars.peek() == Some(&'"') => {
                    self.next();
                    value.push('"');
                }
                Some('"') => break,
                Some(c) => value.push(c),
                None => return Err(Mistake::new(line, column, "the quote that begins here does not end")),
            }
        }
        while matches!(self.chars.peek(), Some(' ' | '\t')) {
            self.next();
        }
        match self.chars.peek() {
            None | Some(',' | '\n' | '\r') => Ok(value),
            Some(_) => Err(Mistake::new(self.line, self.column, "a comma is missing after the quote")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_quotes() {
        let found = rows("a, b ,\"c, \"\"d\"\"\"\r\n\n,\n\"x\ny\",z").unwrap();
        let values: Vec<Vec<&str>> = found.iter().map(|row| row.values.iter().map(String::as_str).collect()).collect();
        assert_eq!(values, [vec!["a", "b", "c, \"d\""], vec!["x\ny", "z"]]);
        assert_eq!(found.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(rows("").unwrap(), []);
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, line, column) in [("a\nb,\"c\n", 2, 3), ("\"a\"b", 1, 4)] {
            let mistake = rows(text).unwrap_err();
            assert_eq!((mistake.line, mistake.column), (line, column), "{text:?}: {mistake}");
        }
        assert!(rows(&",".repeat(100)).is_err());
    }
}
