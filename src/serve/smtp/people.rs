//! VRFY and EXPN: who is behind an address (RFC 5321 §3.5, spec connectors-and-smtp §8.8).

use crate::config::Config;
use crate::mail::{Address, Recipient};
use crate::proto::smtp::server::Reply;
use crate::route::{Destination, Origin, Resolution, resolve};

/// Lines of one reply, at most.
const LINES: usize = 200;

pub(super) fn verify(config: &Config, text: &str) -> Vec<Reply> {
    let Some(address) = read(text) else { return vec![Reply::unknown_recipient()] };
    match resolve(config, Origin::Office, Recipient::new(address.clone())) {
        Resolution::Local(destinations) => match destinations.as_slice() {
            [Destination::Mailbox { user, .. }] => vec![Reply::known(person(config, *user))],
            _ => vec![Reply::known(format!("<{}>", address.or_domain(&config.general.default_domain)))],
        },
        Resolution::Outgoing(_) | Resolution::Remote(_) => vec![Reply::cannot_verify()],
        Resolution::Unknown => vec![Reply::unknown_recipient()],
    }
}

/// Where an address leads, one line a place.
pub(super) fn expand(config: &Config, text: &str) -> Vec<Reply> {
    let Some(address) = read(text) else { return vec![Reply::unknown_recipient()] };
    let Resolution::Local(destinations) = resolve(config, Origin::Office, Recipient::new(address)) else {
        return vec![Reply::unknown_recipient()];
    };
    let mut lines: Vec<Reply> = destinations.iter().filter_map(|place| line(config, place)).take(LINES).collect();
    if lines.is_empty() {
        lines.push(Reply::cannot_verify());
    }
    lines
}

fn line(config: &Config, place: &Destination) -> Option<Reply> {
    match place {
        Destination::Mailbox { user, .. } => Some(Reply::known(person(config, *user))),
        Destination::Outgoing(recipient) => Some(Reply::known(format!("<{}>", recipient.address))),
        _ => None,
    }
}

/// An address, in angle brackets or bare; or a name.
fn read(text: &str) -> Option<Address> {
    let text = text.trim();
    let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    Address::parse(bare).ok()
}

fn person(config: &Config, id: u32) -> String {
    let Some(user) = config.users.iter().find(|user| user.id == id) else { return String::new() };
    let domain = &config.general.default_domain;
    let address = if domain.is_empty() { user.name.clone() } else { format!("{}@{domain}", user.name) };
    let shown: String = user.full_name.chars().filter(|c| !c.is_control()).collect();
    if shown.is_empty() { format!("<{address}>") } else { format!("{shown} <{address}>") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::User;

    fn office() -> Config {
        let user = |id, name: &str, full: &str| User {
            id,
            name: name.into(),
            full_name: full.into(),
            aliases: vec!["sales".into()],
            ..User::default()
        };
        let mut config = Config { users: vec![user(1, "anna", "Anna Ohm"), user(2, "bert", "")], ..Config::default() };
        config.general.default_domain = "office.example".into();
        config
    }

    fn said(replies: Vec<Reply>) -> Vec<String> {
        replies.iter().map(|reply| format!("{} {}", reply.code(), reply.text())).collect()
    }

    #[test]
    fn people_are_found_by_name_and_address() {
        let config = office();
        for text in ["anna", "<Anna@office.example>", " anna@office.example"] {
            assert_eq!(said(verify(&config, text)), ["250 Anna Ohm <anna@office.example>"], "{text}");
        }
        assert_eq!(said(verify(&config, "sales")), ["250 <sales@office.example>"]);
        assert_eq!(said(verify(&config, "carl")), ["550 No such user here"]);
        assert_eq!(said(verify(&config, "x y")), ["550 No such user here"]);
        assert_eq!(verify(&config, "x@far.example")[0].code(), 252);
    }

    #[test]
    fn an_alias_shows_where_it_leads() {
        let config = office();
        assert_eq!(said(expand(&config, "sales")), ["250 Anna Ohm <anna@office.example>", "250 <bert@office.example>"]);
        assert_eq!(said(expand(&config, "x@far.example")), ["550 No such user here"]);
    }
}
