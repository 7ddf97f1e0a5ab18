//! Providers that lie, refuse, and speak in their own way.

use crate::office::{INFO, Office, collector, mail, names};
use crate::provider::Provider;

#[test]
fn an_err_in_the_middle_skips_that_message_only() {
    let provider = Provider::start();
    for name in ["a", "b", "c"] {
        provider.put(name, mail(name));
    }
    provider.behave(|b| b.refuse_retr = [2].into());
    let office = Office::with(collector(7, &provider));
    let state = office.run(7);
    assert_eq!(state.state, "fine, 2 new; 1 could not be taken and stay at the provider");
    assert!(office.problems().contains("does not give out message 2: no such message"), "{}", office.problems());
    provider.behave(|b| b.refuse_retr.clear());
    assert_eq!(office.run(7).state, "fine, 1 new");
    assert_eq!(office.subjects(INFO), names(&["a", "b", "c"]));
}

#[test]
fn malformed_dots_cut_nothing_short() {
    let provider = Provider::start();
    for name in ["a", "b", "c", "d"] {
        provider.put(name, mail(name));
    }
    provider.behave(|b| {
        // Bare LF around a dot, and what would be replies if it ended the message.
        b.raw.insert(1, b"Subject: a\r\n\r\nx\n.\n+OK\nSubject: forged\n\n.\r\ny\r\n.\r\n".to_vec());
        // Dots that were not stuffed.
        b.raw.insert(2, b"Subject: b\r\n\r\n.x\r\n.\ry\r\n.\r\n".to_vec());
        // Nothing at all.
        b.raw.insert(3, b".\r\n".to_vec());
    });
    let office = Office::with(collector(7, &provider));
    assert_eq!(office.run(7).collected_last, 4);
    assert_eq!(office.subjects(INFO), names(&["a", "b", "d", "none"]));
    let inbox = office.inbox(INFO);
    let body = "Subject: a\r\n\r\nx\r\n.\r\n+OK\r\nSubject: forged\r\n\r\n.\r\ny\r\n";
    assert!(inbox.iter().any(|mail| mail.ends_with(body)), "{inbox:?}");
}

#[test]
fn a_server_that_ends_its_lines_with_lf() {
    let provider = Provider::start();
    provider.put("a", mail("a"));
    provider.put("b", mail("b"));
    provider.behave(|b| b.bare_lf = true);
    let office = Office::with(collector(7, &provider));
    assert_eq!(office.run(7).collected_last, 2);
    let inbox = office.inbox(INFO);
    assert!(inbox.iter().any(|taken| taken.ends_with(mail("a").as_str())), "{inbox:?}");
}

#[test]
fn without_unique_ids_headers_tell() {
    let provider = Provider::start();
    provider.put("a", mail("a"));
    provider.put("b", mail("b"));
    provider.behave(|b| b.uidl = false);
    let mut settings = collector(7, &provider);
    settings.leave_days = 3;
    let office = Office::with(settings);
    assert_eq!(office.run(7).collected_last, 2);
    provider.put("c", mail("c"));
    assert_eq!(office.run(7).state, "fine, 1 new");
    assert_eq!(provider.state().retrieved, [1, 2, 3], "TOP spares the download");
    // Without TOP it is downloaded again, and then recognised.
    provider.behave(|b| b.top = false);
    assert_eq!(office.run(7).state, "fine, nothing new");
    assert_eq!(office.subjects(INFO), names(&["a", "b", "c"]));
    assert_eq!(provider.state().messages.len(), 3);
}

