//! What a client may ask beside sending mail: VRFY, EXPN, ETRN; and names that are refused.

use pillarbox::config::{AccessRule, LOCAL_NETWORKS};
use pillarbox::store::QueueEntry;

use super::office::Office;

#[test]
fn behaviour_15_vrfy_is_for_listed_addresses_once_it_is_enabled() {
    let office = Office::open();
    let ask = |verify: &str, expand: &str| {
        let mut client = office.greeted();
        client.expect("VRFY anna", verify);
        client.expect("EXPN sales", expand);
    };
    ask("252 2.1.5 Send some mail", "502 5.5.1");
    office.change(|config| config.smtp[0].vrfy_expn = true);
    ask("550 5.7.1", "550 5.7.1");
    office.change(|config| config.smtp[0].vrfy_expn_access = [AccessRule::allow("192.0.2.0/24")].into());
    ask("550 5.7.1", "550 5.7.1");
    office.change(|config| config.smtp[0].vrfy_expn_access = [AccessRule::allow(LOCAL_NETWORKS)].into());
    ask("250 2.1.5 <anna@office.example>", "250 2.1.5 <anna@office.example>");
    office.change(|config| {
        config.users[1].aliases = vec!["sales".into()];
        config.users[1].full_name = "Bert Volt".into();
    });
    let mut client = office.greeted();
    client.expect("EXPN sales", "250-2.1.5 <anna@office.example>");
    assert_eq!(client.line(), "250 2.1.5 Bert Volt <bert@office.example>");
    client.expect("EXPN carl", "550 5.1.1");
}

#[test]
fn behaviour_16_names_with_a_text_in_them_are_refused() {
    let office = Office::with(|service| service.refuse_hello = ".myisp.com".into());
    for (name, reply) in [
        ("box23.myisp.com", "550 5.7.1"),
        ("BOX.MyISP.com.example", "550 5.7.1"),
        ("myisp.com", "250"),
        ("[192.0.2.1]", "250"),
    ] {
        let mut client = office.connect();
        client.line();
        client.expect(&format!("HELO {name}"), reply);
        client.expect("MAIL FROM:<x@far.example>", if reply == "250" { "250" } else { "503" });
    }
}

#[test]
fn the_greeting_has_the_name_of_the_service() {
    let office = Office::with(|service| service.host_name = "in.office.example".into());
    let mut client = office.connect();
    assert!(client.line().starts_with("220 in.office.example ESMTP"));
    client.expect("HELO pc", "250 in.office.example");
}

#[test]
fn etrn_makes_the_mail_of_a_domain_due() {
    let office = Office::with(|service| service.etrn_access = [AccessRule::allow(LOCAL_NETWORKS)].into());
    let mut client = office.greeted();
    let later = client.mail("anna@office.example", &["x@branch.example"], "Subject: x\r\n\r\n");
    let other = client.mail("anna@office.example", &["x@away.example"], "Subject: x\r\n\r\n");
    let due = |mail| -> QueueEntry {
        smol::block_on(office.store.settled()).unwrap();
        office.store.queue_entry(mail).unwrap().unwrap()
    };
    let far = i64::MAX / 2;
    let changes = [later, other].map(|mail| pillarbox::store::Change::QueueRetry { mail, due: far });
    smol::block_on(office.store.commit(changes.into())).unwrap();
    assert_eq!(due(later).due(), Some(far));
    let changed = office.signals.on_queue_change();
    client.expect("ETRN branch.example", "253 2.0.0 Ok, 1 pending messages for node branch.example started");
    smol::block_on(changed);
    assert!(due(later).due().unwrap() < far);
    assert_eq!(due(other).due(), Some(far));
    client.expect("ETRN nobody.example", "251 2.0.0 Ok, no messages waiting for node nobody.example");
    office.change(|config| config.smtp[0].etrn_access = [AccessRule::allow("192.0.2.0/24")].into());
    office.greeted().expect("ETRN branch.example", "459 4.7.1 Node branch.example not allowed");
}
