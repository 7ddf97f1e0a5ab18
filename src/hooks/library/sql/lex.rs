//! Words, numbers, strings and signs of a question.

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// In small letters.
    Word(String),
    Number(f64),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 17] = ["<>", "!=", "<=", ">=", "::", "||", "=", "<", ">", "(", ")", ",", "*", "+", "-", ";", "."];

pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let taken = if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            tokens.push(Token::Word(rest.get(..end).unwrap_or_default().to_lowercase()));
            end
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
            let number = rest.get(..end).unwrap_or_default();
            tokens.push(Token::Number(number.parse().map_err(|_| format!("{number} is no number"))?));
            end
        } else if first == '\'' {
            quoted(rest, &mut tokens, '\'', Token::Text)?
        } else if first == '"' {
            quoted(rest, &mut tokens, '"', |name| Token::Word(name.to_lowercase()))?
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("{first} is not understood"))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Up to the closing quote; a doubled one stands for itself. Gives the length.
fn quoted(rest: &str, tokens: &mut Vec<Token>, quote: char, token: impl Fn(String) -> Token) -> Result<usize, String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            text.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            tokens.push(token(text));
            return Ok(at + 1);
        }
    }
    Err("a quote is not closed".into())
}