#[test]
fn lists_that_lie_lose_nothing() {
    let provider = Provider::start();
    for name in ["a", "b", "c", "d"] {
        provider.put(name, mail(name));
    }
    // One unique-id for two messages, two for one, numbers that are none, out of order.
    let list = "4 d\r\n1 same\r\n2 same\r\n3 x\r\n3 y\r\n0 z\r\n77777777777 far\r\nrubbish\r\n9 nothing\r\n";
    provider.behave(|b| b.uidl_list = Some(list.into()));
    let office = Office::with(collector(7, &provider));
    let state = office.run(7);
    assert_eq!(state.state, "fine, 4 new; 1 could not be taken and stay at the provider");
    assert_eq!(office.subjects(INFO), names(&["a", "b", "c", "d"]));
    assert!(provider.state().messages.is_empty());
}

#[test]
fn new_unique_ids_for_old_messages_are_noticed() {
    let provider = Provider::start();
    for name in ["a", "b", "c"] {
        provider.put(name, mail(name));
    }
    provider.behave(|b| b.rename = true);
    let mut settings = collector(7, &provider);
    settings.leave_days = 3;
    let office = Office::with(settings.clone());
    office.run(7);
    assert!(office.board.problems().is_empty());
    assert!(office.run(7).ok);
    assert!(office.problems().contains("new identifiers"), "{}", office.problems());

    // Deleted at once, new names do no harm.
    settings.leave_days = 0;
    let office = Office::with(settings);
    assert_eq!(office.run(7).collected_last, 3);
    assert_eq!(office.run(7).collected_last, 0);
    assert_eq!(office.subjects(INFO), names(&["a", "b", "c"]));
}

#[test]
fn what_is_wrong_is_said_in_plain_words() {
    let provider = Provider::start();
    let office = Office::with(collector(7, &provider));
    provider.behave(|b| b.refuse_login = Some("-ERR [IN-USE] mailbox locked"));
    let state = office.run(7);
    assert!(state.state.contains("does not let info@isp.example in at the moment"), "{}", state.state);
    provider.behave(|b| b.refuse_greeting = Some("-ERR too many connections"));
    assert!(office.run(7).state.contains("takes no connection at the moment: too many connections"));
    provider.behave(|b| b.refuse_greeting = Some("220 smtp.example ESMTP"));
    assert!(office.run(7).state.contains("is no POP3 server"));

    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let mut settings = collector(7, &provider);
    settings.port = free.port();
    office.config.publish(crate::office::config(vec![crate::office::connection(1, vec![settings])]));
    let state = office.run(7);
    assert!(state.state.starts_with("127.0.0.1 does not answer") && !state.ok, "{}", state.state);
}

#[test]
fn the_fastest_way_asks_for_no_sizes() {
    let provider = Provider::start();
    provider.put("a", mail("a"));
    let office = Office::with(collector(7, &provider));
    let mut config = (*office.config.current()).clone();
    config.general.fastest_pop3_download = true;
    office.config.publish(config.clone());
    assert_eq!(office.run(7).collected_last, 1);
    assert!(!provider.state().commands.contains(&"LIST".to_string()));
    // Where they are needed they are asked for.
    provider.put("b", mail("b"));
    provider.behave(|b| b.uidl = false);
    assert_eq!(office.run(7).collected_last, 1);
    provider.behave(|b| b.uidl = true);
    config.collectors[0].max_size_kb = 1;
    office.config.publish(config);
    provider.put("c", mail("c") + &"x".repeat(3000));
    assert_eq!(office.run(7).state, "fine, nothing new; 1 above the size limit stay at the provider");
    assert_eq!(provider.state().commands.iter().filter(|command| *command == "LIST").count(), 2);
}

#[test]
fn obsolete_unique_ids_are_held_as_long_as_is_set() {
    let provider = Provider::start();
    provider.put("again", mail("first"));
    let office = Office::with(collector(7, &provider));
    let mut config = (*office.config.current()).clone();
    config.general.hold_obsolete_uids = 0;
    office.config.publish(config);
    office.run(7);
    office.run(7);
    // The provider gives an old name to a new message.
    provider.put("again", mail("second"));
    assert_eq!(office.run(7).state, "fine, 1 new");
}
