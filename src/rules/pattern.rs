//! Patterns with `*` (any run of characters, also none) and `?` (one character), compared without regard to case.
//!
//! Time is at most proportional to pattern length times text length, whatever the pattern: on a mismatch only the latest
//! `*` is widened, since a match that gives an earlier `*` more could give the latest one more instead.

/// Whether the whole of `text` matches `pattern`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What to go back to: the pattern after the latest `*`, and the text where that `*` ends now.
    let mut star: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let before = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                text = before.clone();
                star = Some((pattern.clone(), before));
            }
            (Some('?'), Some(_)) => {}
            (Some(p), Some(t)) if same(p, t) => {}
            (None, None) => return true,
            _ => {
                let Some((after_star, star_end)) = &mut star else { return false };
                if star_end.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = star_end.clone();
            }
        }
    }
}

/// Whether the text has a `*` or `?`.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn same(a: char, b: char) -> bool {
    a == b || a.eq_ignore_ascii_case(&b) || (!a.is_ascii() && !b.is_ascii() && a.to_lowercase().eq(b.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, exponential in the worst case.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => plainly(rest, text),
            (Some(('*', rest)), Some((_, more))) => plainly(rest, text) || plainly(pattern, more),
            (Some(('?', rest)), Some((_, more))) => plainly(rest, more),
            (Some((p, rest)), Some((t, more))) => p.to_lowercase().eq(t.to_lowercase()) && plainly(rest, more),
            _ => false,
        }
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("*.office.example", "mail.OFFICE.example", true),
            ("*.office.example", "office.example", false),
            ("joe.*@example.org", "Joe.Smith@example.org", true),
            ("office.???", "office.com", true),
            ("office.???", "office.info", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
            ("bücher.*", "BÜCHER.example", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn no_pattern_takes_exponential_time() {
        let pattern = "a*".repeat(100) + "b";
        let text = "a".repeat(10_000);
        assert!(!matches(&pattern, &text));
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[aAb*?é]{0,8}", text in "[aAbBéÉ]{0,9}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), plainly(&p, &t));
        }
    }
}
