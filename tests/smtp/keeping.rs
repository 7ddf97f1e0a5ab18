//! What becomes of a mail that was taken.

use pillarbox::mail::Address;
use pillarbox::store::RecipientState;

use super::office::Office;

#[test]
fn a_mail_for_out_is_handed_to_the_runner() {
    let office = Office::open();
    let mail =
        office.greeted().mail("anna@office.example", &["x@far.example", "x@far.example"], "Subject: x\r\n\r\nb\r\n");
    let entry = office.signals.fresh().try_recv().unwrap();
    assert_eq!((entry.mail, entry.tries(), entry.recipients.len()), (mail, 0, 1));
    assert_eq!(entry.return_path, Some(Address::parse("anna@office.example").unwrap()));
    assert_eq!(entry.recipients[0].address.as_str(), "x@far.example");
    assert_eq!(entry.recipients[0].state, RecipientState::Pending);
    assert_eq!(entry.client, Some([127, 0, 0, 1].into()));
    smol::block_on(office.store.settled()).unwrap();
    assert_eq!(office.store.queue_entry(mail).unwrap().as_ref(), Some(&*entry), "as the index has it");
    assert_eq!(office.board.accepted(), 1);
    let row = &office.store.journal(1).unwrap()[0];
    assert_eq!((row.event.as_str(), row.to.as_str()), ("accepted", "x@far.example"));
}

#[test]
fn mail_of_our_own_gets_what_it_lacks() {
    let office = Office::open();
    let mail = office.greeted().mail("anna@office.example", &["bert"], "Return-Path: <x@y>\r\nSubject: x\r\n\r\nb\r\n");
    let body = String::from_utf8(office.body(mail)).unwrap();
    let (header, text) = body.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = header
        .split("\r\n")
        .filter(|line| !line.starts_with('\t'))
        .map(|line| line.split_once(':').unwrap().0)
        .collect();
    assert_eq!(names, ["Received", "Subject", "Date", "Message-ID"]);
    assert_eq!(text, "b\r\n");
}

#[test]
fn one_copy_a_mailbox_with_all_that_led_there() {
    let office = Office::open();
    let to = ["anna@office.example", "bert@office.example", "sales@office.example"];
    let mail = office.greeted().mail("", &to, "Subject: x\r\n\r\nb\r\n");
    let (anna, bert) = (office.inbox(1), office.inbox(2));
    assert_eq!((anna.len(), bert.len(), anna[0].mail, bert[0].mail), (1, 1, mail, mail));
    assert!(anna[0].head.starts_with("Return-Path: <>\r\nX-VPOP3-RCPTTYPE: "), "{}", anna[0].head);
    assert!(
        anna[0].head.contains("X-VPOP3-ORIGRCPT: anna@office.example\r\nX-VPOP3-ORIGRCPT: sales@office.example\r\n")
    );
    assert!(
        !String::from_utf8(office.body(mail)).unwrap().contains("\tfor "),
        "recipients stay hidden from each other"
    );
    let events: Vec<String> = office.store.journal(2).unwrap().into_iter().map(|row| row.event).collect();
    assert_eq!(events, ["delivered", "accepted"]);
}

#[test]
fn a_large_mail_is_kept_to_the_byte() {
    let office = Office::open();
    let text: String = (0..40_000).map(|n| format!("{n}: a line of a large mail\r\n")).collect();
    let mail = office.greeted().mail(
        "x@far.example",
        &["anna"],
        &format!("Subject: x\r\nDate: x\r\nMessage-ID: x\r\n\r\n{text}"),
    );
    let body = office.body(mail);
    assert!(body.ends_with(text.as_bytes()));
    assert_eq!(office.inbox(1)[0].size, (office.inbox(1)[0].head.len() + body.len()) as u64);
}

#[test]
fn many_at_once_are_each_kept_once() {
    let office = Office::open();
    let taken: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20)
            .map(|client| {
                let office = &office;
                scope.spawn(move || {
                    let mut session = office.greeted();
                    let send =
                        |mail| session.mail("x@far.example", &["anna"], &format!("Subject: {client}-{mail}\r\n\r\n"));
                    (0..10).map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let mut kept: Vec<_> = office.inbox(1).iter().map(|row| row.mail).collect();
    let mut taken = taken;
    taken.sort();
    kept.sort();
    assert_eq!(kept, taken);
    assert!(office.store.status().flushes < 200, "flushes are shared");
}

#[test]
fn a_client_that_goes_leaves_nothing() {
    let office = Office::open();
    let mut client = office.greeted();
    client.begin("x@far.example", &["anna"]);
    client.send("Subject: x\r\n\r\nhalf");
    drop(client);
    office.greeted().mail("x@far.example", &["anna"], "Subject: whole\r\n\r\n");
    assert_eq!(office.inbox(1).len(), 1);
}
