//! An operator and a number.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
    Unequal,
}

/// Longer spellings first: `<=` begins with `<`.
const SPELLINGS: [(&str, Operator); 8] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<>", Operator::Unequal),
    ("!=", Operator::Unequal),
    ("==", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::More),
    ("=", Operator::Equal),
];

/// Such as `>= 5000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub operator: Operator,
    pub number: u64,
}

impl Comparison {
    /// Reads an operator, then a number; white space around both does not count. `None`: it is none.
    pub fn parse(text: &str) -> Option<Comparison> {
        let text = text.trim();
        let (operator, number) = SPELLINGS
            .iter()
            .find_map(|(spelling, operator)| text.strip_prefix(spelling).map(|rest| (*operator, rest.trim_start())))?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| number.parse().ok())?.map(|number| Comparison { operator, number })
    }

    pub fn holds(&self, value: u64) -> bool {
        match self.operator {
            Operator::Less => value < self.number,
            Operator::AtMost => value <= self.number,
            Operator::Equal => value == self.number,
            Operator::AtLeast => value >= self.number,
            Operator::More => value > self.number,
            Operator::Unequal => value != self.number,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spelling = SPELLINGS.iter().rev().find(|(_, operator)| *operator == self.operator).map_or("", |(s, _)| s);
        write!(f, "{spelling}{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings() {
        for (text, three, four, five) in [
            ("<4", true, false, false),
            ("<= 4", true, true, false),
            ("=4", false, true, false),
            ("== 4", false, true, false),
            (" >=4 ", false, true, true),
            ("> 4", false, false, true),
            ("<>4", true, false, true),
            ("!=4", true, false, true),
        ] {
            let comparison = Comparison::parse(text).unwrap();
            assert_eq!([3, 4, 5].map(|value| comparison.holds(value)), [three, four, five], "{text}");
            assert_eq!(Comparison::parse(&comparison.to_string()), Some(comparison));
        }
        for text in ["4", "<", "< -1", "<+1", "=<4", "<4x", "<99999999999999999999", ""] {
            assert_eq!(Comparison::parse(text), None, "{text}");
        }
    }
}
