//! Mappings, LAN forwarding and the limits of users, as an SMTP client and the queue see them.

use pillarbox::config::{Config, DomainMapping, LanRule, Login, Mapping, MappingType, Secret};
use pillarbox::mail::LanServer;
use pillarbox::store::QueueEntry;

use super::office::{Client, Office};

const TEXT: &str = "Subject: x\r\n\r\nb\r\n";

fn mapped(mappings: &[(&str, &str)]) -> Office {
    let office = Office::open();
    office.change(|config| {
        for (address, target) in mappings {
            let (address, target) = (address.to_string(), target.to_string());
            config.mappings.push(Mapping { address, target, ..Mapping::default() });
        }
    });
    office
}

/// A client from outside: one that may not send out.
fn outside(office: &Office) -> Client {
    office.change(|config| config.smtp[0].access = [].into());
    office.greeted()
}

fn queued(office: &Office) -> Vec<QueueEntry> {
    let fresh = office.signals.fresh();
    std::iter::from_fn(|| fresh.try_recv().ok().map(|entry| (*entry).clone())).collect()
}

#[test]
fn a_mapping_delivers_and_says_so() {
    let office = mapped(&[("info", "anna"), ("info", "bert"), ("info", "boss@home.example")]);
    outside(&office).mail("x@far.example", &["info@office.example", "anna@office.example"], TEXT);
    let (anna, bert) = (office.inbox(1), office.inbox(2));
    assert_eq!((anna.len(), bert.len()), (1, 1));
    assert!(anna[0].head.contains(
        "X-VPOP3-RCPTTYPE: MD\r\nX-VPOP3-ORIGRCPT: info@office.example\r\nX-VPOP3-ORIGRCPT: anna@office.example\r\n"
    ));
    assert!(bert[0].head.contains("X-VPOP3-RCPTTYPE: M\r\nX-VPOP3-ORIGRCPT: info@office.example\r\n"));
    let entries = queued(&office);
    assert_eq!(entries[0].recipients[0].address.as_str(), "boss@home.example", "also for those outside");
}

#[test]
fn nobody_gets_the_mail_of_no_one() {
    let office = mapped(&[("spam", "No-one")]);
    let large = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(20_000));
    for text in [TEXT, &large] {
        outside(&office).mail("x@far.example", &["spam@office.example"], text);
    }
    assert!(office.inbox(1).is_empty() && office.inbox(2).is_empty() && queued(&office).is_empty());
    let journal = office.store.journal(10).unwrap();
    assert_eq!(journal.iter().filter(|row| row.event == "discarded" && row.to == "spam@office.example").count(), 2);
    smol::block_on(office.store.settled()).unwrap();
    let ids = journal.iter().filter_map(|row| row.mail);
    assert!(ids.into_iter().all(|id| office.store.body(id).unwrap().is_none()), "no body is left");
}

#[test]
fn an_address_that_is_elsewhere_goes_out_for_the_office_only() {
    let office = mapped(&[("far", "*REMOTE")]);
    office.greeted().mail("anna@office.example", &["far@office.example"], TEXT);
    assert_eq!(queued(&office)[0].recipients[0].address.as_str(), "far@office.example");
    // From outside it is no error, and nothing comes of it.
    outside(&office).mail("x@far.example", &["far@office.example", "anna@office.example"], TEXT);
    outside(&office).mail("x@far.example", &["far@office.example"], TEXT);
    assert_eq!((office.inbox(1).len(), queued(&office).len()), (1, 0));
    let journal = office.store.journal(20).unwrap();
    assert_eq!(journal.iter().filter(|row| row.event == "discarded" && row.to == "far@office.example").count(), 2);
}

#[test]
fn mappings_are_for_their_mail() {
    let office = mapped(&[]);
    office.change(|config| {
        let of = |target: &str, mail_type| Mapping {
            address: "info".into(),
            target: target.into(),
            mail_type,
            ..Mapping::default()
        };
        config.mappings = vec![of("anna", MappingType::Local), of("bert", MappingType::Smtp)];
    });
    office.greeted().mail("x@office.example", &["info"], TEXT);
    assert_eq!((office.inbox(1).len(), office.inbox(2).len()), (1, 0));
    outside(&office).mail("x@far.example", &["info"], TEXT);
    assert_eq!((office.inbox(1).len(), office.inbox(2).len()), (1, 1));
}

