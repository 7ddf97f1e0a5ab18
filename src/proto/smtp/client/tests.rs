//! Sessions played against lines written by hand.

use proptest::prelude::*;

use super::*;

const ALL: &str =
    "250-mx\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 CHUNKING\r\n";
const PIPELINING: &str = "250-mx\r\n250 PIPELINING\r\n";
const PLAIN: &str = "250 mx\r\n";

fn settings(encryption: Encryption, login: bool) -> Settings {
    let login = login.then(|| Login { user: "u".into(), password: "p".into(), mechanism: None });
    Settings { helo: "box.example".into(), encryption, login }
}

/// Gives `input`, takes what is written meanwhile.
fn say(session: &mut Session, input: &str) -> String {
    session.input(input.as_bytes());
    let output = String::from_utf8(session.output().to_vec()).unwrap();
    session.written(output.len());
    output
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.event()).collect()
}

fn ready(capabilities: &str) -> Session {
    let mut session = Session::new(settings(Encryption::AsIs, false));
    assert_eq!(say(&mut session, "220 mx\r\n"), "EHLO box.example\r\n");
    assert_eq!(say(&mut session, capabilities), "");
    assert_eq!(events(&mut session), [Event::Ready]);
    session
}

fn mail(body: &str) -> Mail<'static> {
    let size = body.len() as u64;
    Mail { return_path: "a@b.example", size, eight_bit: false, smtputf8: false, ret: None, envid: None }
}

fn begin(session: &mut Session, tag: u64, to: &[&str], body: &str) {
    let recipients = to.iter().map(|address| Recipient { address, notify: None, orcpt: None });
    session.begin(tag, &mail(body), recipients, Content::Whole(body.as_bytes().into())).unwrap();
}

/// Verdicts as letters: accepted, refused, deferred, unanswered; `-` is untouched.
fn told(session: &mut Session) -> Vec<(u64, String)> {
    let letter = |verdict: &Verdict| match verdict {
        Verdict::Accepted(_) => 'a',
        Verdict::Refused(_) => 'r',
        Verdict::Deferred(_) => 'd',
        Verdict::Surplus => 's',
        Verdict::Unanswered(_) => 'u',
    };
    events(session)
        .into_iter()
        .filter_map(|event| match event {
            Event::Finished { tag, verdicts } => Some((tag, verdicts.iter().map(letter).collect())),
            Event::Untouched { tag } => Some((tag, "-".to_string())),
            _ => None,
        })
        .collect()
}

fn one(tag: u64, verdicts: &str) -> (u64, String) {
    (tag, verdicts.to_string())
}

#[test]
fn a_whole_mail_in_one_write_and_the_next_behind_it() {
    let mut session = ready(ALL);
    begin(&mut session, 1, &["x@y.example", "z@y.example"], ".hi\r\n");
    assert!(session.can_begin());
    begin(&mut session, 2, &["x@y.example"], "yo\r\n");
    assert_eq!(
        say(&mut session, ""),
        "MAIL FROM:<a@b.example> SIZE=5\r\nRCPT TO:<x@y.example>\r\nRCPT TO:<z@y.example>\r\nBDAT 5 LAST\r\n.hi\r\n\
         MAIL FROM:<a@b.example> SIZE=4\r\nRCPT TO:<x@y.example>\r\nBDAT 4 LAST\r\nyo\r\n"
    );
    assert_eq!(
        say(&mut session, "250 a\r\n250 b\r\n550 5.1.1 no\r\n250 2.0.0 ok\r\n250 a\r\n250 b\r\n451 later\r\n"),
        ""
    );
    assert_eq!(told(&mut session), [one(1, "ar"), one(2, "d")]);
    begin(&mut session, 3, &["x@y.example"], "RSET after a failed BDAT\r\n");
    assert!(say(&mut session, "").starts_with("RSET\r\nMAIL"));
    say(&mut session, "250 r\r\n250 m\r\n250 r\r\n250 ok\r\n");
    assert_eq!(told(&mut session), [one(3, "a")]);
}

#[test]
fn pipelining_without_chunking_waits_for_354_only() {
    let mut session = ready(PIPELINING);
    begin(&mut session, 1, &["x@y.example"], "one\r\n");
    assert!(!session.can_begin(), "DATA ends a group");
    assert_eq!(say(&mut session, ""), "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n");
    assert_eq!(session.awaiting(), Awaiting::Reply);
    session.input(b"250 m\r\n250 r\r\n354 go\r\n");
    assert!(session.can_begin(), "commands may follow the final dot");
    begin(&mut session, 2, &["x@y.example"], "two\r\n");
    assert_eq!(say(&mut session, ""), "one\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n");
    assert_eq!(session.awaiting(), Awaiting::Content);
    assert_eq!(say(&mut session, "250 ok\r\n250 m\r\n550 r\r\n354 go\r\n"), ".\r\n", "354 though nobody was taken");
    say(&mut session, "554 no valid recipients\r\n");
    assert_eq!(told(&mut session), [one(1, "a"), one(2, "r")]);
}

