use jiff::civil::{DateTime, date};
use proptest::prelude::*;

use super::*;
use crate::mail::Header;

const HEADER: &[u8] = b"From: Joe <joe@shop.example>\r\nTo: anna@office.example\r\n\
    Subject: =?utf-8?q?Rechnung_f=C3=BCr?= August\r\nX-Mailer: Bulk\r\n Machine 3000\r\n\r\nbody";

/// Tuesday, 24 November 2026.
fn at(hour: i8, minute: i8) -> DateTime {
    date(2026, 11, 24).at(hour, minute, 30, 0)
}

fn facts<'a>() -> Facts<'a> {
    Facts {
        now: Some(at(8, 30)),
        mail_from: Some("Joe@Shop.example"),
        recipients: Some(&["anna@office.example", "bob@office.example"]),
        recipient_count: Some(2),
        users: Some(&["Anna", "bob"]),
        auth_user: Some(""),
        client: Some("192.0.2.7".parse().unwrap()),
        size: Some(5000),
        collector: Some(1),
        valid_recipients: Some(1),
        invalid_recipients: Some(0),
        header: Some(Header::of(HEADER)),
    }
}

fn holds(line: &str, language: Language) -> Option<bool> {
    Condition::parse(line, language).unwrap_or_else(|mistake| panic!("{line}: {mistake}")).holds(&facts())
}

#[test]
fn fields_of_smtp_rules() {
    for (line, expected) in [
        ("MailFrom: joe@shop.example", true),
        ("mailfrom:joe", false),
        ("MailFrom: *@*.example", true),
        ("!MailFrom: *@shop.example", false),
        ("! MailFrom: *@other.example", true),
        ("MailFrom: /^j.e@/", true),
        ("MailFrom: /^shop/", false),
        ("RcptTo: bob@*", true),
        ("RcptTo: bob", false),
        ("!RcptTo: carl@*", true),
        ("RcptCount: 2", true),
        ("RcptCount: >2", false),
        ("Recipient: ANNA", true),
        ("Recipient: ann", false),
        ("VPOP3 recipient: bob", true),
        ("AuthUser:", true),
        ("AuthUser: ?*", false),
        ("ClientAddress: 192.0.2.0/24", true),
        ("Client Address: 192.0.2.8", false),
        ("MessageSize: 5000", true),
        ("MessageSize: 5001", false),
        ("Size: < 5001", true),
        ("TimeNow: 8:00-8:30", false),
        ("TimeNow: 8:30-8:31", true),
        ("DayNow: 3", true),
        ("DayNow: 124567", false),
        ("From: *joe*", true),
        ("From: joe", false),
        ("SUBJECT: rechnung für august", true),
        ("Subject: =?utf-8?q?Rechnung_f=C3=BCr?= August", true),
        ("X-Mailer: bulk machine *", true),
        ("X-Other: *", false),
        ("!X-Other: *", true),
        ("Any: *3000", true),
        ("any header: 3000", false),
        ("Any: /\\d{4}$/", true),
    ] {
        assert_eq!(holds(line, Language::Smtp), Some(expected), "{line}");
    }
}

#[test]
fn fields_of_download_rules() {
    for (line, expected) in [
        ("From: shop.example", true),
        ("From: *joe*", false),
        ("Subject: FÜR august", true),
        ("!Subject: winter", true),
        ("Any: machine", true),
        ("X-Mailer: /^bulk machine 3000$/", true),
        ("MessageSize: 4999", true),
        ("Message size: <=4999", false),
        ("Collector: 1", true),
        ("InMail: 0", false),
        ("Valid Rcpts: 1", true),
        ("InvalidRcpts: > 0", false),
        ("Recipient: anna", true),
        ("Recipient: ann", false),
        ("TimeNow: 18:00-8:31", true),
        ("DayNow: 23456", true),
    ] {
        assert_eq!(holds(line, Language::Download), Some(expected), "{line}");
    }
}

#[test]
fn times_and_days() {
    let now = |line: &str, now: DateTime| {
        let condition = Condition::parse(line, Language::Smtp).unwrap();
        condition.holds(&Facts { now: Some(now), ..Facts::default() }).unwrap()
    };
    for (range, hour, minute, expected) in [
        ("0:00-24:00", 0, 0, true),
        ("0:00-24:00", 23, 59, true),
        ("22:00-6:00", 23, 0, true),
        ("22:00-6:00", 5, 59, true),
        ("22:00-6:00", 6, 0, false),
        ("22:00-6:00", 12, 0, false),
        ("22:00-24:00", 0, 0, false),
        ("08:00 - 17:30", 17, 29, true),
    ] {
        assert_eq!(now(&format!("TimeNow: {range}"), at(hour, minute)), expected, "{range} at {hour}:{minute}");
    }
    // 22 November 2026 is a Sunday.
    for day in 1..=7i8 {
        let today = date(2026, 11, 21 + day).at(12, 0, 0, 0);
        for digit in 1..=7 {
            assert_eq!(now(&format!("DayNow: {digit}"), today), digit == day, "{day} {digit}");
        }
    }
}

