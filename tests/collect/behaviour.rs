//! Behaviour of the reference product, by its number (spec connectors-and-smtp §12).

use pillarbox::config::CollectorRouting;

use crate::office::{BOB, INFO, Office, collector, mail, names};
use crate::provider::Provider;

#[test]
fn behaviour_04_dropped_before_quit_deletes_the_old_ones_and_delivers_none_twice() {
    let provider = Provider::start();
    for n in 0..20 {
        provider.put(format!("uid{n}"), mail(&format!("{n:02}")));
    }
    provider.behave(|b| b.hang_up_at_quit = true);
    let office = Office::with(collector(7, &provider));
    office.run(7);
    let all: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
    assert_eq!(office.subjects(INFO), all);
    assert_eq!(provider.state().messages.len(), 20, "the server undeletes what no QUIT confirmed");

    provider.behave(|b| b.hang_up_at_quit = false);
    provider.put("new", mail("new"));
    let retrieved = provider.state().retrieved.len();
    let office = office.restart();
    assert_eq!(office.run(7).collected_last, 1);
    assert_eq!(provider.state().retrieved.len(), retrieved + 1, "only the new one is fetched");
    assert!(provider.state().messages.is_empty());
    assert_eq!(office.subjects(INFO), [all, names(&["new"])].concat());
}

#[test]
fn behaviour_05_accepted_domains_keep_the_addresses_that_are_ours() {
    let provider = Provider::start();
    provider.put("1", "From: a@far.example\r\nTo: bob@a.org, info@isp.net, boss@isp.net\r\nSubject: s\r\n\r\nx\r\n");
    let mut settings = collector(7, &provider);
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(&["a.org", "boss@isp.net"]) };
    let office = Office::with(settings);
    office.run(7);
    assert_eq!(office.subjects(BOB), ["s"]);
    assert_eq!(office.subjects(crate::office::BOSS), ["s"]);
    assert!(office.subjects(INFO).is_empty(), "info@isp.net is not accepted");
    assert!(office.tasks().is_empty());
}
