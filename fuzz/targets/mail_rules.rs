//! Download rules and SMTP rules: conditions, and the classic form. Mistakes lie inside the text; what was read answers
//! for any mail; what is written in the classic form is read again.

#![no_main]

use languages::mail::Header;
use languages::rules::classic::{parse, write};
use languages::rules::conditions::{Condition, Facts, Language};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lines: Vec<&str> = text.lines().collect();
    for language in [Language::Download, Language::Smtp] {
        for line in &lines {
            match Condition::parse(line, language) {
                Ok(condition) => {
                    assert!(condition.holds(&Facts::default()).is_none());
                    ask(&condition, text);
                }
                Err(mistake) => {
                    assert!(mistake.line == 1 && (1..=line.chars().count() + 1).contains(&mistake.column), "{mistake}");
                }
            }
        }
        match parse(text, language) {
            Ok(rules) => {
                for rule in rules {
                    let written = write(&rule.sign, &rule.name, &rule.conditions, language);
                    let again = parse(&written, language).expect("what is written can be read");
                    assert_eq!(again.len(), 1);
                    assert_eq!(again[0].sign, rule.sign);
                }
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let line = lines[mistake.line - 1];
                    assert!((1..=line.chars().count() + 2).contains(&mistake.column), "{mistake} in {line:?}");
                }
            }
        }
    }
});

/// Of a mail made of the text.
fn ask(condition: &Condition, text: &str) {
    let recipients = [text];
    let facts = Facts {
        now: Some(languages::noon()),
        mail_from: Some(text),
        recipients: Some(&recipients),
        recipient_count: Some(1),
        users: Some(&recipients),
        auth_user: Some(text),
        client: Some([192, 0, 2, 1].into()),
        size: Some(text.len() as u64),
        collector: Some(0),
        valid_recipients: Some(0),
        invalid_recipients: Some(1),
        header: Some(Header::of(text.as_bytes())),
    };
    assert!(condition.holds(&facts).is_some());
}
