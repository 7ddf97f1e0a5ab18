//! Mail in whose headers nobody here is named: all six choices (spec §4.7).

use pillarbox::config::{CollectorRouting, RoutingErrorAction};

use crate::office::{BOB, BOSS, Office, collector, names, wait};
use crate::provider::Provider;

const LOST: &str = "Return-Path: <alice@far.example>\r\nFrom: alice@far.example\r\nTo: nobody@a.example\r\n\
    Subject: lost\r\n\r\nHello\r\n";

fn office(provider: &Provider, action: RoutingErrorAction) -> Office {
    let mut settings = collector(7, provider);
    settings.routing = CollectorRouting::ByHeaders { accepted_domains: names(&["a.example"]) };
    settings.routing_errors.action = action;
    settings.routing_errors.user = "bob".into();
    settings.routing_errors.bounce_text = "We have moved to b.example".into();
    let office = Office::with(settings);
    office.notify();
    office
}

/// Runs over `mail` and waits until everything it set off is done.
fn collect(action: RoutingErrorAction, mail: &str) -> Office {
    let provider = Provider::start();
    provider.put("1", mail);
    let office = office(&provider, action);
    assert_eq!(office.run(7).collected_last, 1);
    assert!(provider.state().messages.is_empty());
    wait("the notices", || office.tasks().is_empty().then_some(()));
    office
}

#[test]
fn an_error_message_with_the_mail_or_the_mail_itself() {
    use RoutingErrorAction as Action;
    for (action, user, subject) in [
        (Action::ErrorToAdministrator, BOSS, "Collected mail for nobody known"),
        (Action::ErrorToUser, BOB, "Collected mail for nobody known"),
        (Action::MailToAdministrator, BOSS, "lost"),
        (Action::MailToUser, BOB, "lost"),
    ] {
        let office = collect(action, LOST);
        let other = if user == BOSS { BOB } else { BOSS };
        assert_eq!(office.subjects(user), [subject], "{action:?}");
        assert!(office.subjects(other).is_empty(), "{action:?}");
        assert!(office.inbox(user)[0].contains("Hello"), "{action:?}");
        assert_eq!(office.store.queue_len().unwrap(), 0);
    }
}

#[test]
fn a_bounce_goes_to_the_sender_with_our_own_words() {
    for (action, kept) in [(RoutingErrorAction::Bounce, 0), (RoutingErrorAction::BounceAndMailToAdministrator, 1)] {
        let office = collect(action, LOST);
        assert_eq!(office.subjects(BOSS).len(), kept);
        let queue = office.store.queue_list(None, 10).unwrap();
        assert_eq!(queue.len(), 1);
        assert_eq!(
            (queue[0].return_path.as_ref(), queue[0].recipients[0].address.as_str()),
            (None, "alice@far.example")
        );
        let Some(pillarbox::store::Body::Inline(bounce)) = office.store.body(queue[0].mail).unwrap() else { panic!() };
        let bounce = String::from_utf8_lossy(&bounce);
        assert!(bounce.contains("We have moved to b.example"), "{bounce}");
        assert!(bounce.contains("Final-Recipient: rfc822; nobody@a.example"), "{bounce}");
        assert!(bounce.contains("Subject: lost"), "{bounce}");
    }
}

#[test]
fn what_no_person_wrote_is_never_bounced() {
    for mail in [
        LOST.replace("<alice@far.example>", "<>"),
        LOST.replace("Subject", "Precedence: bulk\r\nSubject"),
        LOST.replace("Subject", "Auto-Submitted: auto-replied\r\nSubject"),
        LOST.replace("Subject", "List-Id: <news.far.example>\r\nSubject"),
    ] {
        let office = collect(RoutingErrorAction::Bounce, &mail);
        assert_eq!(office.store.queue_len().unwrap(), 0, "{mail}");
        assert_eq!(office.subjects(BOSS), ["lost"], "{mail}");
    }
}
