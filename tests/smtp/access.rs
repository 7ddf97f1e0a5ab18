//! Who may do what: access restrictions and the relay decision (spec connectors-and-smtp §8.2, §8.3).

use pillarbox::config::{ANY, AccessList, AccessRule, AntiRelay, Authentication, LOCAL_NETWORKS};

use super::office::Office;

const NO_RELAY: &str = "550 5.7.1 Relaying not allowed! Bad sender IP address";

fn office(access: impl Into<AccessList>) -> Office {
    let access = access.into();
    Office::with(|service| service.access = access)
}

#[test]
fn behaviour_13_a_stranger_sends_to_us_and_not_through_us() {
    let office = office([AccessRule::trust("192.0.2.0/24")]);
    let mut client = office.greeted();
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<anna@office.example>", "250 2.1.5");
    client.expect("RCPT TO:<y@away.example>", NO_RELAY);
    let noted = &office.watch.recent()[0];
    assert_eq!((noted.event.number(), noted.data.as_str()), (1, "y@away.example"));
    client.expect("DATA", "354");
    client.send("Subject: x\r\n\r\n");
    client.expect(".", "250");
    assert_eq!(office.inbox(1).len(), 1);
}

#[test]
fn a_blocked_address_may_deliver_but_neither_log_in_nor_send_out() {
    let office = office([AccessRule::block("127.0.0.1"), AccessRule::trust(LOCAL_NETWORKS)]);
    let mut client = office.greeted();
    client.expect("AUTH PLAIN", "502");
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<anna@office.example>", "250");
    client.expect("RCPT TO:<y@away.example>", NO_RELAY);
}

#[test]
fn where_a_login_is_required_a_blocked_address_gets_no_session() {
    let office = office([AccessRule::allow("192.0.2.0/24")]);
    office.change(|config| config.smtp[0].authentication = Authentication::Required);
    let mut client = office.connect();
    assert_eq!(client.line(), "554 5.7.1 Your address may not use this service");
    client.closed();
}

#[test]
fn no_auth_spares_the_login_that_is_required() {
    let office = Office::with(|service| service.authentication = Authentication::Required);
    office.greeted().mail("anna@office.example", &["y@away.example"], "Subject: x\r\n\r\n");
    office.change(|config| config.smtp[0].access = [AccessRule::allow(LOCAL_NETWORKS)].into());
    office.greeted().expect("MAIL FROM:<anna@office.example>", "530 5.7.0 Authentication required");
}

#[test]
fn only_listed_users_may_log_in_from_there() {
    let office = Office::open();
    let only = AccessRule { users: vec!["Anna".into()], ..AccessRule::trust("127.0.0.1") };
    office.change(|config| config.smtp[0].access = [only].into());
    office.greeted().login("bert", "secret word", "535 5.7.8");
    office.greeted().login("anna", "secret word", "235 2.7.0");
}

#[test]
fn the_global_list_counts_where_it_is_asked_for() {
    let office = office([AccessRule::trust(ANY)]);
    let relays = |office: &Office, reply: &str| {
        let mut client = office.greeted();
        client.expect("MAIL FROM:<anna@office.example>", "250");
        client.expect("RCPT TO:<y@away.example>", reply);
    };
    office.change(|config| config.security.global_access = [AccessRule::allow("192.0.2.0/24")].into());
    relays(&office, "250");
    office.change(|config| config.smtp[0].use_global_access = true);
    relays(&office, NO_RELAY);
}

#[test]
fn anti_relay_by_the_senders_address_too() {
    let office = Office::with(|service| service.anti_relay = AntiRelay::ClientAndSenderAddress);
    let mut client = office.greeted();
    for (from, reply) in [
        ("x@far.example", "550 5.7.1 Relaying not allowed! Bad sender address"),
        ("anna@office.example", "250"),
        ("", "250"),
    ] {
        client.expect(&format!("MAIL FROM:<{from}>"), "250");
        client.expect("RCPT TO:<y@away.example>", reply);
        client.expect("RCPT TO:<anna@office.example>", "250");
        client.expect("RSET", "250");
    }
    client.send("EHLO pc\r\n");
    while !client.line().starts_with("250 ") {}
    client.login("anna", "secret word", "235");
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<y@away.example>", "250");
}

#[test]
fn a_log_on_to_pop3_is_as_good_as_a_login() {
    let office = Office::with(|service| {
        service.access = [AccessRule::allow(LOCAL_NETWORKS)].into();
        service.authentication = Authentication::Required;
        service.pop3_then_smtp = true;
    });
    let client = [127, 0, 0, 1].into();
    office.greeted().expect("MAIL FROM:<anna@office.example>", "530");
    let pop3 = office.pop3_logins.log_on(client);
    let mut session = office.greeted();
    session.mail("anna@office.example", &["y@away.example"], "Subject: x\r\n\r\n");
    drop(pop3);
    office.greeted().expect("MAIL FROM:<anna@office.example>", "250");
    office.change(|config| config.smtp[0].pop3_then_smtp = false);
    office.greeted().expect("MAIL FROM:<anna@office.example>", "530");
    session.expect("MAIL FROM:<anna@office.example>", "250");
}
