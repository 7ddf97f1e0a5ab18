//! Collectors that have the provider send: the incoming feed with ETRN, and ODMR (spec §4.9, §4.10).

use std::sync::Arc;

use pillarbox::collect::Serve;
use pillarbox::config::{CollectionMethod, Collector, Login, RelayEncryption, Secret};
use pillarbox::net::Resolver;
use pillarbox::net::tls::ServerTls;
use pillarbox::policy::{Logins, Pop3Logins, Watch};
use pillarbox::serve;

use crate::office::{INFO, Office, Parts, wait};
use crate::turning::{Script, Turning};

/// The SMTP service itself.
fn smtp(parts: &Parts) -> Serve {
    let Parts { tasks, intake, stop } = parts.clone();
    let dir = intake.store.dir().to_path_buf();
    let context = serve::Context {
        watch: Watch::new(intake.store.clone(), tasks.clone()),
        pop3_logins: Pop3Logins::default(),
        tasks,
        config: intake.config.clone(),
        board: intake.board.clone(),
        intake,
        logins: Logins::default(),
        resolver: Resolver::new(Vec::new()),
        logs: pillarbox::live::LogFiles::below(&dir),
        tls: ServerTls::self_signed(&dir, "mail.office.example").unwrap(),
        stop,
        locks: serve::Locks::default(),
        services: serve::Services::default(),
    };
    Arc::new(move |stream, peer| Box::pin(serve::smtp::reversed(context.clone(), stream, peer)))
}

fn odmr(provider: &Turning) -> Office {
    let mut collector =
        Collector { id: 7, name: "ODMR".into(), method: CollectionMethod::Odmr, ..Collector::default() };
    collector.odmr.host = "127.0.0.1".into();
    collector.odmr.port = provider.address.port();
    collector.odmr.encryption = RelayEncryption::None;
    collector.odmr.login = Login { user: "tim".into(), password: Secret::new("tanstaaftanstaaf") };
    collector.odmr.domains = vec!["office.example".into()];
    Office::serving(collector, smtp)
}