#[test]
fn without_pipelining_one_command_at_a_time() {
    let mut session = ready(PLAIN);
    begin(&mut session, 1, &["x@y.example", "z@y.example"], "a");
    assert_eq!(say(&mut session, ""), "MAIL FROM:<a@b.example>\r\n");
    assert_eq!(say(&mut session, "250 m\r\n"), "RCPT TO:<x@y.example>\r\n");
    assert_eq!(say(&mut session, "450 r\r\n"), "RCPT TO:<z@y.example>\r\n");
    assert_eq!(say(&mut session, "250 r\r\n"), "DATA\r\n");
    assert_eq!(say(&mut session, "354 g\r\n"), "a\r\n.\r\n");
    say(&mut session, "250 ok\r\n");
    assert_eq!(told(&mut session), [one(1, "da")]);
    begin(&mut session, 2, &["x@y.example"], "b");
    say(&mut session, "250 m\r\n");
    say(&mut session, "550 r\r\n");
    begin(&mut session, 3, &["x@y.example"], "b");
    assert_eq!(say(&mut session, ""), "RSET\r\n");
    assert_eq!(say(&mut session, "250 r\r\n"), "MAIL FROM:<a@b.example>\r\n");
    say(&mut session, "452 m\r\n");
    assert_eq!(told(&mut session), [one(2, "r"), one(3, "d")]);
}

#[test]
fn mail_refused_in_a_group() {
    for (capabilities, rest) in [(ALL, "503 r\r\n503 b\r\n"), (PIPELINING, "503 r\r\n503 d\r\n")] {
        let mut session = ready(capabilities);
        begin(&mut session, 1, &["x@y.example"], "a\r\n");
        say(&mut session, &format!("550 5.7.1 not you\r\n{rest}"));
        assert_eq!(told(&mut session), [one(1, "r")]);
    }
}

#[test]
fn neighbours_of_a_failed_transaction_go_back_untouched() {
    let mut session = ready(ALL);
    begin(&mut session, 1, &["x@y.example"], "a\r\n");
    begin(&mut session, 2, &["x@y.example"], "b\r\n");
    say(&mut session, "250 m\r\n550 r\r\n503 no recipients\r\n");
    say(&mut session, "503 nested\r\n250 r\r\n503 b\r\n");
    assert_eq!(told(&mut session), [one(1, "r"), one(2, "-")]);
    assert_eq!(session.decided(), 1);
}

#[test]
fn the_first_bears_a_lost_session_the_others_go_back() {
    for (input, expected) in [("", ["u", "-"]), ("250 m\r\n250 r\r\n", ["u", "-"]), ("421 bye\r\n", ["d", "-"])] {
        let mut session = ready(ALL);
        begin(&mut session, 1, &["x@y.example"], "a\r\n");
        begin(&mut session, 2, &["x@y.example"], "b\r\n");
        say(&mut session, input);
        session.lost("cut");
        assert_eq!(told(&mut session), [one(1, expected[0]), one(2, expected[1])]);
        session.lost("twice");
        assert!(events(&mut session).is_empty());
    }
}

#[test]
fn a_session_that_worked_and_closes_before_the_next_mail_costs_it_nothing() {
    for last in ["421 too many\r\n", ""] {
        let mut session = ready(ALL);
        begin(&mut session, 1, &["x@y.example"], "a\r\n");
        say(&mut session, "250 m\r\n250 r\r\n250 ok\r\n");
        begin(&mut session, 2, &["x@y.example"], "b\r\n");
        say(&mut session, last);
        session.lost("closed");
        assert_eq!(told(&mut session), [one(1, "a"), one(2, "-")]);
    }
}

#[test]
fn encryption_by_the_settings() {
    let offer = "250-mx\r\n250 STARTTLS\r\n";
    for (encryption, capabilities, then) in [
        (Encryption::AsIs, offer, Event::Ready),
        (Encryption::Required, offer, Event::StartTls),
        (Encryption::IfOffered, offer, Event::StartTls),
        (Encryption::IfOffered, PLAIN, Event::Ready),
        (Encryption::Required, PLAIN, Event::Ended(Failure::TlsNotOffered)),
    ] {
        let mut session = Session::new(settings(encryption, false));
        say(&mut session, "220 mx\r\n");
        say(&mut session, capabilities);
        say(&mut session, if then == Event::StartTls { "220 go\r\n" } else { "" });
        assert_eq!(events(&mut session), [then]);
    }
}

