//! IP access restrictions as the reference product keeps them, for people who move (spec connectors-and-smtp §8.3): the
//! stored form (`SMTPALLOWED.DAT` and its like) and the old text form.
//!
//! Stored: a line `0` or `1` (whether the global list counts too), then a line a row with seven fields between `|`: allow,
//! type, address, prefix, allow unauth, users between tabs, comment. Text: `[!]network [mask] [user …]` a line, `#` begins
//! a comment. A text whose first line is `0` or `1` is the stored form.

use std::net::{IpAddr, Ipv4Addr};

use super::Mistake;
use super::network::{LOCAL_NETWORKS, Network};
use super::words::{Word, lines, words};

/// Most rows.
const MOST: usize = 1000;
/// Mistakes told at most.
const MOST_MISTAKES: usize = 50;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Whether the global list counts too. `None`: not said.
    pub use_global: Option<bool>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub allow: bool,
    /// `any`, `local-networks`, `routers`, an address or a network.
    pub network: String,
    /// `None`: not said.
    pub no_auth: Option<bool>,
    pub users: Vec<String>,
    pub comment: String,
}

/// Reads either form.
pub fn parse(text: &str) -> Result<Restrictions, Vec<Mistake>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().next().unwrap_or_default().trim();
    let stored = matches!(first, "0" | "1");
    let mut read = Restrictions { use_global: stored.then_some(first == "1"), rows: Vec::new() };
    let mut mistakes = Vec::new();
    for (number, line) in lines(text).skip(usize::from(stored)) {
        let row = if stored { stored_row(line) } else { text_row(line) };
        match row {
            Ok(None) => {}
            Ok(Some(_)) if read.rows.len() >= MOST => {
                mistakes.push(Mistake::new(number, 1, format!("there are more than {MOST} rows")));
                break;
            }
            Ok(Some(row)) => read.rows.push(row),
            Err((column, why)) => mistakes.push(Mistake::new(number, column, why)),
        }
        if mistakes.len() >= MOST_MISTAKES {
            break;
        }
    }
    if mistakes.is_empty() { Ok(read) } else { Err(mistakes) }
}

/// A column and what is wrong there.
type Wrong = (usize, String);

fn stored_row(line: &str) -> Result<Option<Row>, Wrong> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    let mut column = 1;
    let mut fields = Vec::with_capacity(7);
    for field in line.splitn(7, '|') {
        fields.push(Word { text: field.trim(), column });
        column += field.chars().count() + 1;
    }
    let &[allow, kind, address, prefix, no_auth, users, comment] = fields.as_slice() else {
        return Err((1, format!("a row has seven fields between |, not {}", fields.len())));
    };
    let users = users.text.split('\t').map(str::trim).filter(|user| !user.is_empty());
    let users: Vec<String> = users.map(str::to_string).collect();
    if let Some(number) = users.iter().find(|user| user.bytes().all(|byte| byte.is_ascii_digit())) {
        let column = fields.get(5).map_or(1, |word| word.column);
        return Err((column, format!("{number} is a user's number there; put the user's name in its place")));
    }
    Ok(Some(Row {
        allow: flag(allow)?,
        network: stored_network(kind, address, prefix)?,
        no_auth: Some(flag(no_auth)?),
        users,
        comment: comment.text.chars().filter(|c| !c.is_control()).collect(),
    }))
}

fn flag(word: Word<'_>) -> Result<bool, Wrong> {
    match word.text {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err((word.column, format!("\"{other}\" should be 0 or 1"))),
    }
}

fn stored_network(kind: Word<'_>, address: Word<'_>, prefix: Word<'_>) -> Result<String, Wrong> {
    let v6 = match kind.text {
        "0" => {
            return match prefix.text {
                "0" => Ok("any".into()),
                "1" => Ok(LOCAL_NETWORKS.into()),
                "2" => Ok("routers".into()),
                other => {
                    Err((prefix.column, format!("\"{other}\" should be 0 (any), 1 (local networks) or 2 (routers)")))
                }
            };
        }
        "2" => false,
        "23" => true,
        "100" => return Err((kind.column, "countries (GeoIP) are not offered here; name the networks".into())),
        other => return Err((kind.column, format!("\"{other}\" should be 0 (special), 2 (IPv4) or 23 (IPv6)"))),
    };
    match address.text.parse::<IpAddr>() {
        Ok(ip) if ip.is_ipv6() == v6 => {}
        _ => {
            let family = if v6 { "IPv6" } else { "IPv4" };
            return Err((address.column, format!("\"{}\" is no {family} address", address.text)));
        }
    }
    let network = match prefix.text {
        "" => address.text.to_string(),
        prefix => format!("{}/{prefix}", address.text),
    };
    named(&network).ok_or((prefix.column, format!("\"{}\" is no prefix length here", prefix.text)))
}