fn script(steps: &[(&'static str, &str)]) -> Script {
    steps.iter().map(|(expected, say)| (*expected, say.to_string())).collect()
}

const LOGIN: [(&str, &str); 3] = [
    ("", "220 isp.example on-demand mail relay ready\r\n"),
    ("EHLO", "250-isp.example\r\n250-AUTH CRAM-MD5\r\n250 ATRN\r\n"),
    ("AUTH CRAM-MD5", "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"),
];

#[test]
fn the_connection_turns_around_and_mail_comes() {
    let mut steps = LOGIN.to_vec();
    steps.extend([
        ("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "235 in\r\n"),
        ("ATRN office.example", "250 OK now reversing the connection\r\n"),
        ("220 ", "EHLO isp.example\r\n"),
        ("250 ", "MAIL FROM:<alice@far.example>\r\n"),
        ("250 ", "RCPT TO:<somebody@else.example>\r\n"),
        // The provider is a relay like any other: it may not send out through us.
        ("5", "RCPT TO:<info@office.example>\r\n"),
        ("250 ", "DATA\r\n"),
        ("354 ", "From: alice@far.example\r\nSubject: by odmr\r\n\r\nHello\r\n.\r\n"),
        ("250 ", "QUIT\r\n"),
        ("221 ", ""),
    ]);
    let provider = Turning::start(script(&steps));
    let office = odmr(&provider);
    let state = office.run(7);
    assert_eq!((state.state.as_str(), state.collected_last), ("fine, 1 new", 1), "{:?}", provider.heard());
    wait("the provider to be content", || (provider.heard().last()? == "end").then_some(()));
    assert_eq!(office.subjects(INFO), ["by odmr"]);
    assert!(!provider.heard().iter().any(|line| line.contains("tanstaaf")));
}

#[test]
fn what_the_provider_says_is_on_the_status_page() {
    let login = ("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "235 in\r\n");
    for (steps, words, ok) in [
        (
            vec![LOGIN[0], LOGIN[1], LOGIN[2], login, ("ATRN", "453 You have no mail\r\n"), ("QUIT", "221 bye\r\n")],
            "fine, nothing new",
            true,
        ),
        (
            vec![LOGIN[0], LOGIN[1], LOGIN[2], login, ("ATRN", "450 ATRN request refused\r\n")],
            "127.0.0.1 does not send for us: it said 450 ATRN request refused. Mail waits at the provider, the next try \
             follows.",
            false,
        ),
        (
            vec![LOGIN[0], LOGIN[1], LOGIN[2], ("", "535 no\r\n")],
            "127.0.0.1 refuses the login: 535 no. Mail waits at the provider, the next try follows.",
            false,
        ),
        (vec![("", "")], "127.0.0.1 closed the connection. Mail waits at the provider, the next try follows.", false),
        (
            vec![("", "+OK this is POP3\r\n")],
            "127.0.0.1 does not speak proper SMTP: a line that is no SMTP reply. Mail waits at the provider, the next try \
             follows.",
            false,
        ),
    ] {
        let provider = Turning::start(script(&steps));
        let state = odmr(&provider).run(7);
        assert_eq!((state.state.as_str(), state.ok), (words, ok));
    }
}

/// The office's own programs send all day.
#[test]
fn a_feed_waits_for_the_provider_and_for_nobody_else() {
    let provider = Turning::start(script(&[
        ("", "220 isp.example\r\n"),
        ("EHLO", "250-isp.example\r\n250 ETRN\r\n"),
        ("ETRN office.example", "250 OK, queuing for node office.example started\r\n"),
        ("QUIT", "221 bye\r\n"),
    ]));
    let mut collector =
        Collector { id: 7, name: "Feed".into(), method: CollectionMethod::SmtpFeed, ..Collector::default() };
    collector.feed.wait = 20;
    collector.feed.use_etrn = true;
    collector.feed.etrn_host = "127.0.0.1".into();
    collector.feed.etrn_port = provider.address.port();
    collector.feed.etrn_parameters = vec!["office.example".into()];
    let office = Office::serving(collector, smtp);
    let session = |peer: [u8; 4]| office.board.session("smtp", peer.into(), pillarbox::net::now_ms());
    wait("the collector to be known", || office.board.collectors().contains_key(&7).then_some(()));
    office.ask();
    wait("the provider to be asked", || provider.heard().contains(&"QUIT".to_string()).then_some(()));
    let (scanner, feed) = (session([192, 0, 2, 7]), session([127, 0, 0, 1]));
    scanner.mail();
    feed.mail();
    assert!(office.state(7).running);
    drop(feed);
    let state = office.ran(7, 1);
    assert_eq!((state.state.as_str(), state.collected_last), ("fine, 1 new", 1));
    drop(scanner);
}

#[test]
fn etrn_tells_the_provider_to_begin() {
    let feed = |reply: &str| {
        let provider = Turning::start(script(&[
            ("", "220 isp.example\r\n"),
            ("EHLO", "250-isp.example\r\n250 ETRN\r\n"),
            ("ETRN office.example", reply),
            ("QUIT", "221 bye\r\n"),
        ]));
        let mut collector =
            Collector { id: 7, name: "Feed".into(), method: CollectionMethod::SmtpFeed, ..Collector::default() };
        collector.feed.use_etrn = true;
        collector.feed.etrn_host = "127.0.0.1".into();
        collector.feed.etrn_port = provider.address.port();
        collector.feed.etrn_parameters = vec!["office.example".into()];
        let office = Office::serving(collector, smtp);
        (office.run(7), provider.heard())
    };
    let (state, heard) = feed("250 OK, queuing for node office.example started\r\n");
    assert_eq!(state.state, "fine, nothing new");
    assert_eq!(heard[1..3], ["ETRN office.example", "QUIT"]);
    assert!(feed("251 OK, no messages waiting\r\n").0.ok);
    let (state, _) = feed("459 Node office.example not allowed\r\n");
    assert_eq!(
        state.state,
        "127.0.0.1 does not send for us: it said 459 Node office.example not allowed. Mail waits at the provider, the next \
         try follows."
    );
}
