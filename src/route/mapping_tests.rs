//! Mappings, LAN rules and what comes of them; and the tables against a plain reading of the order.

use proptest::prelude::*;

use super::tests::by_headers;
use super::*;
use crate::config::{DomainMapping, General, Lan, LanCondition, LanRule, Login, Mapping, Secret};
use crate::rules::{AddressForm, Target};

const ORIGINS: [Origin; 3] = [Origin::Office, Origin::Outside, Origin::Collected];

fn mapping(address: &str, target: &str) -> Mapping {
    Mapping { address: address.into(), target: target.into(), ..Mapping::default() }
}

fn typed(address: &str, target: &str, mail_type: MappingType) -> Mapping {
    Mapping { mail_type, ..mapping(address, target) }
}

fn rule(address: &str, server: &str, rewrite: &str) -> LanRule {
    LanRule {
        name: server.into(),
        addresses: vec![address.into()],
        server: server.into(),
        rewrite_address: rewrite.into(),
        ..LanRule::default()
    }
}

fn office(mappings: Vec<Mapping>) -> Config {
    let names = ["anna", "bob", "carl", "dora"];
    let users = names.iter().zip(1..).map(|(name, id)| User { id, name: (*name).into(), ..User::default() });
    Config {
        general: General {
            host_name: "box.office.example".into(),
            default_domain: "office.example".into(),
            local_domains: vec!["office.example".into(), "*.branch.example".into()],
            main_administrator: "anna".into(),
            ..General::default()
        },
        users: users.collect(),
        mappings,
        ..Config::default()
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Where a recipient leads, as words: names of users, addresses with an arrow, `-` for nobody.
fn led(config: &Config, origin: Origin, text: &str) -> String {
    match resolve(config, origin, Recipient::new(address(text))) {
        Resolution::Local(destinations) => words(config, &destinations),
        Resolution::Unknown => "unknown".into(),
        Resolution::Remote(_) => "remote".into(),
        Resolution::Outgoing(recipient) => format!("not ours: {}", recipient.address),
    }
}

fn words(config: &Config, destinations: &[Destination]) -> String {
    let word = |destination: &Destination| match destination {
        Destination::Mailbox { user, reason, .. } => format!("{}/{reason}", config.user(*user).unwrap().name),
        Destination::Outgoing(Recipient { address, lan: Some(server), .. }) => format!("{address} at {server}"),
        Destination::Outgoing(recipient) => format!(">{}", recipient.address),
        Destination::Nowhere(_) => "-".into(),
        Destination::Answer { .. } => "answer".into(),
    };
    destinations.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn mappings_replace_the_user_and_all_apply() {
    let config = office(vec![
        mapping("bob", "carl"),
        mapping("carl", "carl"),
        mapping("carl", "dora"),
        mapping("sales@shop.example", "anna"),
        mapping("sales", "bob@office.example"),
        mapping("sales@office.example", "carl"),
        mapping("info", "sales"),
        mapping("out", "Boss@Home.Example"),
        mapping("spam", "no-one"),
        mapping("far", "SMTP:bob@branch.example@u:pw@10.0.0.5:26"),
    ]);
    for (recipient, expected) in [
        ("anna", "anna/D"),
        ("bob@office.example", "carl/M"),
        ("bob@north.branch.example", "carl/M"),
        ("bob@elsewhere.example", "not ours: bob@elsewhere.example"),
        ("CARL", "carl/M dora/M"),
        ("Sales@Shop.example", "anna/M"),
        ("other@shop.example", "not ours: other@shop.example"),
        // Where a mapping leads, a user's own name comes first.
        ("sales", "carl/M bob/M"),
        ("sales@north.branch.example", "bob/M"),
        ("info", "carl/M bob/M"),
        ("out", ">Boss@home.example"),
        ("spam", "-"),
        ("far", "bob@branch.example at LAN server 10.0.0.5:26"),
        ("nobody", "unknown"),
    ] {
        for origin in ORIGINS {
            assert_eq!(led(&config, origin, recipient), expected, "{recipient} {origin:?}");
        }
    }
    let server = crate::mail::LanServer { host: "10.0.0.5".into(), port: 26, user: "u".into() };
    assert_eq!(config.lan_password(&server), Some(&Secret::new("pw")));
}

#[test]
fn wildcards_take_users_unless_they_have_mappings_of_their_own() {
    let config = office(vec![
        mapping("*@office.example", "bob"),
        mapping("c*", "dora"),
        mapping("anna", "anna"),
        mapping("~@shop.example", "carl"),
        mapping("~@office.example", "anna"),
    ]);
    for (recipient, expected) in [
        ("anna", "anna/M"),
        ("dora", "bob/M"),
        ("carl", "bob/M dora/M"),
        ("carl@x.branch.example", "dora/M"),
        ("dora@x.branch.example", "dora/D"),
        ("nobody", "bob/M"),
        ("any@shop.example", "carl/M"),
        ("any@x.shop.example", "not ours: any@x.shop.example"),
    ] {
        assert_eq!(led(&config, Origin::Outside, recipient), expected, "{recipient}");
    }
}

#[test]
fn the_last_resort_comes_last() {
    let mut config = office(vec![mapping("~@office.example", "dora")]);
    config.lan = Lan {
        rules: vec![
            rule("bob@office.example", "one", ""),
            rule("eve@office.example", "two", "*@branch.example"),
            rule("~@office.example", "three", ""),
            rule("~@x.branch.example", "four", "all@hq.example"),
        ],
        ..Lan::default()
    };
    for (recipient, expected) in [
        ("bob", "bob/D"),
        ("eve", "eve@branch.example at LAN server two:25"),
        ("nobody", "dora/M"),
        ("postmaster", "dora/M"),
        ("nobody@x.branch.example", "all@hq.example at LAN server four:25"),
        ("nobody@y.branch.example", "unknown"),
        ("postmaster@y.branch.example", "anna/M"),
    ] {
        assert_eq!(led(&config, Origin::Outside, recipient), expected, "{recipient}");
    }
}

#[test]
fn lan_rules_are_for_their_mail_and_the_first_counts() {
    let mut config = office(vec![]);
    let conditional = |condition, server| LanRule { condition, ..rule("?ve@*.example", server, "") };
    config.lan.rules = vec![
        conditional(LanCondition::Pop3, "a"),
        conditional(LanCondition::Smtp, "B.example"),
        conditional(LanCondition::All, "c"),
        rule("frank", "d", ""),
    ];
    config.lan.rules[1].login = Some(Login { user: "u".into(), password: Secret::new("p") });
    assert_eq!(led(&config, Origin::Collected, "eve@far.example"), "eve@far.example at LAN server a:25");
    for origin in [Origin::Office, Origin::Outside] {
        assert_eq!(led(&config, origin, "Eve@far.example"), "Eve@far.example at LAN server b.example:25");
    }
    assert_eq!(config.lan_password(&config.lan.rules[1].target()), Some(&Secret::new("p")));
    assert_eq!(led(&config, Origin::Outside, "frank"), "unknown", "bare names are not allowed");
    let mut config = config.clone();
    config.lan.allow_bare_names = true;
    assert_eq!(led(&config, Origin::Outside, "frank"), "frank@office.example at LAN server d:25");
    assert_eq!(led(&config, Origin::Outside, "frank@far.example"), "not ours: frank@far.example");
}

#[test]
fn remote_goes_out_for_the_office_only() {
    let config = office(vec![
        mapping("far@office.example", "*REMOTE"),
        mapping("bob", "bob"),
        mapping("bob", "*remote"),
        mapping("~@x.branch.example", "*REMOTE"),
    ]);
    assert_eq!(led(&config, Origin::Office, "far"), ">far@office.example");
    assert_eq!(led(&config, Origin::Outside, "far"), "remote");
    assert_eq!(led(&config, Origin::Office, "bob"), "bob/M >bob@office.example");
    assert_eq!(led(&config, Origin::Outside, "bob"), "bob/M");
    assert_eq!(led(&config, Origin::Outside, "any@x.branch.example"), "remote");
    assert_eq!(led(&config, Origin::Outside, "postmaster@x.branch.example"), "anna/M");
}

#[test]
fn a_type_limits_a_mapping() {
    let config = office(vec![
        typed("bob", "carl", MappingType::Local),
        typed("bob", "dora", MappingType::Smtp),
        typed("bob", "anna", MappingType::Pop3),
        typed("carl", "anna", MappingType::Pop3),
    ]);
    let all = |recipient| ORIGINS.map(|origin| led(&config, origin, recipient));
    assert_eq!(all("bob"), ["carl/M", "dora/M", "anna/M"]);
    assert_eq!(all("carl"), ["carl/D", "carl/D", "anna/M"]);
}

#[test]
fn an_external_domain_counts_as_the_internal_one() {
    let mut config = office(vec![mapping("sales@office.com", "carl"), mapping("info@office.example", "dora")]);
    let of = |internal: &str, external: &str| DomainMapping { internal: internal.into(), external: external.into() };
    config.domain_mappings = vec![of("Office.Example", "Office.com"), of("hq.example", "hq.com")];
    config.lan.rules = vec![rule("*@hq.example", "hq", "")];
    for (recipient, expected) in [
        ("bob@office.COM", "bob/D"),
        ("sales@office.com", "carl/M"),
        ("sales", "carl/M"),
        ("info@office.com", "dora/M"),
        ("nobody@office.com", "unknown"),
        ("any@hq.com", "any@hq.example at LAN server hq:25"),
    ] {
        assert_eq!(led(&config, Origin::Outside, recipient), expected, "{recipient}");
    }
    assert_eq!(outward(&config, address("Bob@office.example")).as_str(), "Bob@office.com");
    assert_eq!(outward(&config, address("bob@else.example")).as_str(), "bob@else.example");
    let Resolution::Local(found) = resolve(&config, Origin::Outside, Recipient::new(address("bob@office.com"))) else {
        panic!("bob is here");
    };
    assert_eq!(found, [Destination::Mailbox { user: 2, original: address("bob@office.com"), reason: 'D' }]);
}

#[test]
fn own_names_count_unless_that_is_off() {
    let mut config = office(vec![mapping("bob", "bob")]);
    config.general.disable_default_mappings = true;
    assert_eq!(led(&config, Origin::Outside, "bob"), "bob/M");
    assert_eq!(led(&config, Origin::Outside, "carl"), "unknown");
    assert_eq!(led(&config, Origin::Outside, "postmaster"), "anna/M");
    assert_eq!(words(&config, &collected(&config, true, &address("carl@p.example")).0), "carl/D");
    assert_eq!(words(&config, &collected(&config, false, &address("carl@p.example")).0), "");
    assert_eq!(words(&config, &collected(&config, false, &address("bob@p.example")).0), "bob/M");
}

#[test]
fn who_may_have_no_mail_from_outside_is_unknown_there() {
    let mut config = office(vec![mapping("all", "bob"), mapping("all", "carl")]);
    config.users[1].allow_receiving = false;
    assert_eq!(ORIGINS.map(|origin| led(&config, origin, "bob")), ["bob/D", "unknown", "unknown"]);
    assert_eq!(ORIGINS.map(|origin| led(&config, origin, "all")), ["bob/M carl/M", "carl/M", "carl/M"]);
}

#[test]
fn mappings_that_run_in_a_circle_lead_nowhere() {
    let mut circle = vec![mapping("a@x.example", "b@x.example"), mapping("b@x.example", "a@x.example")];
    assert_eq!(led(&office(circle.clone()), Origin::Outside, "a@x.example"), "unknown");
    circle.push(mapping("b@x.example", "bob"));
    assert_eq!(led(&office(circle), Origin::Outside, "a@x.example"), "bob/M");
}

#[test]
fn accepted_addresses_are_counted() {
    let config = office(vec![typed("far", "*REMOTE", MappingType::Pop3), mapping("list@lists.example", "dora")]);
    let accepted = ["p.example".to_string(), "fred@isp.example".to_string(), "list@lists.example".to_string()];
    let found = |header: &str| by_headers(&config, &accepted, true, header.as_bytes());
    let mixed = found("To: bob@p.example, Bob@p.example, y@isp.example\nCc: far@p.example, no@p.example\n\n");
    assert_eq!((mixed.valid, mixed.invalid, mixed.remote), (1, 1, 1));
    assert_eq!(words(&config, &mixed.destinations), "bob/D -");
    let remote = found("To: far@p.example\n\n");
    assert_eq!((words(&config, &remote.destinations).as_str(), remote.remote), ("-", 1), "no delivery, no mistake");
    assert!(found("To: no@p.example\n\n").destinations.is_empty());
    assert_eq!(words(&config, &found("To: list@lists.example\n\n").destinations), "dora/M");
}

#[test]
fn the_sender_is_guessed_from_his_address() {
    let config = office(vec![mapping("boss@home.example", "anna")]);
    let name = |text: &str| user_of(&config, &address(text)).map(|user| user.name.as_str());
    assert_eq!(name("Bob@office.example"), Some("bob"));
    assert_eq!(name("bob"), Some("bob"));
    assert_eq!(name("boss@home.example"), Some("anna"));
    assert_eq!(name("bob@elsewhere.example"), None);
    assert_eq!(name("nobody@office.example"), None);
}

#[test]
fn explanations_say_where_and_why() {
    let mut config = office(vec![mapping("sales", "bob"), mapping("far", "*REMOTE")]);
    config.lan.rules = vec![rule("*@branch.example", "10.0.0.5", "")];
    let said = |origin, text: &str| explain(&config, origin, &address(text));
    let sales = said(Origin::Outside, "sales");
    assert_eq!((sales.address.as_str(), sales.to.as_slice()), ("sales@office.example", &["user bob".to_string()][..]));
    assert!(sales.why.contains("mapping"));
    assert_eq!(said(Origin::Office, "x@y.example").to, ["out to x@y.example"]);
    assert!(said(Origin::Outside, "x@y.example").to.is_empty());
    assert!(said(Origin::Outside, "far").why.contains("*REMOTE"));
    assert_eq!(said(Origin::Office, "x@branch.example").to, ["LAN server 10.0.0.5:25 for x@branch.example"]);
    assert!(said(Origin::Collected, "nobody").why.contains("routing error"));
}

/// The order as docs/design/routing.md has it, by looking through all mappings for each question.
fn plainly(config: &Config, origin: Origin, recipient: &Address) -> String {
    let text = recipient.as_str().to_lowercase();
    let ours = config.is_local(recipient);
    let all: Vec<(AddressForm, Target)> = config
        .mappings
        .iter()
        .filter(|mapping| origin.is_meant_by(mapping.mail_type))
        .map(|m| (AddressForm::parse(&m.address).unwrap(), Target::parse(&m.target).unwrap()))
        .filter(|(form, _)| form.means(&text, ours))
        .collect();
    let kind = |form: &AddressForm| match form {
        AddressForm::Name(_) | AddressForm::Address(_) => 0,
        AddressForm::NamePattern(_) | AddressForm::AddressPattern(_) => 1,
        AddressForm::LastResort(_) | AddressForm::LastResortPattern(_) => 2,
    };
    let targets = |wanted| {
        let mut led = Vec::new();
        for (_, target) in all.iter().filter(|(form, _)| kind(form) == wanted) {
            match target {
                Target::Name(name) => led.push(format!("{name}/M")),
                Target::Address(address) => led.push(format!(">{address}")),
                Target::NoOne => led.push("-".into()),
                Target::Remote if origin == Origin::Office => led.push(format!(">{recipient}")),
                Target::Remote | Target::Lan(_) => led.push(String::new()),
            }
        }
        led
    };
    let user = config.user_named(recipient.local()).filter(|_| ours);
    let mut led = [targets(0), targets(1), user.map(|user| vec![format!("{}/D", user.name)]).unwrap_or_default()]
        .into_iter()
        .chain([targets(2)])
        .find(|led| !led.is_empty())
        .unwrap_or_default();
    if led.is_empty() {
        return if ours { "unknown".into() } else { format!("not ours: {recipient}") };
    }
    led.retain(|word| !word.is_empty());
    led.sort();
    led.dedup();
    if led.is_empty() { "remote".into() } else { led.join(" ") }
}

fn any_mapping() -> impl Strategy<Value = Mapping> {
    let form = prop_oneof![
        "[abc]{1,2}",
        "[abc]{1,2}@(office|x)\\.example",
        "[ab*?]{1,2}",
        "[ab*?]{1,2}@(office|x)\\.example",
        "~@(office|x|\\?)\\.example",
    ];
    let target = prop_oneof!["anna", "bob", "carl", "z@else\\.example", "\\*REMOTE", "No-one"];
    let types = [MappingType::All, MappingType::Smtp, MappingType::Local, MappingType::Pop3];
    (form, target, proptest::sample::select(types.to_vec()))
        .prop_map(|(form, target, kind)| typed(&form, &target, kind))
}

proptest! {
    #[test]
    fn the_tables_agree_with_a_plain_reading(
        mappings in proptest::collection::vec(any_mapping(), 0..12),
        local in prop_oneof!["[abc]{1,2}", "anna", "bob"],
        domain in prop_oneof!["office\\.example", "x\\.example", "y\\.example"],
        origin in proptest::sample::select(ORIGINS.to_vec()),
    ) {
        let mut config = office(mappings);
        config.users.push(User { id: 9, name: "a".into(), ..User::default() });
        let recipient = address(&format!("{local}@{domain}"));
        let led = led(&config, origin, recipient.as_str());
        let mut parts: Vec<&str> = if led.starts_with("not ours") { vec![&led] } else { led.split(' ').collect() };
        parts.sort();
        prop_assert_eq!(parts.join(" "), plainly(&config, origin, &recipient));
    }
}
