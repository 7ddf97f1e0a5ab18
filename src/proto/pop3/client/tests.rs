//! The session against written conversations, cut at every byte.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    StartTls,
    LoggedIn,
    Uid(u32, Vec<u8>),
    Size(u32, u64),
    Body(Command, Vec<u8>),
    Done(Command),
    Refused(Command, String),
}

fn login() -> Login {
    Login { user: "info".into(), password: "geheim".into() }
}

/// Feeds `server` in the pieces that `cuts` make; answers what was seen, with message bytes joined.
fn feed(session: &mut Session, server: &[u8], cuts: &[usize]) -> Result<Vec<Seen>, Failure> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut held: Vec<u8> = Vec::new();
    let mut from = 0;
    for &to in cuts.iter().chain([&server.len()]) {
        held.extend_from_slice(&server[from..to.max(from)]);
        from = to.max(from);
        let mut rest = held.as_slice();
        while let Some(event) = session.next(&mut rest)? {
            let event = match event {
                Event::StartTls => Seen::StartTls,
                Event::LoggedIn => Seen::LoggedIn,
                Event::Uid { number, uid } => Seen::Uid(number, uid.to_vec()),
                Event::Size { number, size } => Seen::Size(number, size),
                Event::Done(command) => Seen::Done(command),
                Event::Refused(command, text) => Seen::Refused(command, text),
                Event::Body(command, bytes) => match seen.last_mut() {
                    Some(Seen::Body(last, all)) if *last == command => {
                        all.extend_from_slice(bytes);
                        continue;
                    }
                    _ => Seen::Body(command, bytes.to_vec()),
                },
            };
            seen.push(event);
        }
        assert!(rest.len() <= MAX_LINE);
        held = rest.to_vec();
    }
    Ok(seen)
}

fn said(session: &mut Session) -> String {
    let said = String::from_utf8(session.output().to_vec()).unwrap();
    session.wrote(said.len());
    said
}

fn logged_in(capabilities: &str) -> Session {
    let mut session = Session::new(Encryption::AsIs, login());
    let greeting = format!("+OK\r\n+OK\r\n{capabilities}.\r\n+OK\r\n+OK\r\n");
    assert_eq!(feed(&mut session, greeting.as_bytes(), &[]).unwrap(), [Seen::LoggedIn]);
    said(&mut session);
    session
}

fn retrieve(server: &[u8], cuts: &[usize]) -> Vec<Seen> {
    let mut session = logged_in("PIPELINING\r\n");
    session.ask(Command::Retr(1));
    feed(&mut session, server, cuts).unwrap()
}

fn body(text: &str) -> Vec<Seen> {
    let retr = Command::Retr(1);
    vec![Seen::Body(retr, text.as_bytes().to_vec()), Seen::Done(retr)]
}

