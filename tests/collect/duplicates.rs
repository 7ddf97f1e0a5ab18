//! A catch-all mailbox that holds a copy of a mail for each recipient (spec §4.2).

use pillarbox::config::CollectorRouting;

use crate::office::{BOB, INFO, Office, collector, names};
use crate::provider::Provider;

fn copy(to: &str, id: &str, trace: &str) -> String {
    format!(
        "Received: from x by y; Sun, 22 Nov 2026 09:00:{trace} +0100\r\nFrom: alice@far.example\r\nTo: {to}\r\n\
         Subject: news\r\nDate: Sun, 22 Nov 2026 09:00:00 +0100\r\nMessage-ID: <{id}@far.example>\r\n\r\nHello\r\n"
    )
}

fn office(provider: &Provider, leave_days: u32) -> Office {
    let mut settings = collector(7, provider);
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(&["a.example"]) };
    settings.skip_duplicates = true;
    settings.leave_days = leave_days;
    Office::with(settings)
}

#[test]
fn one_of_several_copies_is_kept_also_over_a_restart() {
    let provider = Provider::start();
    let both = "bob@a.example, info@a.example";
    provider.put("1", copy(both, "m", "01"));
    provider.put("2", copy(both, "m", "02"));
    provider.put("3", copy(both, "other", "03"));
    let office = office(&provider, 0);
    assert_eq!(office.run(7).state, "fine, 2 new; 1 skipped as duplicates");
    assert!(provider.state().messages.is_empty());
    provider.put("4", copy(both, "m", "04"));
    let office = office.restart();
    assert_eq!(office.run(7).state, "fine, nothing new; 1 skipped as duplicates");
    assert!(provider.state().messages.is_empty());
    assert_eq!(office.subjects(BOB), names(&["news", "news"]));
    assert_eq!(office.subjects(INFO), names(&["news", "news"]));
}

#[test]
fn a_duplicate_that_is_left_is_looked_at_once() {
    let provider = Provider::start();
    provider.put("1", copy("bob@a.example", "m", "01"));
    provider.put("2", copy("bob@a.example", "m", "02"));
    let office = office(&provider, 7);
    assert_eq!(office.run(7).state, "fine, 1 new; 1 skipped as duplicates");
    assert_eq!(office.run(7).state, "fine, nothing new");
    assert_eq!(provider.state().retrieved, [1, 2]);
    assert_eq!(provider.state().messages.len(), 2);
}

#[test]
fn without_a_message_id_nothing_is_a_duplicate() {
    let provider = Provider::start();
    for n in ["01", "02"] {
        provider.put(n, copy("bob@a.example", "m", n).replace("Message-ID: <m@far.example>\r\n", ""));
    }
    assert_eq!(office(&provider, 0).run(7).state, "fine, 2 new");
}
