//! Who does wrong is noted, scored and kept out for a while (spec connectors-and-smtp §8.9, §8.10).

use std::time::Instant;

use pillarbox::config::{AccessList, AccessRule, Config, Network};
use pillarbox::net::Tasks;
use pillarbox::policy::Watch;

use super::office::{Office, PATIENCE};

const BLOCKED: &str = "421 4.7.0 Your connection has been blocked temporarily - Try again later";

/// Where nobody is spared, and passwords are watched by the score alone.
fn strict(config: &mut Config) {
    config.security.never_block = Vec::new();
    config.security.logins.failed_logins = 0;
    // Else a wrong password could not be said in clear.
    config.smtp[0].access = [AccessRule::trust("127.0.0.1")].into();
}

fn wrong_passwords(office: &Office, count: usize) {
    let mut left = count;
    while left > 0 {
        let mut client = office.greeted();
        for _ in 0..left.min(3) {
            client.login("nobody", "wrong", "535");
            left -= 1;
        }
    }
}

fn is_let_in(office: &Office) -> bool {
    let line = office.connect().line();
    assert!(line.starts_with("220") || line == BLOCKED, "{line}");
    line != BLOCKED
}

#[test]
fn behaviour_14_twenty_bad_passwords_keep_an_address_out() {
    let office = Office::open();
    office.change(strict);
    wrong_passwords(&office, 19);
    let mut session = office.greeted();
    session.login("nobody", "wrong", "535");
    session.expect("NOOP", "250");
    assert!(!is_let_in(&office));
    session.expect("NOOP", "250");
    let blocks = office.watch.blocks();
    assert_eq!((blocks[0].network.as_str(), blocks[0].until - blocks[0].since), ("127.0.0.1", 30 * 60_000));
    office.change(|config| config.security.never_block = vec!["127.0.0.0/8".into()]);
    assert!(is_let_in(&office), "an address on the Never Block List is not");
}

#[test]
fn a_block_outlives_a_restart_and_ends_when_it_is_lifted() {
    let office = Office::open();
    office.change(strict);
    let network = Network::parse("127.0.0.0/8").unwrap();
    smol::block_on(office.watch.block(network, 10)).unwrap();
    assert!(!is_let_in(&office));
    smol::block_on(office.store.settled()).unwrap();
    let after_restart = Watch::new(office.store.clone(), Tasks::default());
    assert_eq!(after_restart.blocks(), office.watch.blocks());
    assert!(!after_restart.admit(&office.config.current(), [127, 0, 0, 1].into()));
    assert!(smol::block_on(office.watch.unblock(network)).unwrap());
    assert!(is_let_in(&office));
    smol::block_on(office.store.settled()).unwrap();
    assert_eq!(office.store.blocks().unwrap(), []);
}

#[test]
fn failed_logins_are_counted_whatever_they_score() {
    let office = Office::open();
    office.change(|config| {
        strict(config);
        config.security.logins.failed_logins = 4;
        config.security.ips.block_threshold = 0;
    });
    wrong_passwords(&office, 3);
    assert!(is_let_in(&office));
    wrong_passwords(&office, 1);
    assert!(!is_let_in(&office));
    assert_eq!(office.watch.blocks()[0].reason, "4 failed logins");
}

#[test]
fn the_office_is_never_blocked_on_a_new_box() {
    let office = Office::open();
    wrong_passwords(&office, 21);
    assert!(is_let_in(&office));
}

/// Every event that exists, with its number, its words and its data.
#[test]
fn events_are_logged_by_the_template() {
    let office = Office::with(|service| service.max_message_size = 100);
    let file = office.dir().join("ids.log");
    office.change(|config| {
        config.security.ids.log_file = file.display().to_string();
        config.security.ids.log_format = "%I %e %E|%D".into();
    });
    let mut client = office.greeted();
    client.login("eve", "wrong", "535");
    client.expect("MAIL FROM:<x@far.example>", "250");
    client.expect("RCPT TO:<anna@office.example>", "250");
    client.expect("RCPT TO:<carl@office.example>", "550");
    client.expect("RCPT TO:<y@away.example>", "250");
    client.expect("BLAH", "500");
    client.expect("RSET", "250");
    client.expect("MAIL FROM:<x@far.example> SIZE=1000", "552");
    office.change(|config| config.smtp[0].access = AccessList::default());
    let mut stranger = office.greeted();
    stranger.expect("MAIL FROM:<x@far.example>", "250");
    stranger.expect("RCPT TO:<y@away.example>", "550");
    stranger.expect("QUIT", "221");
    client.expect("QUIT", "221");
    let expected = [
        "127.0.0.1 0 SMTP authentication failure|eve",
        "127.0.0.1 1 Relay denied|y@away.example",
        "127.0.0.1 10 Message bigger than the size limit|",
        "127.0.0.1 2 Relay allowed|y@away.example",
        "127.0.0.1 3 Bad local recipient|carl@office.example",
        "127.0.0.1 4 Good local recipient|anna@office.example",
        "127.0.0.1 9 SMTP syntax error|Command not recognised",
    ];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        if lines == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{lines:#?}");
        std::thread::yield_now();
    }
}
