//! The log a collector keeps of its own (where that is wanted), and none where it is not.

use crate::office::{Office, collector, mail, wait};
use crate::provider::Provider;

#[test]
fn runs_mails_and_troubles_are_in_the_log() {
    let provider = Provider::start();
    provider.put("1", mail("one"));
    let mut settings = collector(7, &provider);
    settings.keep_log = true;
    let office = Office::with(settings);
    office.run(7);
    provider.behave(|b| b.refuse_login = Some("-ERR [AUTH] wrong"));
    office.run(7);
    let log = office.store.dir().join("logs/collector-7-Mailbox_7.log");
    let ready = |text: &String| text.contains("refused the password");
    let text = wait("the log", || std::fs::read_to_string(&log).ok().filter(ready));
    assert!(text.contains("from alice@far.example, 1 recipients"), "{text}");
    assert!(text.contains("fine, 1 new, 1 deleted at the provider"), "{text}");
    assert!(!text.contains("secret"), "no password in a log");
}

#[test]
fn no_log_is_kept_unless_wanted() {
    let provider = Provider::start();
    provider.put("1", mail("one"));
    let office = Office::with(collector(7, &provider));
    office.run(7);
    assert!(!office.store.dir().join("logs").exists());
}