#[test]
fn what_is_not_known_neither_holds_nor_fails() {
    for line in
        ["MailFrom: x", "!RcptTo: x", "!Subject: x", "!Any: x", "Size: 0", "!TimeNow: 8:00-9:00", "!AuthUser: x"]
    {
        let condition = Condition::parse(line, Language::Smtp).unwrap();
        assert_eq!(condition.holds(&Facts::default()), None, "{line}");
    }
}

fn conditions(lines: &[&str], any: bool) -> Conditions {
    let lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
    Conditions::parse(&lines, any, Language::Smtp).unwrap()
}

#[test]
fn all_or_any() {
    let (yes, no, unknown) = ("MailFrom: *", "MailFrom: x", "Subject: *");
    for (lines, all, any) in [
        (vec![], true, true),
        (vec![yes], true, true),
        (vec![no], false, false),
        (vec![yes, no], false, true),
        (vec![yes, unknown], false, true),
        (vec![no, unknown], false, false),
    ] {
        let facts = Facts { header: None, ..facts() };
        assert_eq!(conditions(&lines, false).hold(&facts), all, "all of {lines:?}");
        assert_eq!(conditions(&lines, true).hold(&facts), any, "any of {lines:?}");
    }
}

#[test]
fn the_stage_is_the_latest_of_all() {
    for (lines, expected) in [
        (vec![], None),
        (vec!["MailFrom: x", "TimeNow: 1:00-2:00", "ClientAddress: ::1"], Some(Stage::Sender)),
        (vec!["MailFrom: x", "RcptTo: x"], Some(Stage::Recipient)),
        (vec!["RcptTo: x", "Subject: x"], Some(Stage::Message)),
        (vec!["RcptCount: > 5"], Some(Stage::Message)),
    ] {
        assert_eq!(conditions(&lines, true).stage(), expected, "{lines:?}");
    }
    assert!(conditions(&["Subject: x"], false).need_header());
    assert!(!conditions(&["Size: 5", "RcptTo: x"], false).need_header());
}

#[test]
fn mistakes_name_line_and_column() {
    for (language, line, column, part) in [
        (Language::Smtp, "", 1, "no colon"),
        (Language::Smtp, "  Subject", 3, "no colon"),
        (Language::Smtp, "!: x", 2, "no field before"),
        (Language::Smtp, "My Header: x", 1, "cannot be the name of a header"),
        (Language::Smtp, " ! Collector: 1", 4, "no collector"),
        (Language::Smtp, "ValidRcpts: 1", 1, "RcptCount"),
        (Language::Smtp, "Subject: /(/", 10, "the expression"),
        (Language::Smtp, "Subject: /(a{999}){999}/", 10, "the expression"),
        (Language::Smtp, "RcptCount: many", 12, "\"many\" is no number"),
        (Language::Smtp, "MessageSize: -1", 14, "\"-1\" is no number"),
        (Language::Smtp, "Size: 99999999999999999999", 7, "is too large"),
        (Language::Smtp, "ClientAddress: office", 16, "is no address"),
        (Language::Smtp, "TimeNow: 8-9", 10, "8:00-17:30"),
        (Language::Smtp, "TimeNow: 8:00-24:01", 10, "8:00-17:30"),
        (Language::Smtp, "TimeNow: 8:60-9:00", 10, "8:00-17:30"),
        (Language::Smtp, "TimeNow: 8:00-8:00", 10, "whole day"),
        (Language::Smtp, "DayNow: 0", 9, "1 (Sunday)"),
        (Language::Smtp, "DayNow:", 8, "1 (Sunday)"),
        (Language::Download, "MailFrom: x", 1, "From"),
        (Language::Download, "RcptTo: x", 1, "To or Recipient"),
        (Language::Download, "AuthUser: x", 1, "nobody logs in"),
        (Language::Download, "Subject:  ", 9, "no text"),
    ] {
        let mistake = Condition::parse(line, language).expect_err(line);
        assert_eq!((mistake.line, mistake.column), (1, column), "{line}: {mistake}");
        assert!(mistake.text.contains(part), "{line}: {mistake}");
    }
    let lines = ["Subject: x".to_string(), "Subject".to_string(), "DayNow: 9".to_string()];
    let mistakes = Conditions::parse(&lines, true, Language::Smtp).unwrap_err();
    assert_eq!(mistakes.iter().map(|mistake| (mistake.line, mistake.column)).collect::<Vec<_>>(), [(2, 1), (3, 9)]);
    let many = vec!["Subject: x".to_string(); MAX_CONDITIONS + 1];
    assert_eq!(Conditions::parse(&many, true, Language::Smtp).unwrap_err().len(), 1);
    assert!(Condition::parse(&"x".repeat(MAX_CONDITION + 1), Language::Smtp).is_err());
}

proptest! {
    #[test]
    fn no_line_ends_the_program(line in "!?(MailFrom|TimeNow|DayNow|Size|Any|Client Address|\\PC{0,5}):? ?[/0-9:a(*-]{0,8}\\PC{0,4}") {
        for language in [Language::Smtp, Language::Download] {
            match Condition::parse(&line, language) {
                Ok(condition) => { condition.holds(&facts()); }
                Err(mistake) => prop_assert!(mistake.column <= line.chars().count() + 1),
            }
        }
    }
}
