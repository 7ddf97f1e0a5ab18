use super::*;
use crate::config::{General, RoutingHeader};

fn user(id: u32, name: &str, aliases: &[&str]) -> User {
    User { id, name: name.into(), aliases: aliases.iter().map(|a| a.to_string()).collect(), ..User::default() }
}

fn office() -> Config {
    Config {
        general: General {
            host_name: "box.office.example".into(),
            default_domain: "office.example".into(),
            local_domains: vec!["office.example".into(), "*.branch.example".into(), "fred@partner.example".into()],
            main_administrator: "Anna".into(),
            ..General::default()
        },
        users: vec![
            user(1, "anna", &["sales", "boss"]),
            user(2, "Bob", &["sales", "bob@private.example", "info@office.example"]),
            user(3, "fred", &[]),
            User { enabled: false, ..user(4, "gone", &["left", "left@private.example"]) },
        ],
        ..Config::default()
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// `Ok`: numbers and letters of the local users; `Err`: why not.
fn found(config: &Config, text: &str) -> Result<Vec<(u32, char)>, String> {
    found_by(config, Origin::Office, text)
}

fn found_by(config: &Config, origin: Origin, text: &str) -> Result<Vec<(u32, char)>, String> {
    match resolve(config, origin, Recipient::new(address(text))) {
        Resolution::Local(destinations) => Ok(users(&destinations)),
        Resolution::Unknown => Err("unknown".into()),
        Resolution::Remote(_) => Err("remote".into()),
        Resolution::Outgoing(recipient) => Err(format!("out to {}", recipient.address)),
    }
}

fn users(destinations: &[Destination]) -> Vec<(u32, char)> {
    let one = |destination: &Destination| match destination {
        Destination::Mailbox { user, reason, .. } => (*user, *reason),
        other => panic!("{other:?} is not here"),
    };
    destinations.iter().map(one).collect()
}

#[test]
fn recipients_lead_where_the_office_means() {
    let config = office();
    let unknown = || Err("unknown".to_string());
    let out = |text: &str| Err(format!("out to {text}"));
    for (recipient, expected) in [
        ("bob", Ok(vec![(2, 'D')])),
        ("BOB@Office.Example", Ok(vec![(2, 'D')])),
        ("bob@office.example.", Ok(vec![(2, 'D')])),
        ("bob@north.branch.example", Ok(vec![(2, 'D')])),
        ("bob@branch.example", out("bob@branch.example")),
        ("sales@office.example", Ok(vec![(1, 'M'), (2, 'M')])),
        ("Sales", Ok(vec![(1, 'M'), (2, 'M')])),
        ("sales@elsewhere.example", out("sales@elsewhere.example")),
        ("Bob@Private.example", Ok(vec![(2, 'M')])),
        ("anna@private.example", out("anna@private.example")),
        ("info@office.example", Ok(vec![(2, 'M')])),
        ("info@north.branch.example", unknown()),
        ("fred@partner.example", Ok(vec![(3, 'D')])),
        ("anna@partner.example", out("anna@partner.example")),
        ("nobody@office.example", unknown()),
        ("nobody", unknown()),
        ("gone@office.example", unknown()),
        ("left@office.example", unknown()),
        ("left@private.example", out("left@private.example")),
        ("bob%elsewhere.example@office.example", unknown()),
        ("\"bob\"@office.example", Ok(vec![(2, 'D')])),
    ] {
        assert_eq!(found(&config, recipient), expected, "{recipient}");
    }
}

#[test]
fn postmaster_always_leads_to_somebody() {
    let mut config = office();
    for recipient in [
        "postmaster",
        "Postmaster@office.example",
        "postmaster@north.branch.example",
        "postmaster@box.office.example",
        "postmaster@[192.0.2.1]",
        "abuse@office.example",
        "Mailer_Daemon@office.example",
    ] {
        assert_eq!(found(&config, recipient), Ok(vec![(1, 'M')]), "{recipient}");
    }
    assert_eq!(found(&config, "postmaster@other.example"), Err("out to postmaster@other.example".into()));
    assert_eq!(found(&config, "bob@[192.0.2.1]"), Err("out to bob@[192.0.2.1]".into()));

    config = config.clone();
    config.users.push(user(5, "postmaster", &[]));
    assert_eq!(found(&config, "postmaster@office.example"), Ok(vec![(5, 'D')]));

    config = config.clone();
    config.users.pop();
    config.general.main_administrator = "gone".into();
    config.users[2].administrator = true;
    assert_eq!(found(&config, "postmaster"), Ok(vec![(3, 'M')]), "the first administrator stands in");
}

#[test]
fn a_box_without_a_domain_takes_bare_names() {
    let config = Config { users: vec![user(1, "anna", &[])], ..Config::default() };
    assert_eq!(found(&config, "Anna"), Ok(vec![(1, 'D')]));
    assert_eq!(found(&config, "bob"), Err("unknown".into()));
    assert_eq!(found(&config, "anna@office.example"), Err("out to anna@office.example".into()));
}

#[test]
fn an_alias_replaces_the_user_unless_he_has_it_too() {
    let mut config = office();
    config.users[0].aliases.push("bob@office.example".into());
    assert_eq!(found(&config, "bob@office.example"), Ok(vec![(1, 'M')]));
    config = config.clone();
    config.users[1].aliases.push("bob".into());
    assert_eq!(found(&config, "bob@office.example"), Ok(vec![(1, 'M'), (2, 'M')]));
}

#[test]
fn recipients_keep_their_delivery_wishes_on_the_way_out() {
    let mut recipient = Recipient::new(address("x@elsewhere.example"));
    recipient.orcpt = Some("rfc822;y@z.example".into());
    assert_eq!(resolve(&office(), Origin::Office, recipient.clone()), Resolution::Outgoing(recipient));
}

#[test]
fn targets_are_users_or_addresses() {
    let config = office();
    let to = |text: &str| target(&config, text).map(|destinations| users(&destinations));
    assert_eq!(to(" BOB "), Some(vec![(2, 'D')]));
    assert_eq!(to("sales"), Some(vec![(1, 'M'), (2, 'M')]));
    assert_eq!(to("bob@private.example"), Some(vec![(2, 'M')]));
    assert_eq!(to("gone"), None);
    assert_eq!(to("nobody"), None);
    assert_eq!(to(""), None);
    assert_eq!(to("no address"), None);
    let out = target(&config, "x@elsewhere.example").unwrap();
    assert_eq!(out, [Destination::Outgoing(Recipient::new(address("x@elsewhere.example")))]);
    let bob = target(&config, "bob").unwrap();
    assert_eq!(bob, [Destination::Mailbox { user: 2, original: address("Bob@office.example"), reason: 'D' }]);
}

#[test]
fn only_the_headers_that_are_set_are_looked_at() {
    let header = b"Received: from a by b for <r@a.example>; Sun, 22 Nov 2026 09:00:00 +0100\r\nTo: t@a.example\r\n\
        Cc: c@a.example\r\nApparently-To: p@a.example\r\nResent-To: s@a.example\r\nResent-Cc: d@a.example\r\n\
        Bcc: b@a.example\r\n\r\n";
    let all = ["r@a.example", "t@a.example", "c@a.example", "p@a.example", "s@a.example", "d@a.example"];
    assert_eq!(named_in(&RoutingHeader::ALL, header), all);
    assert!(named_in(&[], header).is_empty());
    let only = |name| named_in(&[name], header);
    assert_eq!(only(RoutingHeader::Received), ["r@a.example"]);
    assert_eq!(only(RoutingHeader::ApparentlyTo), ["p@a.example"]);
    assert_eq!(only(RoutingHeader::ResentCc), ["d@a.example"]);
}

/// As a collector does that looks at all standard headers.
pub(super) fn by_headers(config: &Config, accepted: &[String], implied: bool, header: &[u8]) -> Found {
    let mut found = Found::default();
    let mut seen = std::collections::HashSet::new();
    for named in named_in(&RoutingHeader::ALL, header) {
        if let Ok(address) = Address::parse(named.trim())
            && seen.insert(address.as_str().to_lowercase())
        {
            found.add(config, accepted, implied, &address);
        }
    }
    found
}

fn from_headers(accepted: &[&str], header: &str) -> Vec<(u32, char)> {
    let accepted: Vec<String> = accepted.iter().map(|entry| entry.to_string()).collect();
    users(&by_headers(&office(), &accepted, true, header.as_bytes()).destinations)
}

#[test]
fn headers_name_the_recipients() {
    let header = "Return-Path: <anna@office.example>\r\n\
        Received: from mx.provider.example (mx.provider.example [192.0.2.1])\r\n\
        \tby pop.provider.example (Postfix) with ESMTP id 4F1C2\r\n\
        \tfor <fred@catch.example>; Mon, 1 Sep 2025 10:00:00 +0200 (CEST)\r\n\
        From: Bob <bob@catch.example>\r\n\
        To: \"Bob, at the office\" <BOB@catch.example>, stranger@other.example,\r\n\
        \tundisclosed: nobody@catch.example, sales@catch.example;\r\n\
        Cc: bob@catch.example (again), anna@catch.example\r\n\
        Subject: to anna@catch.example\r\n\r\n";
    // Each way is kept, for the marker headers; intake makes one copy a user of them.
    assert_eq!(from_headers(&["catch.example"], header), [(3, 'D'), (2, 'D'), (1, 'M'), (2, 'M'), (1, 'D')]);
    assert_eq!(from_headers(&["bob@catch.example"], header), [(2, 'D')]);
    assert_eq!(from_headers(&["other.example"], header), []);
    assert_eq!(from_headers(&["f*@catch.example", "@*.example"], header).len(), 5);
    assert_eq!(from_headers(&[], header), []);
}

#[test]
fn each_header_counts() {
    for name in ["To", "cc", "Apparently-To", "Resent-To", "RESENT-CC"] {
        assert_eq!(
            from_headers(&["catch.example"], &format!("{name}: bob@catch.example\r\n\r\n")),
            [(2, 'D')],
            "{name}"
        );
        assert_eq!(from_headers(&["catch.example"], &format!("{name}:<bob@catch.example>")), [(2, 'D')], "{name}");
    }
    for name in ["From", "Bcc", "Subject", "X-To", "Reply-To"] {
        assert_eq!(from_headers(&["catch.example"], &format!("{name}: bob@catch.example\r\n\r\n")), [], "{name}");
    }
}

#[test]
fn broken_headers_are_survived() {
    let headers = [
        "",
        "\r\n",
        "To:",
        "To: <",
        "To: \"bob@catch.example",
        "To: ,,,;;:<<>>@@",
        "Received: for",
        "Received: for <",
        "To bob@catch.example\r\n\r\nTo: bob@catch.example",
    ];
    for header in headers {
        from_headers(&["*"], header);
    }
    let with_bytes = b"To: \xff\xfe <bob@catch.example>, \x80\x00@catch.example\r\n\r\n";
    assert_eq!(users(&by_headers(&office(), &["catch.example".into()], true, with_bytes).destinations), [(2, 'D')]);
    let many = format!("To: {}bob@catch.example\n\n", "x@y.example, ".repeat(2000));
    assert_eq!(from_headers(&["catch.example"], &many), [(2, 'D')]);
}

proptest::proptest! {
    #[test]
    fn no_header_ends_the_program(header in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let mut whole = b"To: bob@catch.example, ".to_vec();
        whole.extend(&header);
        by_headers(&office(), &["*".into()], true, &whole);
    }
}