#[test]
fn lan_mail_names_its_server_and_not_the_password() {
    let office = mapped(&[("far", "SMTP:far@branch.example@u:top-secret@10.0.0.5:26")]);
    office.change(|config| {
        config.lan.rules.push(LanRule {
            name: "Branch".into(),
            addresses: vec!["*@branch.example".into()],
            server: "10.0.0.6".into(),
            login: Some(Login { user: "v".into(), password: Secret::new("top-secret") }),
            rewrite_address: "*@hq.example".into(),
            ..LanRule::default()
        });
    });
    outside(&office).mail("x@far.example", &["far@office.example", "eve@branch.example"], TEXT);
    let entry = &queued(&office)[0];
    let server = |host: &str, port, user: &str| LanServer { host: host.into(), port, user: user.into() };
    let found: Vec<_> = entry.recipients.iter().map(|to| (to.address.as_str(), to.lan.as_deref().cloned())).collect();
    assert_eq!(
        found,
        [
            ("far@branch.example", Some(server("10.0.0.5", 26, "u"))),
            ("eve@hq.example", Some(server("10.0.0.6", 25, "v")))
        ]
    );
    assert!(!format!("{entry:?}").contains("top-secret"));
}

#[test]
fn the_return_path_goes_out_with_the_external_domain() {
    let office = mapped(&[]);
    office.change(|config| {
        let (internal, external) = ("office.example".into(), "office.com".into());
        config.domain_mappings.push(DomainMapping { internal, external });
    });
    office.greeted().mail("anna@office.example", &["x@far.example"], TEXT);
    assert_eq!(queued(&office)[0].return_path.as_ref().unwrap().as_str(), "anna@office.com");
    outside(&office).mail("x@far.example", &["anna@office.com"], TEXT);
    assert_eq!(office.inbox(1).len(), 1);
}

#[test]
fn all_the_office_sends_by_smtp_may_go_out() {
    let office = mapped(&[]);
    office.change(|config| config.general.send_all_smtp_mail_out = true);
    office.greeted().mail("anna@office.example", &["bert@office.example"], TEXT);
    assert_eq!(queued(&office)[0].recipients[0].address.as_str(), "bert@office.example");
    outside(&office).mail("x@far.example", &["bert@office.example"], TEXT);
    assert_eq!(office.inbox(2).len(), 1);
}

fn limited(change: impl FnOnce(&mut Config)) -> Office {
    let office = mapped(&[]);
    office.change(change);
    office
}

#[test]
fn a_user_may_be_kept_inside() {
    let office = limited(|config| config.users[0].allow_sending = false);
    let mut client = office.greeted();
    client.expect("MAIL FROM:<anna@office.example>", "250");
    client.expect("RCPT TO:<x@far.example>", "550 5.7.1 You may not send mail out of the office");
    client.expect("RCPT TO:<bert@office.example>", "250");
    client.expect("RSET", "250");
    client.mail("bert@office.example", &["x@far.example"], TEXT);
    // A login says more than an address.
    let mut client = office.connect();
    client.line();
    client.hello();
    client.login("anna", "secret word", "235");
    client.expect("MAIL FROM:<bert@office.example>", "250");
    client.expect("RCPT TO:<x@far.example>", "550 5.7.1");
}

#[test]
fn a_user_may_send_out_so_much_at_a_time() {
    let office = limited(|config| config.users[0].max_outgoing_message_size = 3000);
    let large = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(300));
    office.greeted().mail("anna@office.example", &["bert@office.example"], &large);
    office.greeted().mail("bert@office.example", &["x@far.example"], &large);
    office.greeted().mail("anna@office.example", &["x@far.example"], TEXT);
    let mut client = office.greeted();
    client.begin("anna@office.example", &["x@far.example"]);
    client.send(&large);
    client.expect(".", "552 5.2.3");
    let mut client = office.connect();
    client.line();
    client.hello();
    client.expect("MAIL FROM:<anna@office.example> SIZE=4000", "250");
    client.expect("RCPT TO:<x@far.example>", "552 5.2.3");
    client.expect("RCPT TO:<bert@office.example>", "250");
}

#[test]
fn a_user_may_have_no_mail_from_outside() {
    let office = limited(|config| config.users[1].allow_receiving = false);
    office.greeted().mail("anna@office.example", &["bert"], TEXT);
    let mut client = outside(&office);
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<bert@office.example>", "550 5.1.1");
    assert_eq!(office.inbox(2).len(), 1);
}

#[test]
fn a_user_may_have_no_smtp() {
    let office = limited(|config| config.users[0].allow_smtp = false);
    let mut client = office.connect();
    client.line();
    client.hello();
    client.login("anna", "secret word", "535");
    client.login("bert", "secret word", "235");
}
