//! LAN forwarding: to one server, whatever senders there are, with a login from the settings.

use pillarbox::config::{Config, LanRule, Login, Secret};
use pillarbox::intake::MailParams;
use pillarbox::mail::{Address, Recipient};

use crate::office::{Office, config, sender_at, text, until};
use crate::smarthost::{Behaviour, Smarthost};

fn rule(host: &Smarthost) -> LanRule {
    let login = Some(Login { user: "box".into(), password: Secret::new("secret") });
    LanRule { server: "127.0.0.1".into(), port: host.address.port(), login, ..LanRule::default() }
}

fn branch() -> Smarthost {
    let capabilities = Some(vec!["PIPELINING", "AUTH PLAIN"]);
    Smarthost::start(Behaviour { capabilities, login: Some(("box", "secret")), ..Behaviour::default() })
}

/// With a rule for the branch, and no sender that works.
fn settings(rule: &LanRule) -> Config {
    let mut config = config(sender_at(&[]));
    config.connections[0].paused = true;
    config.lan.rules = vec![rule.clone()];
    config
}

fn forward(office: &Office, rule: &LanRule, id: &str) {
    let to = Recipient {
        lan: Some(Box::new(rule.target())),
        ..Recipient::new(Address::parse("bob@branch.example").unwrap())
    };
    let params = MailParams { return_path: Address::parse("ann@office.example").ok(), ..MailParams::default() };
    let outside = Recipient::new(Address::parse("eve@else.example").unwrap());
    office.submit_as(params, vec![to, outside], text(id).as_bytes());
}

#[test]
fn forwarding_needs_no_sender_and_never_waits_for_a_run() {
    let host = branch();
    let rule = rule(&host);
    let office = Office::open(settings(&rule));
    forward(&office, &rule, "1");
    until("the branch to have it", || host.received() == 1);
    until("the recipient to be finished", || office.queue()[0].recipients[0].tries == 1);
    assert_eq!(office.queue()[0].recipients[1].tries, 0, "the other waits for the sender");
    assert_eq!(host.state().received[0].to, ["<bob@branch.example>"]);
    assert!(host.state().commands.iter().any(|line| line.starts_with("AUTH")));
}

#[test]
fn a_server_that_refuses_the_login_keeps_the_mail_and_a_new_password_counts() {
    let host = branch();
    let mut wrong = rule(&host);
    wrong.login = Some(Login { user: "box".into(), password: Secret::new("wrong") });
    let office = Office::open(settings(&wrong));
    forward(&office, &wrong, "1");
    until("a try", || office.queue()[0].recipients[0].tries == 1);
    assert!(office.queue()[0].recipients[0].reply.contains("refuses the login"));
    assert_eq!(host.received(), 0);
    let right = rule(&host);
    office.change(|config| config.lan.rules = vec![right]);
    office.retry_all();
    until("the branch to have it", || host.received() == 1);
    office.change(|config| config.lan.rules.clear());
}
