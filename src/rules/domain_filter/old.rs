//! The language from before: a mail goes if any rule for its sender and any rule for the recipient match; where there are
//! only rules of one kind, those decide.

use super::{Condition, Field, Line, MAX_LINES, Match, Mistake, What};

/// As lines of the current language: one for each pair of a sender's and a recipient's rule.
pub(super) fn parse(lines: &[&str]) -> Result<Vec<Line>, Vec<Mistake>> {
    let (mut senders, mut domains, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
    for (index, text) in lines.iter().enumerate() {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let column = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
        match rule(trimmed) {
            Ok(condition) if matches!(condition.what, What::Text(Field::From, _)) => senders.push(condition),
            Ok(condition) => domains.push(condition),
            Err((skipped, text)) => mistakes.push(Mistake::new(index + 1, column + skipped, text)),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let line = |conditions: Vec<Condition>| Line { attempt: true, conditions };
    if senders.is_empty() || domains.is_empty() {
        return Ok(senders.into_iter().chain(domains).map(|condition| line(vec![condition])).collect());
    }
    if senders.len().saturating_mul(domains.len()) > MAX_LINES {
        let text = format!("{} sender rules with {} domain rules are too many", senders.len(), domains.len());
        return Err(vec![Mistake::new(1, 1, text)]);
    }
    let pairs = senders.iter().flat_map(|sender| domains.iter().map(move |domain| (sender, domain)));
    Ok(pairs.map(|(sender, domain)| line(vec![sender.clone(), domain.clone()])).collect())
}

/// What is wrong, behind so many characters.
fn rule(text: &str) -> Result<Condition, (usize, String)> {
    let (mut negated, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest.trim_start()));
    let is_from = rest.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("from:"));
    let mut pattern = if is_from { rest.get(5..).unwrap_or_default().trim_start() } else { rest };
    if let Some(inner) = pattern.strip_prefix('!') {
        (negated, pattern) = (!negated, inner.trim_start());
    }
    let skipped = text.chars().count() - pattern.chars().count();
    if pattern.is_empty() {
        return Err((skipped, "a pattern is missing".into()));
    }
    if pattern.contains([' ', '\t', ':', '"', '=']) || (!is_from && pattern.contains('@')) {
        let text = "is neither \"From: address\" nor a domain; a line of the current language begins with \"Attempt:\" or \"Skip:\"";
        return Err((skipped, format!("\"{pattern}\" {text}")));
    }
    let (field, wanted) = if is_from {
        (Field::From, Match::Pattern(pattern.to_string()))
    } else {
        (Field::To, Match::Domain(pattern.to_string()))
    };
    Ok(Condition { negated, what: What::Text(field, wanted) })
}
