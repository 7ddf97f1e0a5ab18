//! Every rule language says where a mistake is, by line and column, in words.

use pillarbox::rules::access;
use pillarbox::rules::address_form::AddressForm;
use pillarbox::rules::classic;
use pillarbox::rules::conditions::{Condition, Language};
use pillarbox::rules::csv;
use pillarbox::rules::lan_target::LanTarget;
use pillarbox::rules::special_header::SpecialHeader;
use pillarbox::rules::target::Target;
use pillarbox::rules::{DomainFilter, Mistake, Overrides, Zone};

/// The places of all mistakes in a text.
type Read = fn(&str) -> Vec<Mistake>;
/// Wrong texts, and the lines and columns to be named.
type Wrong = Vec<(&'static str, &'static [(usize, usize)])>;

fn one<T>(read: Result<T, Mistake>) -> Vec<Mistake> {
    read.err().into_iter().collect()
}

fn all<T>(read: Result<T, Vec<Mistake>>) -> Vec<Mistake> {
    read.err().unwrap_or_default()
}

fn languages() -> Vec<(&'static str, Read, Wrong)> {
    vec![
        (
            "domain filter",
            |text| all(DomainFilter::parse(text.lines())),
            vec![
                ("Skip: All\nAttempt: Size > much", &[(2, 10)]),
                ("Skip: Form=x", &[(1, 7)]),
                ("Attempt: To=/(/\nSkip:\n", &[(1, 13), (2, 6)]),
                ("Skip: All\nSkip: !To=/a(/", &[(2, 11)]),
            ],
        ),
        (
            "DNS overrides",
            |text| all(Overrides::parse(text.lines())),
            vec![
                ("example.com", &[(1, 12)]),
                ("# fine\nexample.com a $priority:x", &[(2, 15)]),
                ("example.com a $nothing", &[(1, 15)]),
                ("example.com [::1]26", &[(1, 13)]),
            ],
        ),
        (
            "access restrictions, text",
            |text| all(access::parse(text)),
            vec![("192.168.0.0 255.0.255.0", &[(1, 13)]), ("10.0.0.1\n!office", &[(2, 2)])],
        ),
        (
            "access restrictions, stored",
            |text| all(access::parse(text)),
            vec![("0\n1|0||1|0||\n2|0||1|0||", &[(3, 1)])],
        ),
        ("realtime blacklists", |text| one(Zone::parse(text)), vec![("zen.example (x)", &[(1, 12)]), ("", &[(1, 1)])]),
        ("special header fields", |text| one(SpecialHeader::parse(text)), vec![("X-To: /(/", &[(1, 7)])]),
        (
            "mapping targets",
            |text| one(Target::parse(text)),
            vec![("  *LOCAL", &[(1, 3)]), ("a b", &[(1, 1)]), ("", &[(1, 1)])],
        ),
        (
            "tables of mappings",
            |text| one(csv::rows(text)),
            vec![("a@b.example,anna\nc@d.example,\"bert", &[(2, 13)]), ("\"a\" b,c", &[(1, 5)])],
        ),
        (
            "mapping addresses",
            |text| one(AddressForm::parse(text)),
            vec![("joe@*", &[(1, 5)]), ("@x.example", &[(1, 1)])],
        ),
        (
            "LAN targets",
            |text| one(LanTarget::parse(text)),
            vec![("SMTP:bob@example.com", &[(1, 21)]), ("SMTP:bob@example.com@server:x", &[(1, 29)])],
        ),
        (
            "conditions of download rules",
            |text| one(Condition::parse(text, Language::Download)),
            vec![("MailFrom: x", &[(1, 1)]), ("DayNow: 8", &[(1, 9)])],
        ),
        (
            "conditions of SMTP rules",
            |text| one(Condition::parse(text, Language::Smtp)),
            vec![("Collector: 1", &[(1, 1)]), ("!TimeNow: 8-9", &[(1, 11)]), ("Subject", &[(1, 1)])],
        ),
        (
            "classic download rules",
            |text| all(classic::parse(text, Language::Download)),
            vec![("*a\nSubject: x\n MailFrom: x\nDayNow: 0", &[(3, 2), (4, 9)])],
        ),
        (
            "classic SMTP rules",
            |text| all(classic::parse(text, Language::Smtp)),
            vec![("Subject: x", &[(1, 1)]), ("1*a\n1@b", &[(2, 2)])],
        ),
    ]
}

#[test]
fn each_language_says_where_a_mistake_is() {
    let mut wrong = Vec::new();
    for (language, read, texts) in languages() {
        for (text, expected) in texts {
            let mistakes = read(text);
            let places: Vec<_> = mistakes.iter().map(|mistake| (mistake.line, mistake.column)).collect();
            if places != expected {
                wrong.push(format!("{language}: {text:?}: {mistakes:?}, expected {expected:?}"));
            }
            assert!(mistakes.iter().all(|mistake| mistake.text.len() > 8), "{language}: {mistakes:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