#[test]
fn logs_in_step_by_step_and_at_once() {
    let mut session = Session::new(Encryption::AsIs, login());
    feed(&mut session, b"+OK <1.2@pop.example>\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "CAPA\r\n");
    feed(&mut session, b"+OK\r\nUSER\r\n.\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "USER info\r\n");
    feed(&mut session, b"+OK\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "PASS geheim\r\n");
    session.ask(Command::Uidl);
    assert_eq!(said(&mut session), "");
    assert_eq!(feed(&mut session, b"+OK\r\n", &[]).unwrap(), [Seen::LoggedIn]);
    assert_eq!(said(&mut session), "UIDL\r\n");

    let mut session = Session::new(Encryption::AsIs, login());
    feed(&mut session, b"+OK\r\n+OK\r\nPIPELINING\r\n.\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "CAPA\r\nUSER info\r\nPASS geheim\r\n");
}

#[test]
fn a_server_without_capa_is_spoken_to_plainly() {
    let mut session = Session::new(Encryption::IfAvailable, login());
    feed(&mut session, b"+OK\r\n-ERR what?\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "CAPA\r\n".to_string() + "USER info\r\n");
    assert!(session.capabilities().may_top());
}

#[test]
fn clear_text_after_stls_is_dropped_and_capabilities_are_asked_again() {
    let mut session = Session::new(Encryption::Required, login());
    let seen = feed(&mut session, b"+OK\r\n+OK\r\nSTLS\r\nPIPELINING\r\n.\r\n+OK\r\n+OK injected\r\n", &[]).unwrap();
    assert_eq!(seen, [Seen::StartTls]);
    assert_eq!(said(&mut session), "CAPA\r\nSTLS\r\n");
    assert_eq!(feed(&mut session, b"+OK more\r\n", &[]).unwrap(), []);
    session.encrypted();
    assert_eq!(said(&mut session), "CAPA\r\n");
    assert!(!session.capabilities().pipelining);
    feed(&mut session, b"+OK\r\nPIPELINING\r\n.\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "USER info\r\nPASS geheim\r\n");
}

#[test]
fn without_stls_no_password_leaves() {
    for server in ["+OK\r\n+OK\r\nUSER\r\n.\r\n", "+OK\r\n-ERR\r\n-ERR\r\n"] {
        let mut session = Session::new(Encryption::Required, login());
        assert_eq!(feed(&mut session, server.as_bytes(), &[]), Err(Failure::NoStls));
        assert!(!said(&mut session).contains("USER"));
    }
    let mut session = Session::new(Encryption::IfAvailable, login());
    feed(&mut session, b"+OK\r\n+OK\r\nSTLS\r\n.\r\n-ERR not now\r\n", &[]).unwrap();
    assert!(said(&mut session).ends_with("USER info\r\n"));
}

#[test]
fn sasl_plain_where_user_is_not_offered() {
    let mut session = Session::new(Encryption::AsIs, login());
    feed(&mut session, b"+OK\r\n+OK\r\nSASL LOGIN PLAIN\r\n.\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "CAPA\r\nAUTH PLAIN AGluZm8AZ2VoZWlt\r\n");
    feed(&mut session, b"+ \r\n", &[]).unwrap();
    assert_eq!(said(&mut session), "AGluZm8AZ2VoZWlt\r\n");
    assert!(feed(&mut session, b"+ \r\n", &[]).is_err());
}

#[test]
fn apop_goes_by_the_greeting_also_after_stls() {
    let apop = "APOP info ";
    let mut session = Session::new(Encryption::AsIs, login()).with_method(Method::Apop);
    feed(&mut session, b"+OK ready <1.2@pop.example>\r\n+OK\r\nPIPELINING\r\n.\r\n", &[]).unwrap();
    let direct = said(&mut session);
    assert!(
        direct.starts_with(&format!("CAPA\r\n{apop}")) && direct.len() == "CAPA\r\n".len() + apop.len() + 34,
        "{direct}"
    );
    assert_eq!(feed(&mut session, b"+OK in\r\n", &[]).unwrap(), [Seen::LoggedIn]);

    let mut session = Session::new(Encryption::Required, login()).with_method(Method::Apop);
    feed(&mut session, b"+OK ready <1.2@pop.example>\r\n+OK\r\nSTLS\r\n.\r\n+OK\r\n", &[]).unwrap();
    session.encrypted();
    said(&mut session);
    feed(&mut session, b"+OK\r\n.\r\n", &[]).unwrap();
    assert_eq!(said(&mut session), direct["CAPA\r\n".len()..]);
    let refused = feed(&mut session, b"-ERR [AUTH] no\r\n", &[]).unwrap_err();
    assert_eq!(refused, Failure::Login { text: "[AUTH] no".into(), code: ResponseCode::Auth });

    let mut session = Session::new(Encryption::AsIs, login()).with_method(Method::Apop);
    let missing = feed(&mut session, b"+OK ready\r\n-ERR\r\n", &[]);
    assert_eq!((missing, said(&mut session).as_str()), (Err(Failure::NotOffered("APOP")), "CAPA\r\n"));
}

#[test]
fn cram_md5_answers_the_challenge_and_never_sends_the_password() {
    let cram = |server: &[u8]| {
        let mut session = Session::new(Encryption::AsIs, login()).with_method(Method::CramMd5);
        let seen = feed(&mut session, server, &[]);
        (seen, said(&mut session))
    };
    let (seen, out) = cram(b"+OK\r\n+OK\r\nSASL PLAIN CRAM-MD5\r\n.\r\n+ PDE+\r\n+OK\r\n");
    assert_eq!(seen.unwrap(), [Seen::LoggedIn]);
    assert!(out.starts_with("CAPA\r\nAUTH CRAM-MD5\r\naW5mby"), "{out}");
    let (seen, out) = cram(b"+OK\r\n+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n");
    assert_eq!((seen, out.as_str()), (Err(Failure::NotOffered("CRAM-MD5")), "CAPA\r\n"));
    // A server too old for CAPA may know it; what it sends as a challenge may be none.
    assert!(cram(b"+OK\r\n-ERR\r\n+ ???\r\n").0.is_err());
    assert!(matches!(cram(b"+OK\r\n-ERR\r\n-ERR no\r\n").0, Err(Failure::Login { .. })));
    assert!(cram(b"+OK\r\n-ERR\r\n+OK already\r\n").0.is_err());
    assert!(cram(b"+OK\r\n-ERR\r\n+ PDE+\r\n+ PDE+\r\n").0.is_err());
}

#[test]
fn refusals_keep_the_servers_words() {
    let mut session = Session::new(Encryption::AsIs, login());
    let refused = feed(&mut session, b"+OK\r\n-ERR\r\n+OK\r\n-ERR [IN-USE] busy\r\n", &[]).unwrap_err();
    assert_eq!(refused, Failure::Login { text: "[IN-USE] busy".into(), code: ResponseCode::InUse });
    let mut session = Session::new(Encryption::AsIs, login());
    assert_eq!(feed(&mut session, b"-ERR closed\r\n", &[]), Err(Failure::Refused("closed".into())));
    let mut session = Session::new(Encryption::AsIs, login());
    assert_eq!(feed(&mut session, b"220 smtp.example\r\n", &[]), Err(Failure::NotPop3));
    let mut session = Session::new(Encryption::AsIs, Login { user: "a\r\nDELE 1".into(), password: "x".into() });
    assert_eq!(feed(&mut session, b"+OK\r\n-ERR\r\n", &[]), Err(Failure::BadLogin));
}

#[test]
fn an_err_in_the_middle_belongs_to_its_command() {
    let mut session = logged_in("PIPELINING\r\n");
    for number in 1..=3 {
        session.ask(Command::Retr(number));
    }
    session.ask(Command::Dele(1));
    assert_eq!(said(&mut session), "RETR 1\r\nRETR 2\r\nRETR 3\r\nDELE 1\r\n");
    let seen = feed(&mut session, b"+OK\r\na\r\n.\r\n-ERR gone\r\n+OK\r\n.\r\n+OK\r\n", &[]).unwrap();
    let expected = [
        Seen::Body(Command::Retr(1), b"a\r\n".to_vec()),
        Seen::Done(Command::Retr(1)),
        Seen::Refused(Command::Retr(2), "gone".into()),
        Seen::Done(Command::Retr(3)),
        Seen::Done(Command::Dele(1)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(session.in_flight(), 0);
    assert!(feed(&mut session, b"+OK nobody asked\r\n", &[]).is_err());
}

#[test]
fn listings_skip_what_cannot_be_read() {
    let mut session = logged_in("PIPELINING\r\n");
    session.ask(Command::Uidl);
    session.ask(Command::List);
    let seen =
        feed(&mut session, b"+OK\r\n1 a\r\n2\r\n99999999999 b\r\n.\r\n+OK\r\n1 12\r\n2 -5\r\n.\r\n", &[]).unwrap();
    let expected =
        [Seen::Uid(1, b"a".to_vec()), Seen::Done(Command::Uidl), Seen::Size(1, 12), Seen::Done(Command::List)];
    assert_eq!(seen, expected);
}

#[test]
fn only_cr_lf_dot_cr_lf_ends_a_message() {
    for (server, message) in [
        ("+OK\r\na\r\n..b\r\n.\r\n", "a\r\n.b\r\n"),
        ("+OK\r\n..\r\n.\r\n", ".\r\n"),
        ("+OK\r\na\n.\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"),
        ("+OK\r\na\n.\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"),
        ("+OK\r\na\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n"),
        ("+OK\r\na\r\r\n\r.\r\n.\r\n", "a\r\r\n\r.\r\n"),
        ("+OK\r\n.a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n"),
        // A server that ends all its lines with a bare LF.
        ("+OK\na\n..b\n\n.\n", "a\r\n.b\r\n\r\n"),
        ("+OK\na\n.\r\n", "a\r\n"),
    ] {
        assert_eq!(retrieve(server.as_bytes(), &[]), body(message), "{server:?}");
        for cut in 1..server.len() {
            assert_eq!(retrieve(server.as_bytes(), &[cut]), body(message), "{server:?} cut at {cut}");
        }
    }
}

#[test]
fn an_endless_line_is_an_error() {
    let mut session = logged_in("");
    session.ask(Command::Uidl);
    let line = [b'x'; MAX_LINE + 1];
    assert_eq!(feed(&mut session, &line, &[]), Err(Failure::LineTooLong));
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        lines in proptest::collection::vec("[.a\r]{0,4}(\r\n|\n|)", 0..20),
        cuts in proptest::collection::vec(0usize..120, 0..20),
        lf in any::<bool>(),
    ) {
        let status = if lf { "+OK\n" } else { "+OK\r\n" };
        let server = format!("{status}{}\r\n.\r\n", lines.concat());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(server.len())).collect();
        cuts.sort_unstable();
        let run = |cuts: &[usize]| {
            let mut session = logged_in("PIPELINING\r\n");
            session.ask(Command::Retr(1));
            feed(&mut session, server.as_bytes(), cuts)
        };
        prop_assert_eq!(run(&[]), run(&cuts));
    }

    #[test]
    fn no_bytes_upset_it(server in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut session = Session::new(Encryption::IfAvailable, login());
        let _ = feed(&mut session, &server, &[]);
        let mut session = logged_in("PIPELINING\r\n");
        for command in [Command::Uidl, Command::List, Command::Retr(1), Command::Top(2), Command::Quit] {
            session.ask(command);
        }
        let _ = feed(&mut session, &[b"+OK\r\n".as_slice(), &server].concat(), &[]);
    }

    #[test]
    fn what_a_server_stuffs_comes_back(text in proptest::collection::vec("[.a]{0,3}", 0..20)) {
        let message: String = text.iter().map(|line| format!("{line}\r\n")).collect();
        let stuffed: String =
            text.iter().map(|line| format!("{}{line}\r\n", if line.starts_with('.') { "." } else { "" })).collect();
        let seen = retrieve(format!("+OK\r\n{stuffed}.\r\n").as_bytes(), &[]);
        let got: Vec<u8> = seen.iter().flat_map(|s| if let Seen::Body(_, b) = s { b.clone() } else { vec![] }).collect();
        prop_assert_eq!(got, message.into_bytes());
    }
}
