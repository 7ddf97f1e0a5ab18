//! Behaviour of the reference product, by its number (spec connectors-and-smtp §12).

use pillarbox::config::{CollectorRouting, Mapping};
use pillarbox::store::{Body, TaskKind};

use crate::office::{BOB, INFO, Office, collector, config, connection, mail, names};
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

#[test]
fn behaviour_06_nobody_known_is_an_error_and_a_mapping_to_remote_is_neither() {
    let provider = Provider::start();
    let mail = |to: &str, subject: &str| format!("From: a@far.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nx\r\n");
    provider.put("1", mail("nobody@a.org", "lost"));
    provider.put("2", mail("branch@a.org", "elsewhere"));
    provider.put("3", mail("branch@a.org, bob@a.org", "both"));
    provider.put("4", mail("bin@a.org", "thrown away"));
    let mut settings = collector(7, &provider);
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(&["a.org"]) };
    let mut config = config(vec![connection(1, vec![settings])]);
    let mapping =
        |address: &str, target: &str| Mapping { address: address.into(), target: target.into(), ..Mapping::default() };
    config.mappings = vec![mapping("branch@a.org", "*REMOTE"), mapping("bin@a.org", "No-one")];
    let office = Office::open(config);
    office.run(7);
    assert!(provider.state().messages.is_empty());
    assert_eq!(office.subjects(BOB), ["both"]);
    let tasks = office.tasks();
    assert_eq!(tasks.len(), 1, "one routing error: {tasks:?}");
    let TaskKind::RoutingError { mail, .. } = &tasks[0].kind else { panic!("{tasks:?}") };
    let Some(Body::Inline(text)) = office.store.body(*mail).unwrap() else { panic!() };
    assert!(String::from_utf8_lossy(&text).contains("Subject: lost"));
    assert_eq!(office.store.queue_len().unwrap(), 0);
    assert_eq!(office.run(7).state, "fine, nothing new");
}

#[test]
fn only_mappings_lead_to_users_where_that_is_set() {
    let provider = Provider::start();
    provider.put("1", "From: a@far.example\r\nTo: bob@a.org\r\nSubject: name\r\n\r\nx\r\n");
    provider.put("2", "From: a@far.example\r\nTo: sales@a.org\r\nSubject: mapped\r\n\r\nx\r\n");
    let mut settings = collector(7, &provider);
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(&["a.org"]) };
    settings.routing_options.disable_default_mappings = true;
    let mut config = config(vec![connection(1, vec![settings])]);
    config.mappings = vec![Mapping { address: "sales".into(), target: "bob".into(), ..Mapping::default() }];
    let office = Office::open(config);
    office.run(7);
    assert_eq!(office.subjects(BOB), ["mapped"]);
    assert_eq!(office.tasks().len(), 1);
}
