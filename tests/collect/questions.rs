//! Messages above the size limit, and the question whether to download them (spec §4.3).

use pillarbox::config::CollectorRouting;

use crate::office::{BOB, INFO, Office, collector, mail, names};
use crate::provider::Provider;

fn large(subject: &str) -> String {
    mail(subject) + &"x".repeat(5000) + "\r\n"
}

fn limited(provider: &Provider) -> Office {
    let mut settings = collector(7, provider);
    settings.max_size_kb = 2;
    let office = Office::with(settings);
    office.notify();
    office
}

/// The address a question is written from.
fn asker(question: &str) -> String {
    let line = &question[question.find("<download-").unwrap()..];
    line.split(['<', '>']).nth(1).unwrap().to_string()
}

#[test]
fn a_reply_has_it_downloaded() {
    let provider = Provider::start();
    provider.put("large", large("films"));
    provider.put("small", mail("small"));
    let office = limited(&provider);
    assert_eq!(office.run(7).state, "fine, 1 new; 1 above the size limit stay at the provider");
    let inbox = office.mails(INFO, 2);
    let question = inbox.iter().find(|mail| mail.contains("Download this message? films")).unwrap();
    assert!(
        question.contains("Subject: films\r\n") && question.contains("Auto-Submitted: auto-generated"),
        "{question}"
    );
    assert_eq!(provider.state().retrieved, [2]);

    // Asked once only.
    assert_eq!(office.run(7).state, "fine, nothing new; 1 above the size limit stay at the provider");
    assert_eq!(office.inbox(INFO).len(), 2);
    assert!(office.tasks().is_empty());

    // A program that answers is not a person.
    let reply = "From: info@office.example\r\nSubject: Re: Download this message?\r\n";
    office.submit(
        "info@office.example",
        &asker(question),
        &format!("{reply}Auto-Submitted: auto-replied\r\n\r\naway\r\n"),
    );
    office.submit("<>", &asker(question), &format!("{reply}\r\nbounce\r\n"));
    office.run(7);
    assert_eq!(provider.state().retrieved, [2]);

    office.submit("info@office.example", &asker(question), &format!("{reply}\r\nyes\r\n"));
    let office = office.restart();
    assert_eq!(office.run(7).state, "fine, 1 new");
    assert!(office.subjects(INFO).contains(&"films".to_string()));
    assert!(provider.state().messages.is_empty());
    assert!(office.store.held(7).unwrap().is_empty());
    assert!(office.inbox(BOB).is_empty());
}

#[test]
fn nobody_who_was_not_asked_can_answer() {
    let provider = Provider::start();
    provider.put("large", large("films"));
    let office = limited(&provider);
    office.run(7);
    office.mails(INFO, 1);
    let guess = pillarbox::mail::Address::parse("download-00000000000000000000000000000001@office.example").unwrap();
    let config = office.config.current();
    assert!(pillarbox::intake::question_at(&config, &guess).is_some(), "it looks like one");
    let refused = office.refused(guess.as_str());
    assert_eq!(refused, "no such user here");
}

#[test]
fn one_whose_size_was_not_announced_is_asked_about_too() {
    let provider = Provider::start();
    provider.put("large", large("films"));
    provider.behave(|b| b.size_lie = Some(10));
    let office = limited(&provider);
    office.run(7);
    let question = office.mails(INFO, 1).remove(0);
    assert!(question.contains("Size: 5 KiB"), "{question}");
    office.submit("info@office.example", &asker(&question), "Subject: Re\r\n\r\nyes\r\n");
    assert_eq!(office.run(7).state, "fine, 1 new");
}

#[test]
fn a_limit_that_was_raised_needs_no_answer() {
    let provider = Provider::start();
    provider.put("large", large("films"));
    let office = limited(&provider);
    office.run(7);
    let mut config = (*office.config.current()).clone();
    config.collectors[0].max_size_kb = 0;
    office.config.publish(config);
    assert_eq!(office.run(7).state, "fine, 1 new");
    smol::block_on(office.store.settled()).unwrap();
    assert!(office.store.held(7).unwrap().is_empty());
    assert!(office.subjects(INFO).iter().any(|subject| names(&["films"]).contains(subject)));
}

#[test]
fn a_reply_may_be_collected() {
    let provider = Provider::start();
    provider.put("large", large("films"));
    let mut settings = collector(7, &provider);
    settings.max_size_kb = 2;
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(&["isp.example", "office.example"]) };
    let office = Office::with(settings);
    office.notify();
    office.run(7);
    let question = office.mails(INFO, 1).remove(0);
    let reply = format!("From: info@home.example\r\nTo: {}\r\nSubject: Re\r\n\r\nyes\r\n", asker(&question));
    provider.put("reply", reply);
    assert_eq!(office.run(7).state, "fine, 1 new; 1 above the size limit stay at the provider");
    assert_eq!(office.run(7).state, "fine, 1 new");
    assert!(office.subjects(INFO).contains(&"films".to_string()));
    assert!(office.tasks().is_empty());
}