fn text_row(line: &str) -> Result<Option<Row>, Wrong> {
    let (line, comment) = line.split_once('#').unwrap_or((line, ""));
    let mut words = words(line).peekable();
    let Some(first) = words.next() else { return Ok(None) };
    let (allow, network) = match first.text.strip_prefix('!') {
        Some(rest) => (false, Word { text: rest, column: first.column + 1 }),
        None => (true, first),
    };
    let Ok(address) = network.text.parse::<Ipv4Addr>() else {
        return Err((network.column, format!("\"{}\" is no address such as 192.168.1.0", network.text)));
    };
    let mask = words.next_if(|word| word.text.parse::<Ipv4Addr>().is_ok());
    let prefix = match mask {
        None => 32,
        Some(mask) => prefix_of(mask.text).ok_or((mask.column, format!("\"{}\" is no network mask", mask.text)))?,
    };
    let users: Vec<Word<'_>> = words.collect();
    if let Some(user) = users.first().filter(|_| !allow) {
        return Err((user.column, "a row that blocks has no users".into()));
    }
    let network = named(&format!("{address}/{prefix}")).ok_or((network.column, "is no network".to_string()))?;
    let users = users.iter().map(|user| user.text.to_string()).collect();
    let comment = comment.trim().chars().filter(|c| !c.is_control()).collect();
    Ok(Some(Row { allow, network, no_auth: None, users, comment }))
}

/// As the settings write it.
fn named(text: &str) -> Option<String> {
    let network = Network::parse(text).ok()?;
    let everybody = network.is_everything() && network.address().is_ipv4();
    Some(if everybody { "any".into() } else { network.to_string() })
}

fn prefix_of(mask: &str) -> Option<u32> {
    let bits = mask.parse::<Ipv4Addr>().ok()?.to_bits();
    let prefix = bits.leading_ones();
    (bits.count_ones() == prefix).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(bool, String, Option<bool>, Vec<String>)> {
        let read = parse(text).unwrap();
        read.rows.into_iter().map(|row| (row.allow, row.network, row.no_auth, row.users)).collect()
    }

    fn mistakes(text: &str) -> Vec<(usize, usize)> {
        parse(text).unwrap_err().into_iter().map(|mistake| (mistake.line, mistake.column)).collect()
    }

    /// The example of the manual.
    #[test]
    fn the_text_form() {
        let text = "!192.168.0.1 # the router\r\n\r\n192.168.0.0 255.255.0.0\n0.0.0.0 0.0.0.0 fred bob\n";
        assert_eq!(
            rows(text),
            [
                (false, "192.168.0.1".into(), None, vec![]),
                (true, "192.168.0.0/16".into(), None, vec![]),
                (true, "any".into(), None, vec!["fred".into(), "bob".into()]),
            ]
        );
        let read = parse(text).unwrap();
        assert_eq!((read.use_global, read.rows[0].comment.as_str()), (None, "the router"));
    }

    #[test]
    fn the_stored_form() {
        let text = "1\n0|0||2|0||routers\n1|0||1|0||\n1|2|192.0.2.0|24|1|fred\tbob|a | b\n1|23|2001:db8::|32|0||\n1|2|192.0.2.9||0||\n";
        let read = parse(text).unwrap();
        assert_eq!((read.use_global, read.rows[2].comment.as_str()), (Some(true), "a | b"));
        assert_eq!(
            rows(text),
            [
                (false, "routers".into(), Some(false), vec![]),
                (true, "local-networks".into(), Some(false), vec![]),
                (true, "192.0.2.0/24".into(), Some(true), vec!["fred".into(), "bob".into()]),
                (true, "2001:db8::/32".into(), Some(false), vec![]),
                (true, "192.0.2.9".into(), Some(false), vec![]),
            ]
        );
        assert_eq!(parse("0\n").unwrap(), Restrictions { use_global: Some(false), rows: vec![] });
    }

    #[test]
    fn mistakes_are_named_by_line_and_column() {
        assert_eq!(mistakes("192.168.0\n  !10.0.0.0 255.0.255.0\n!10.0.0.1 fred"), [(1, 1), (2, 13), (3, 11)]);
        assert_eq!(
            mistakes(
                "0\n1|0||1|0\n2|0||1|0||\n1|100|DE||0||\n1|2|::1|24|0||\n1|2|10.0.0.0|33|0||\n1|0||7|0||\n1|0||0|0|5|"
            ),
            [(2, 1), (3, 1), (4, 3), (5, 5), (6, 14), (7, 6), (8, 10)]
        );
    }

    #[test]
    fn rows_are_bounded() {
        assert!(parse(&"10.0.0.1\n".repeat(MOST)).is_ok());
        assert_eq!(mistakes(&"10.0.0.1\n".repeat(MOST + 5)), [(MOST + 1, 1)]);
        assert_eq!(mistakes(&"x\n".repeat(1000)).len(), MOST_MISTAKES);
    }
}