#[test]
fn what_was_said_before_tls_is_void() {
    let mut session = Session::new(settings(Encryption::Required, true));
    say(&mut session, "220 mx\r\n");
    say(&mut session, "250-mx\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n");
    assert_eq!(say(&mut session, "220 go\r\n250-evil\r\n250 AUTH LOGIN\r\n250"), "");
    assert_eq!(say(&mut session, "235 injected\r\n"), "");
    session.encrypted();
    assert_eq!(say(&mut session, ""), "EHLO box.example\r\n");
    assert_eq!(say(&mut session, "250-mx\r\n250 AUTH PLAIN\r\n"), "AUTH PLAIN AHUAcA==\r\n");
    say(&mut session, "235 in\r\n");
    assert_eq!(events(&mut session), [Event::StartTls, Event::Ready]);
}

#[test]
fn refused_tls_and_logins() {
    let mut session = Session::new(settings(Encryption::IfOffered, false));
    say(&mut session, "220 mx\r\n");
    say(&mut session, "250-mx\r\n250 STARTTLS\r\n");
    say(&mut session, "454 not now\r\n");
    assert_eq!(events(&mut session), [Event::Ready]);
    // With a login there is a password to be kept.
    let mut session = Session::new(settings(Encryption::IfOffered, true));
    say(&mut session, "220 mx\r\n");
    say(&mut session, "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n");
    say(&mut session, "454 not now\r\n");
    assert!(matches!(events(&mut session).as_slice(), [Event::Ended(Failure::Tls(_))]));
    for (capabilities, reply) in [(PLAIN, ""), ("250-mx\r\n250 AUTH PLAIN\r\n", "535 5.7.8 no\r\n")] {
        let mut session = Session::new(settings(Encryption::AsIs, true));
        say(&mut session, "220 mx\r\n");
        say(&mut session, capabilities);
        say(&mut session, reply);
        let ended = events(&mut session);
        assert!(matches!(ended.as_slice(), [Event::Ended(Failure::LoginNotOffered | Failure::Login(_))]), "{ended:?}");
    }
}

#[test]
fn greetings() {
    let mut session = Session::new(settings(Encryption::AsIs, false));
    say(&mut session, "554 go away\r\n");
    assert!(matches!(events(&mut session).as_slice(), [Event::Ended(Failure::Greeting(_))]));
    let mut session = Session::new(settings(Encryption::AsIs, false));
    say(&mut session, "220 old\r\n");
    assert_eq!(say(&mut session, "500 what?\r\n"), "HELO box.example\r\n");
    say(&mut session, "250 fine\r\n");
    assert_eq!(events(&mut session), [Event::Ready]);
}

#[test]
fn parameters_only_where_announced() {
    for (capabilities, expected) in [
        (
            ALL,
            "MAIL FROM:<> SIZE=3 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x\r\n\
             RCPT TO:<ü@y.example> NOTIFY=NEVER ORCPT=rfc822;z\r\nBDAT 3 LAST\r\na\r\n",
        ),
        ("250-mx\r\n250 SMTPUTF8\r\n", "MAIL FROM:<> SMTPUTF8\r\n"),
    ] {
        let mut session = ready(capabilities);
        let ret = Some("HDRS");
        let mail = Mail { return_path: "", size: 3, eight_bit: true, smtputf8: true, ret, envid: Some("x") };
        let to = Recipient { address: "ü@y.example", notify: Some("NEVER"), orcpt: Some("rfc822;z") };
        session.begin(1, &mail, std::iter::once(to), Content::Whole((*b"a\r\n").into())).unwrap();
        assert_eq!(say(&mut session, ""), expected);
    }
}

#[test]
fn what_a_server_cannot_take_is_not_begun() {
    let mut session = ready(ALL);
    let to = || std::iter::once(Recipient { address: "x@y.example", notify: None, orcpt: None });
    let large = Mail { size: 1001, ..mail("") };
    assert_eq!(session.begin(1, &large, to(), Content::Pieces), Err(Unsendable::TooLarge(1000)));
    let mut session = ready(PLAIN);
    let utf8 = Mail { smtputf8: true, ..mail("") };
    assert_eq!(session.begin(1, &utf8, to(), Content::Pieces), Err(Unsendable::NeedsUtf8));
    assert!(session.can_begin() && session.output().is_empty());
}

