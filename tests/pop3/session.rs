//! What a mail program does, from login to QUIT.

use std::time::Instant;

use pillarbox::config::{AccessRule, ServiceEncryption};

use super::office::{HEAD, Office};

const MAIL: &str = "Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nlast\r\n";

fn large(lines: usize) -> String {
    let mut text = String::from("Subject: large\r\n\r\n");
    for number in 0..lines {
        text.push_str(&format!(".{number} a line of a large mail, which does not fit into one piece\r\n"));
    }
    text
}

#[test]
fn a_mail_comes_back_byte_for_byte() {
    let office = Office::open();
    office.deliver(1, MAIL);
    let mut client = office.login("anna");
    let size = HEAD.len() + MAIL.len();
    assert_eq!(client.ok("STAT"), format!("+OK 1 {size}"));
    assert_eq!(client.multi("LIST"), format!("1 {size}\r\n"));
    assert_eq!(client.multi("RETR 1"), format!("{HEAD}{MAIL}"));
    assert_eq!(client.multi("TOP 1 1"), format!("{HEAD}Subject: dots\r\n\r\n.\r\n"));
    assert_eq!(office.board.sessions()[0].user.as_deref(), Some("anna"));
    assert_eq!(client.quit(), "+OK Goodbye");
}

#[test]
fn a_large_mail_comes_back_byte_for_byte() {
    let office = Office::open();
    let mail = large(5000);
    office.deliver(1, &mail);
    office.deliver(1, MAIL);
    let mut client = office.login("anna");
    assert!(client.multi("RETR 1") == format!("{HEAD}{mail}"));
    assert_eq!(client.multi("TOP 1 2"), format!("{HEAD}{}", large(2)));
    assert_eq!(client.multi("RETR 2"), format!("{HEAD}{MAIL}"));
}

#[test]
fn deletes_happen_at_quit_and_uids_stay() {
    let office = Office::open();
    for _ in 0..3 {
        office.deliver(1, MAIL);
    }
    let mut client = office.login("anna");
    let before = client.multi("UIDL");
    let uid = |listing: &str, line: usize| listing.lines().nth(line).unwrap().split_once(' ').unwrap().1.to_owned();
    client.ok("DELE 3");
    client.ok("DELE 1");
    assert_eq!(client.quit(), "+OK The messages are deleted");

    let office = office.restarted();
    let mut client = office.login("anna");
    let after = client.multi("UIDL");
    assert_eq!(after, format!("1 {}\r\n", uid(&before, 1)));
    client.quit();

    office.deliver(1, MAIL);
    let new = uid(&office.login("anna").multi("UIDL"), 1);
    assert!(!before.contains(&new), "{new} was used before: {before}");
}

#[test]
fn a_lost_session_deletes_nothing() {
    let office = Office::open();
    office.deliver(1, MAIL);
    let mut client = office.login("anna");
    client.ok("DELE 1");
    drop(client);
    let mut client = office.login_when_free("anna");
    assert!(client.ok("STAT").starts_with("+OK 1 "));
}

#[test]
fn a_mailbox_has_one_session_at_a_time() {
    let office = Office::open();
    let first = office.login("anna");
    let mut second = office.connect();
    second.ok("USER anna");
    assert!(second.command("PASS secret word").starts_with("-ERR [IN-USE]"));
    // Another mailbox is another matter.
    office.login("bert").quit();
    first.quit();
    second.ok("USER anna");
    second.ok("PASS secret word");
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let office = Office::open();
    let mails: Vec<String> = (0..300).map(|number| format!("Subject: {number}\r\n\r\n{}", MAIL.repeat(20))).collect();
    office.deliver_all(1, &mails);
    let mut client = office.connect();
    let mut commands = String::from("CAPA\r\nUSER anna\r\nPASS secret word\r\nSTAT\r\n");
    for number in 1..=mails.len() {
        commands.push_str(&format!("RETR {number}\r\nDELE {number}\r\n"));
    }
    client.send(&(commands + "QUIT\r\n"));
    client.line();
    assert!(client.rest().contains("PIPELINING\r\n"));
    client.line();
    assert!(client.line().starts_with("+OK 300 messages"));
    assert!(client.line().starts_with("+OK 300 "));
    for mail in &mails {
        assert!(client.line().starts_with("+OK "));
        assert_eq!(client.rest(), format!("{HEAD}{mail}"));
        assert_eq!(client.line(), "+OK Marked");
    }
    assert_eq!(client.line(), "+OK The messages are deleted");
    client.closed();
    assert!(office.login("anna").ok("STAT").starts_with("+OK 0 0"));
}

