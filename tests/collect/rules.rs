//! Download rules: what each action does with the message, its copy at the provider, and the people (spec §4.8).

use pillarbox::config::{Collector, DownloadAction as Action, DownloadRule};

use crate::office::{BOB, BOSS, INFO, Office, collector, config, connection, mail, names, wait};
use crate::provider::Provider;

fn rule(name: &str, action: Action, conditions: &[&str]) -> DownloadRule {
    let addresses = if action.has_addresses() { vec!["bob".to_string()] } else { Vec::new() };
    let conditions = conditions.iter().map(|line| line.to_string()).collect();
    DownloadRule { name: name.into(), action, addresses, conditions, ..DownloadRule::default() }
}

fn settings(provider: &Provider, leave_days: u32) -> Collector {
    Collector { use_download_rules: true, leave_days, ..collector(7, provider) }
}

fn office(settings: Collector, rules: Vec<DownloadRule>) -> Office {
    let mut config = config(vec![connection(1, vec![settings])]);
    config.download_rules = rules.into();
    let office = Office::open(config);
    office.notify();
    office
}

#[test]
fn behaviour_07_first_match_only_and_no_conditions_match_everything() {
    let provider = Provider::start();
    for subject in ["invoice 1", "invoice 2 urgent", "other"] {
        provider.put(subject.replace(' ', "-"), mail(subject));
    }
    let rules = vec![
        rule("urgent", Action::Redirect, &["Subject: URGENT"]),
        rule("invoices", Action::Copy, &["Subject: invoice"]),
        rule("never", Action::SilentlyDelete, &["Subject: urgent"]),
        rule("the rest", Action::SilentlyDelete, &[]),
    ];
    let office = office(settings(&provider, 0), rules);
    assert_eq!(office.run(7).state, "fine, 2 new; 1 deleted unread by download rules");
    assert_eq!(office.subjects(INFO), ["invoice 1"]);
    assert_eq!(office.subjects(BOB), ["invoice 1", "invoice 2 urgent"]);
    assert_eq!(provider.state().topped, 3);
    assert_eq!(provider.state().retrieved, [1, 2], "what is deleted is not downloaded");
    assert!(provider.state().messages.is_empty());
    let log = office.store.dir().join("logs/dlrules.log");
    let text = wait("the log", || std::fs::read_to_string(&log).ok().filter(|text| text.lines().count() == 3));
    assert!(text.contains("rule \"urgent\" Redirect: from alice@far.example"), "{text}");
}

#[test]
fn each_action_does_what_it_says() {
    // Action, downloaded for info, for bob, left at the provider, notices to info, to bob.
    for (action, info, bob, left, told_info, told_bob) in [
        (Action::Query, 0, 0, 1, 1, 0),
        (Action::QueryAndCopy, 0, 0, 1, 1, 1),
        (Action::QueryAndRedirect, 0, 0, 1, 0, 1),
        (Action::Download, 1, 0, 1, 0, 0),
        (Action::DownloadAndDelete, 1, 0, 0, 0, 0),
        (Action::Copy, 1, 1, 1, 0, 0),
        (Action::DownloadCopyAndDelete, 1, 1, 0, 0, 0),
        (Action::Redirect, 0, 1, 1, 0, 0),
        (Action::DownloadRedirectAndDelete, 0, 1, 0, 0, 0),
        (Action::Ignore, 0, 0, 1, 0, 0),
        (Action::DeleteAndWarn, 0, 0, 0, 1, 0),
        (Action::DeleteAndWarnCopy, 0, 0, 0, 1, 1),
        (Action::DeleteAndWarnRedirect, 0, 0, 0, 0, 1),
        (Action::SilentlyDelete, 0, 0, 0, 0, 0),
    ] {
        let provider = Provider::start();
        provider.put("1", mail("it"));
        let office = office(settings(&provider, 7), vec![rule("one", action, &[])]);
        office.run(7);
        office.run(7);
        wait("the notices", || office.tasks().is_empty().then_some(()));
        let count = |user| {
            let (mut mails, mut notices) = (0, 0);
            for subject in office.subjects(user) {
                match subject.as_str() {
                    "it" => mails += 1,
                    _ => notices += 1,
                }
            }
            (mails, notices)
        };
        assert_eq!((count(INFO), count(BOB)), ((info, told_info), (bob, told_bob)), "{action:?}");
        assert_eq!(provider.state().messages.len(), left, "{action:?}");
        assert_eq!(provider.state().retrieved.len(), usize::from(info + bob > 0), "{action:?}");
        assert!(office.subjects(BOSS).is_empty());
    }
}

#[test]
fn conditions_know_the_recipients_the_size_and_the_collector() {
    let provider = Provider::start();
    provider.put("small", mail("small"));
    provider.put("large", mail("large") + &"x".repeat(5000) + "\r\n");
    let rules = vec![
        rule("other collector", Action::SilentlyDelete, &["Collector: 1"]),
        rule("not for bob", Action::SilentlyDelete, &["Recipient: bob"]),
        rule("large", Action::Redirect, &["MessageSize: 4000", "Recipient: info", "InMail: 0", "ValidRcpts: 1"]),
    ];
    let office = office(settings(&provider, 0), rules);
    office.run(7);
    assert_eq!((office.subjects(INFO), office.subjects(BOB)), (names(&["small"]), names(&["large"])));
}

#[test]
fn an_answer_goes_before_the_rule_and_a_changed_rule_counts_at_once() {
    let provider = Provider::start();
    provider.put("1", mail("one"));
    provider.put("2", mail("two"));
    let office = office(settings(&provider, 0), vec![rule("ask", Action::Query, &[])]);
    assert_eq!(office.run(7).state, "fine, nothing new; 2 stay at the provider by download rules");
    let question = office.mails(INFO, 2).into_iter().find(|mail| mail.contains("message? one")).unwrap();
    assert!(question.contains("rule \"ask\""), "{question}");
    let address = question[question.find("<download-").unwrap()..].split(['<', '>']).nth(1).unwrap().to_string();
    office.submit("info@office.example", &address, "Subject: Re\r\n\r\nyes\r\n");
    assert_eq!(office.run(7).state, "fine, 1 new; 1 stay at the provider by download rules");

    let mut config = (*office.config.current()).clone();
    config.download_rules = Vec::new().into();
    office.config.publish(config);
    assert_eq!(office.run(7).state, "fine, 1 new");
    assert!(provider.state().messages.is_empty());
}

#[test]
fn a_server_without_top_is_collected_as_if_there_were_no_rules() {
    let provider = Provider::start();
    provider.behave(|b| (b.top, b.capabilities) = (false, Some(vec!["USER", "UIDL", "PIPELINING"])));
    provider.put("1", mail("one"));
    let office = office(settings(&provider, 0), vec![rule("all", Action::SilentlyDelete, &[])]);
    assert_eq!(office.run(7).state, "fine, 1 new");
    assert!(office.problems().contains("does not give headers alone (TOP)"), "{}", office.problems());
}
