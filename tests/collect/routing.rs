//! Who gets collected mail (spec §4.5, §4.7, §12 no. 5 and 6).

use pillarbox::config::CollectorRouting;
use pillarbox::store::TaskKind;

use crate::office::{BOB, BOSS, INFO, Office, collector, mail, names, wait};
use crate::provider::Provider;

fn by_headers(provider: &Provider, accepted: &[&str]) -> Office {
    let mut settings = collector(7, provider);
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(accepted) };
    Office::with(settings)
}

fn to(subject: &str, header: &str) -> String {
    format!("From: alice@far.example\r\n{header}Subject: {subject}\r\n\r\nHello\r\n")
}

#[test]
fn accepted_domains_choose_the_recipients() {
    let provider = Provider::start();
    provider.put("1", to("both", "To: bob@a.example, other@isp.example, info@isp.example\r\n"));
    provider.put("2", to("one", "To: info@elsewhere.example\r\nCc: Bob <BOB@A.Example>\r\n"));
    provider.put("3", to("resent", "To: x@far.example\r\nResent-To: info@isp.example\r\n"));
    provider.put("4", to("twice", "To: bob@a.example\r\nCc: bob@a.example\r\n"));
    let office = by_headers(&provider, &["a.example", "info@isp.example"]);
    assert_eq!(office.run(7).collected_last, 4);
    assert_eq!(office.subjects(BOB), names(&["both", "one", "twice"]));
    assert_eq!(office.subjects(INFO), names(&["both", "resent"]));
    assert!(office.tasks().is_empty());
}

#[test]
fn without_a_recipient_the_main_administrator_is_told() {
    let provider = Provider::start();
    provider.put("1", to("lost", "To: strangers@far.example\r\n"));
    provider.put("2", to("unknown", "To: nobody@a.example\r\n"));
    provider.put("3", "no header at all\r\n".to_string());
    let office = by_headers(&provider, &["a.example"]);
    let told = office.signals.on_task();
    assert_eq!(office.run(7).collected_last, 3);
    smol::block_on(told);
    let tasks = office.tasks();
    assert_eq!(tasks.len(), 3);
    for task in &tasks {
        let TaskKind::RoutingError { mail, collector: 7, .. } = &task.kind else { panic!("{task:?}") };
        assert!(office.store.body(*mail).unwrap().is_some(), "the mail is kept for the error message");
    }
    // Nobody has it yet, and it does not come again.
    assert!(office.subjects(BOSS).is_empty());
    assert!(provider.state().messages.is_empty());
    assert_eq!(office.run(7).state, "fine, nothing new");
}

#[test]
fn collected_mail_may_go_on_to_an_address_elsewhere() {
    let provider = Provider::start();
    provider.put("1", format!("Return-Path: <bounces@far.example>\r\n{}", mail("on")));
    provider.put("2", mail("writer").replace("Hello", "Grüße"));
    let mut settings = collector(7, &provider);
    settings.routing = CollectorRouting::SendTo("home@else.example".into());
    let office = Office::with(settings);
    assert_eq!(office.run(7).collected_last, 2);
    smol::block_on(office.store.settled()).unwrap();
    let queue = wait("the queue", || office.store.queue_list(None, 10).ok().filter(|queue| queue.len() == 2));
    let mut paths: Vec<String> = queue.iter().map(|entry| entry.return_path.as_ref().unwrap().to_string()).collect();
    paths.sort();
    assert_eq!(paths, ["alice@far.example", "bounces@far.example"]);
    assert_eq!(queue.iter().filter(|entry| entry.body == pillarbox::mail::BodyType::EightBitMime).count(), 1);
    assert!(queue.iter().all(|entry| entry.recipients[0].address.as_str() == "home@else.example"));
}

#[test]
fn special_headers_know_who_was_meant() {
    let provider = Provider::start();
    provider.put("1", to("bcc", "X-Rcpt: account-7 <bob@a.example> id 5\r\nTo: list@far.example\r\n"));
    provider.put("2", to("copy for info", "Delivered-To: info@a.example\r\nTo: bob@a.example, info@a.example\r\n"));
    let mut settings = collector(7, &provider);
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(&["a.example"]) };
    settings.routing_options.headers = Vec::new();
    settings.routing_options.special_headers = names(&["X-Rcpt: account-7 * ~", "Delivered-To"]);
    let office = Office::with(settings);
    office.run(7);
    assert_eq!((office.subjects(BOB), office.subjects(INFO)), (names(&["bcc"]), names(&["copy for info"])));
    assert!(office.tasks().is_empty());
}

#[test]
fn one_address_for_several_people() {
    let provider = Provider::start();
    provider.put("1", to("by name", "To: Bob <us@isp.example>\r\n"));
    provider.put("2", to("[bob] marked", "To: us@isp.example\r\n"));
    let collect = |routing| {
        let office = Office::with(pillarbox::config::Collector { leave_days: 7, routing, ..collector(7, &provider) });
        office.run(7);
        (office.subjects(BOB), office.subjects(BOSS))
    };
    let otherwise = || "boss".to_string();
    let names_found =
        collect(CollectorRouting::SingleAddress { address: "us@isp.example".into(), otherwise: otherwise() });
    assert_eq!(names_found, (names(&["by name"]), names(&["[bob] marked"])));
    let marks_found = collect(CollectorRouting::SubjectMarker { marker: "[*]".into(), otherwise: otherwise() });
    assert_eq!(marks_found, (names(&["[bob] marked"]), names(&["by name"])));
}