fn begin_pieces(session: &mut Session, tag: u64, to: &[&str]) {
    let recipients = to.iter().map(|address| Recipient { address, notify: None, orcpt: None });
    session.begin(tag, &mail(""), recipients, Content::Pieces).unwrap();
}

#[test]
fn content_in_pieces_and_a_server_that_stops_it() {
    let mut session = ready(PIPELINING);
    begin_pieces(&mut session, 1, &["x@y.example"]);
    assert!(say(&mut session, "250 m\r\n250 r\r\n").ends_with("DATA\r\n"));
    assert!(!session.wants_content());
    session.input(b"354 go\r\n");
    assert!(session.wants_content() && !session.can_begin());
    session.content(b".a\r\n", false);
    session.content(b"b", true);
    assert_eq!(say(&mut session, "250 ok\r\n"), "..a\r\nb\r\n.\r\n");
    begin_pieces(&mut session, 2, &["x@y.example"]);
    say(&mut session, "250 m\r\n250 r\r\n354 go\r\n");
    session.content(b"too much", false);
    session.input(b"552 5.3.4 too big\r\n");
    assert_eq!(told(&mut session), [one(1, "a"), one(2, "r")]);
    assert!(!session.can_begin());
}

#[test]
fn chunks_follow_each_other_and_the_next_mail_the_last() {
    let mut session = ready(ALL);
    begin_pieces(&mut session, 1, &["x@y.example", "z@y.example"]);
    assert!(session.wants_content() && !session.can_begin());
    session.content(b".a\r\n", false);
    session.content(b"b\r", false);
    session.content(b"\nc\nd", false);
    session.content(b"", true);
    assert!(!session.wants_content());
    begin(&mut session, 2, &["x@y.example"], "yo\r\n");
    let sent = say(&mut session, "");
    let (_, chunks) = sent.split_once("RCPT TO:<z@y.example>\r\n").unwrap();
    assert!(
        chunks.starts_with(
            "BDAT 4\r\n.a\r\nBDAT 1\r\nbBDAT 6\r\n\r\nc\r\ndBDAT 0 LAST\r\nRSET\r\nMAIL FROM:<a@b.example>"
        ),
        "{chunks}"
    );
    say(&mut session, "250 m\r\n250 r\r\n550 r\r\n250 1\r\n250 2\r\n250 3\r\n");
    assert_eq!(session.awaiting(), Awaiting::Content);
    say(&mut session, "250 taken\r\n250 s\r\n250 m\r\n250 r\r\n250 ok\r\n");
    assert_eq!(told(&mut session), [one(1, "ar"), one(2, "a")]);
}

#[test]
fn after_a_chunk_that_is_refused_no_more_are_sent() {
    let mut session = ready(ALL);
    begin_pieces(&mut session, 1, &["x@y.example", "z@y.example"]);
    for piece in [&b"one"[..], b"two", b"three"] {
        session.content(piece, false);
    }
    say(&mut session, "250 m\r\n250 r\r\n450 r\r\n250 1\r\n552 5.3.4 too much\r\n");
    assert!(!session.wants_content() && !session.can_begin(), "a reply is to come");
    session.content(b"four", true);
    assert_eq!(say(&mut session, "503 no\r\n"), "");
    assert_eq!(told(&mut session), [one(1, "rd")]);
    // The session goes on, after the server's remains of that mail are gone.
    begin(&mut session, 2, &["x@y.example"], "yo\r\n");
    assert!(say(&mut session, "").starts_with("RSET\r\nMAIL"));
    say(&mut session, "250 r\r\n250 m\r\n250 r\r\n250 ok\r\n");
    assert_eq!(told(&mut session), [one(2, "a")]);
}

#[test]
fn a_chunk_refused_behind_the_last_one_and_a_last_one_that_is_lost() {
    // What is said of the last chunk does not heal the one before.
    let mut session = ready(ALL);
    begin_pieces(&mut session, 1, &["x@y.example"]);
    session.content(b"one", false);
    session.content(b"two", true);
    say(&mut session, "250 m\r\n250 r\r\n451 4.3.0 later\r\n250 ok\r\n");
    assert_eq!(told(&mut session), [one(1, "d")]);
    let mut session = ready(ALL);
    begin_pieces(&mut session, 1, &["x@y.example"]);
    session.content(b"one", false);
    session.content(b"two", true);
    say(&mut session, "250 m\r\n250 r\r\n250 1\r\n");
    session.lost("cut");
    assert_eq!(told(&mut session), [one(1, "u")]);
}