#[test]
fn a_wrong_password_takes_its_time() {
    let office = Office::open();
    let mut client = office.connect();
    client.ok("USER anna");
    let began = Instant::now();
    assert!(client.command("PASS wrong").starts_with("-ERR [AUTH]"));
    assert!(began.elapsed().as_millis() >= 1000);
    client.ok("USER anna");
    client.ok("PASS secret word");
}

fn apop(timestamp: &str) -> String {
    use md5::{Digest, Md5};

    let digest = Md5::digest(format!("{timestamp}secret word"));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("APOP anna {digest}")
}

#[test]
fn apop_is_there_with_reversible_passwords() {
    let office = Office::with(ServiceEncryption::Optional, true);
    let (mut client, timestamp) = office.connect_for_apop();
    client.ok(&apop(&timestamp));
    assert!(office.connect_for_apop().1 != timestamp, "the same time stamp twice");
}

#[test]
fn who_may_not_use_pop3_is_told_what_a_wrong_password_is_told() {
    let office = Office::with(ServiceEncryption::Optional, true);
    office.change(|config| config.users[0].allow_pop3 = false);
    let (mut client, timestamp) = office.connect_for_apop();
    let wrong = client.command("APOP bert 00000000000000000000000000000000");
    assert_eq!(client.command(&apop(&timestamp)), wrong);
    client.ok("USER anna");
    assert_eq!(client.command("PASS secret word"), wrong);
    // The others may, and so may anna once more when that is allowed again.
    office.login("bert");
    office.change(|config| config.users[0].allow_pop3 = true);
    office.login("anna");
}

#[test]
fn ten_thousand_messages_are_listed() {
    let office = Office::open();
    let mails: Vec<String> = (0..10_000).map(|number| format!("Subject: {number}\r\n\r\n")).collect();
    for some in mails.chunks(1000) {
        office.deliver_all(1, some);
    }
    let mut client = office.login("anna");
    assert!(client.ok("STAT").starts_with("+OK 10000 "));
    let listing = client.multi("UIDL");
    assert_eq!(listing.lines().count(), 10_000);
    let unique: std::collections::HashSet<_> = listing.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(unique.len(), 10_000);
    assert_eq!(client.multi("RETR 10000"), format!("{HEAD}Subject: 9999\r\n\r\n"));
}

#[test]
fn idle_sessions_end_when_the_program_stops() {
    let mut office = Office::open();
    office.deliver(1, MAIL);
    let mut idle = office.connect();
    let mut reading = office.login("anna");
    reading.ok("DELE 1");
    office.stop();
    idle.closed();
    reading.closed();
    assert!(office.restarted().login("anna").ok("STAT").starts_with("+OK 1 "));
}

#[test]
fn access_restrictions_hold_at_the_door_and_at_the_login() {
    let office = Office::open();
    let only = AccessRule { users: vec!["bert".into()], ..AccessRule::allow("127.0.0.1") };
    office.change(|config| config.pop3[0].access = [only].into());
    office.login("bert");
    let mut client = office.connect();
    client.ok("USER anna");
    assert!(client.command("PASS secret word").starts_with("-ERR"));
    office.change(|config| config.pop3[0].access = [AccessRule::allow("192.0.2.0/24")].into());
    let mut client = office.connect_quietly();
    assert_eq!(client.line(), "-ERR [SYS/PERM] Your address may not use this service");
    client.closed();
}

#[test]
fn who_guesses_passwords_is_kept_out() {
    let office = Office::open();
    office.change(|config| {
        config.security.never_block.clear();
        config.security.logins.failed_logins = 1;
    });
    let mut client = office.connect();
    client.ok("USER anna");
    assert!(client.command("PASS wrong").starts_with("-ERR"));
    let mut client = office.connect_quietly();
    assert_eq!(client.line(), "-ERR [SYS/TEMP] Server access temporarily blocked! Please try again later");
    client.closed();
}

#[test]
fn bandwidth_is_limited() {
    let office = Office::open();
    office.deliver(1, &large(4000));
    office.change(|config| config.pop3[0].max_session_bandwidth = 50);
    let mut client = office.login("anna");
    let began = Instant::now();
    let mail = client.multi("RETR 1");
    assert!(mail.len() > 100 * 1024, "{}", mail.len());
    assert!(began.elapsed().as_secs_f64() > mail.len() as f64 / 1024.0 / 50.0 - 1.1, "{:?}", began.elapsed());
}