#[test]
fn nobody_taken_gets_no_more_chunks() {
    for (replies, verdict) in [("250 m\r\n550 r\r\n", "r"), ("451 m\r\n503 r\r\n", "d")] {
        let mut session = ready(ALL);
        begin_pieces(&mut session, 1, &["x@y.example"]);
        say(&mut session, replies);
        assert!(!session.wants_content());
        assert_eq!(told(&mut session), [one(1, verdict)], "nothing of it was sent yet");
        let mut session = ready(ALL);
        begin_pieces(&mut session, 1, &["x@y.example"]);
        session.content(b"one", false);
        say(&mut session, replies);
        assert!(!session.wants_content() && told(&mut session).is_empty());
        say(&mut session, "503 nobody\r\n");
        assert_eq!(told(&mut session), [one(1, verdict)]);
    }
}

#[test]
fn without_pipelining_one_chunk_at_a_time() {
    let mut session = ready("250-mx\r\n250 CHUNKING\r\n");
    begin_pieces(&mut session, 1, &["x@y.example"]);
    assert_eq!(say(&mut session, ""), "MAIL FROM:<a@b.example>\r\n");
    assert!(!session.wants_content());
    say(&mut session, "250 m\r\n");
    assert_eq!(say(&mut session, "250 r\r\n"), "");
    assert!(session.wants_content());
    session.content(b"one", false);
    assert!(!session.wants_content());
    assert_eq!(say(&mut session, "250 1\r\n"), "BDAT 3\r\none");
    assert!(session.wants_content());
    session.content(b"two", true);
    assert_eq!(say(&mut session, "250 ok\r\n"), "BDAT 3 LAST\r\ntwo");
    assert_eq!(told(&mut session), [one(1, "a")]);
}

#[test]
fn replies_nobody_asked_for() {
    for input in ["250 hm\r\n", "x\r\n"] {
        let mut session = ready(ALL);
        say(&mut session, input);
        assert!(matches!(events(&mut session).as_slice(), [Event::Ended(Failure::Malformed(_))]));
    }
    let mut session = ready(PIPELINING);
    begin(&mut session, 1, &["x@y.example"], "a");
    say(&mut session, "250 m\r\n250 r\r\n250 not 354\r\n");
    assert_eq!(told(&mut session), [one(1, "u")]);
}

#[test]
fn too_many_recipients_is_no_refusal_after_the_first() {
    let mut session = ready(ALL);
    begin(&mut session, 1, &["a@y.example", "b@y.example", "c@y.example"], "a");
    say(&mut session, "250 m\r\n250 r\r\n552 too many\r\n552 5.2.2 full\r\n250 ok\r\n");
    assert_eq!(told(&mut session), [one(1, "asr")]);
    let mut session = ready(ALL);
    begin(&mut session, 1, &["a@y.example", "b@y.example", "c@y.example"], "a");
    say(&mut session, "250 m\r\n250 r\r\n452 4.5.3 too many\r\n452 4.2.2 full\r\n250 ok\r\n");
    assert_eq!(told(&mut session), [one(1, "asd")]);
}

proptest! {
    #[test]
    fn where_replies_are_cut_does_not_matter(
        capabilities in prop::sample::select(vec![ALL, PIPELINING, PLAIN]),
        replies in proptest::collection::vec(
            prop::sample::select(vec!["250 ok\r\n", "250-a\r\n250 b\r\n", "354 go\r\n", "450 x\r\n", "550 x\r\n", "503 x\r\n", "421 x\r\n"]),
            0..16,
        ),
        piece in 1usize..12,
    ) {
        let play = |piece: usize| {
            let mut session = ready(capabilities);
            let (mut wire, mut happened, mut tag, mut given) = (Vec::new(), Vec::new(), 0, 0);
            for reply in &replies {
                while session.can_begin() && tag < 3 {
                    tag += 1;
                    match tag {
                        2 => begin_pieces(&mut session, tag, &["x@y.example", "z@y.example"]),
                        _ => begin(&mut session, tag, &["x@y.example", "z@y.example"], "a\r\n"),
                    }
                }
                if session.wants_content() {
                    given += 1;
                    session.content(b"piece\r\n", given % 3 == 0);
                }
                reply.as_bytes().chunks(piece).for_each(|part| session.input(part));
                wire.extend_from_slice(session.output());
                session.written(session.output().len());
                happened.extend(told(&mut session));
            }
            session.lost("end");
            happened.extend(told(&mut session));
            // Every mail that was begun is answered, once.
            let mut tags: Vec<u64> = happened.iter().map(|told| told.0).collect();
            tags.sort_unstable();
            assert_eq!(tags, (1..=tag).collect::<Vec<_>>());
            (wire, happened)
        };
        prop_assert_eq!(play(piece), play(1000));
    }
}
