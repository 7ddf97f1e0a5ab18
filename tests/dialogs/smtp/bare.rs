//! The bare session with an answerer in memory.
//!
//! Fails on demand, by the local part of the return path: `full` finds no room at MAIL, `nobegin` when the text begins,
//! `nocommit` when it is to be kept; `listed` comes from a blacklisted address, `noout` may not send out, `header` has too
//! large a header; and a text with the word LOOP goes in a circle. ETRN finds mail for waiting.example, and cannot look
//! for that of ill.example.

use std::collections::VecDeque;

use pillarbox::proto::smtp::server::{
    Answer, Claim, End, LoginPolicy, Lookups, Next, Reply, Request, Session, Settings,
};
use proptest::prelude::*;

use super::script::{self, Line, Script, matches};

const CHALLENGE: &str = "<1896.697170952@office.example>";

struct Shell {
    session: Session,
    input: Vec<u8>,
    out: Vec<u8>,
    /// Requests in their order, for comparison.
    asked: Vec<String>,
    kept: VecDeque<Vec<u8>>,
    from: String,
    to: Vec<String>,
    draft: Option<Vec<u8>>,
    trusted: bool,
    tls: bool,
    closed: bool,
}

fn settings(script: &Script) -> Settings {
    Settings {
        host_name: "mail.office.example".into(),
        max_size: script.number("size").unwrap_or(50_000),
        max_recipients: script.number("recipients").unwrap_or(100) as u32,
        max_errors: script.number("errors").unwrap_or(20) as u32,
        starttls: !script.has("no-tls") && !script.has("encrypted"),
        require_tls: script.has("require-tls"),
        encrypted: script.has("encrypted"),
        login: match (script.has("auth-off"), script.has("auth-required")) {
            (true, _) => LoginPolicy::Off,
            (_, true) => LoginPolicy::Required,
            _ => LoginPolicy::Optional,
        },
        clear_login: script.has("trusted"),
        cram_md5: script.has("cram-md5"),
        dsn: !script.has("no-dsn"),
        refuse_percent: !script.has("percent"),
        refuse_hello: if script.has("refuse-myisp") { ".myisp.example".into() } else { String::new() },
        lookups: match (script.has("vrfy"), script.has("vrfy-denied")) {
            (true, _) => Lookups::On,
            (_, true) => Lookups::Denied,
            _ => Lookups::Off,
        },
        etrn: script.has("etrn"),
    }
}

impl Shell {
    fn new(script: &Script) -> Shell {
        Shell {
            session: Session::new(settings(script)),
            input: Vec::new(),
            out: Vec::new(),
            asked: Vec::new(),
            kept: VecDeque::new(),
            from: String::new(),
            to: Vec::new(),
            draft: None,
            trusted: script.has("trusted"),
            tls: false,
            closed: false,
        }
    }

    /// Gives whether the rest of what the client has sent is still listened to.
    fn receive(&mut self, bytes: &[u8]) -> bool {
        self.input.extend_from_slice(bytes);
        loop {
            let step = self.session.feed(&self.input);
            let used = step.used;
            match step.next {
                Next::Text(text) => {
                    let mut broken = false;
                    if let Some(draft) = &mut self.draft {
                        draft.extend_from_slice(text);
                        broken = draft.windows(6).any(|window| window == b"LOOP\r\n");
                    }
                    if broken {
                        self.draft = None;
                        self.session.refuse_body(Reply::too_many_hops());
                    }
                }
                Next::Read => {
                    self.input.drain(..used);
                    self.flush();
                    return true;
                }
                Next::Write => self.flush(),
                Next::Ask(request) => {
                    self.asked.push(format!("{request:?}"));
                    let answer = self.answer(request);
                    self.session.answer(answer);
                }
                Next::Abandon => self.draft = None,
                Next::StartTls => {
                    self.flush();
                    self.input.clear();
                    self.tls = true;
                    self.session.encrypted();
                    return false;
                }
                Next::Close => {
                    self.flush();
                    self.closed = true;
                    return false;
                }
            }
            self.input.drain(..used);
        }
    }

    fn flush(&mut self) {
        self.out.extend_from_slice(self.session.output());
        self.session.clear_output();
    }

    fn end(&mut self, end: End) {
        self.session.end(end);
        self.flush();
        self.closed = true;
    }

    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Mail { return_path, .. } => {
                self.from = return_path.map_or(String::new(), |address| address.to_string());
                self.to.clear();
                if self.from.starts_with("full@") { Answer::No(Reply::no_room()) } else { Answer::Yes }
            }
            Request::Recipient(_) if self.from.starts_with("listed@") => {
                Answer::No(Reply::blacklisted("192.0.2.9".parse().expect("an address"), "zen.example"))
            }
            Request::Recipient(_) if self.from.starts_with("noout@") => Answer::No(Reply::sending_not_allowed()),
            Request::Recipient(recipient) => {
                let may_relay = self.trusted || self.session.login().is_some();
                let here = matches!(recipient.address.domain(), "" | "office.example");
                match recipient.address.local() {
                    "anna" | "postmaster" | "sales%x" if here => {}
                    _ if here => return Answer::No(Reply::unknown_recipient()),
                    _ if !may_relay => return Answer::No(Reply::relay_denied()),
                    _ => {}
                }
                self.to.push(recipient.address.to_string());
                Answer::Yes
            }
            Request::Begin if self.from.starts_with("nobegin@") => Answer::No(Reply::temporary()),
            Request::Begin => {
                self.draft = Some(Vec::new());
                Answer::Yes
            }
            Request::Commit(_) => {
                let text = self.draft.take().expect("a text has begun");
                if self.from.starts_with("nocommit@") {
                    return Answer::No(Reply::no_room());
                }
                if self.from.starts_with("header@") {
                    return Answer::No(Reply::header_too_large());
                }
                let envelope = format!("{} {}|", self.from, self.to.join(" "));
                self.kept.push_back([envelope.as_bytes(), &text].concat());
                Answer::Queued(format!("{:X}", 0x2a + self.kept.len()))
            }
            Request::Verify(text) | Request::Expand(text) => match text.trim_matches(['<', '>']) {
                "anna" | "anna@office.example" => Answer::Say(vec![Reply::known("<anna@office.example>".into())]),
                _ => Answer::Say(vec![Reply::unknown_recipient()]),
            },
            Request::StartQueue(queue) if queue.domain == "branch.example" => {
                Answer::Say(vec![Reply::nothing_queued(&queue.domain)])
            }
            Request::StartQueue(queue) if queue.domain == "waiting.example" => {
                Answer::Say(vec![Reply::queue_started(&queue.domain, 3)])
            }
            Request::StartQueue(queue) if queue.domain == "ill.example" => {
                Answer::No(Reply::cannot_queue(&queue.domain))
            }
            Request::StartQueue(queue) => Answer::No(Reply::queue_denied(&queue.domain)),
            Request::Challenge => Answer::Challenge(CHALLENGE.into()),
            Request::Login(Claim::Password { name, password }) if name == "anna" && password == "secret word" => {
                Answer::LoggedIn(name)
            }
            Request::Login(Claim::CramMd5 { name, challenge, digest })
                if name == "anna" && challenge == CHALLENGE && digest == "b913a602c7eda7a495b4e6e7334d3890" =>
            {
                Answer::LoggedIn(name)
            }
            Request::Login(_) => Answer::No(Reply::bad_login()),
            Request::Script(_) => Answer::Yes,
        }
    }

    fn line(&mut self) -> Option<String> {
        let Some(end) = self.out.iter().position(|byte| *byte == b'\n') else {
            assert!(self.out.is_empty(), "half a line: {:?}", String::from_utf8_lossy(&self.out));
            let note = if std::mem::take(&mut self.tls) { Some("(TLS)") } else { self.closed.then_some("(closed)") };
            return note.map(str::to_owned);
        };
        let line: Vec<u8> = self.out.drain(..=end).collect();
        let line = String::from_utf8(line).expect("replies are text");
        Some(line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned())
    }
}

fn run(script: &Script, cut: usize) {
    let mut shell = Shell::new(script);
    assert!(shell.receive(b""));
    for (number, line) in &script.lines {
        let place = || format!("{} in pieces of {cut}", script.place(*number));
        match line {
            Line::Send { bytes, pipelined } => {
                if !pipelined {
                    assert_eq!(shell.line(), None, "{}: the script does not expect this", place());
                }
                let _all_heard = bytes.chunks(cut).all(|piece| shell.receive(piece));
            }
            Line::Expect(expected) => {
                let got = shell.line().unwrap_or_else(|| panic!("{}: nothing came", place()));
                assert!(matches(expected, &got), "{}: got {got:?}", place());
            }
            Line::Kept(expected) => {
                let got = shell.kept.pop_front().unwrap_or_else(|| panic!("{}: nothing was kept", place()));
                assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(expected), "{}", place());
            }
            Line::Timeout => shell.end(End::TimedOut),
            Line::Stop => shell.end(End::Stopping),
            Line::Gone => shell.end(End::Gone),
        }
    }
    assert!(shell.kept.is_empty(), "{}: more was kept than the script expects", script.name);
    let left = if shell.closed { None } else { shell.line() };
    assert_eq!(left, None, "{}: more came than the script expects", script.name);
}

#[test]
fn dialogs() {
    for script in script::all().into_iter().filter(|script| !script.has("real")) {
        for cut in [usize::MAX, 1, 2, 3, 5, 7, 64] {
            run(&script, cut);
        }
    }
}

/// Output, requests, and what was kept, for input cut into pieces.
fn conversation(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<String>, VecDeque<Vec<u8>>) {
    let script = Script { name: String::new(), words: vec!["trusted".into(), "no-tls".into()], lines: Vec::new() };
    let mut shell = Shell::new(&script);
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        if !shell.receive(piece) || after.is_empty() {
            break;
        }
        rest = after;
    }
    (shell.out, shell.asked, shell.kept)
}

/// What clients send, and what they should not.
fn fragment() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("EHLO pc\r\n"),
        Just("MAIL FROM:<a@b.example>\r\n"),
        Just("MAIL FROM:<nocommit@b.example> SIZE=10\r\n"),
        Just("RCPT TO:<anna@office.example>\r\n"),
        Just("RCPT TO:<bob@office.example>\r\n"),
        Just("DATA\r\n"),
        Just("Subject: x\r\n\r\n..body\r\n"),
        Just(".\r\n"),
        Just("\r\n.\r\n"),
        Just("\n.\r\n"),
        Just("LOOP\r\n"),
        Just("BDAT 5\r\n"),
        Just("a\nb.\n"),
        Just("BDAT 3 LAST\r\n"),
        Just("BDAT 0 LAST\r\n"),
        Just("RSET\r\n"),
        Just("AUTH LOGIN\r\n"),
        Just("AUTH PLAIN AGFubmEAc2VjcmV0IHdvcmQ=\r\n"),
        Just("*\r\n"),
        Just("NOOP\r\n"),
        Just("\r"),
        Just("\n"),
        Just("."),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn pieces_make_no_difference(
        fragments in proptest::collection::vec(fragment(), 0..40),
        cuts in proptest::collection::vec(1usize..50, 1..8),
    ) {
        let bytes = format!("EHLO pc\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@office.example>\r\n{}", fragments.concat());
        let whole = conversation(bytes.as_bytes(), &[usize::MAX]);
        prop_assert_eq!(conversation(bytes.as_bytes(), &cuts), whole.clone());
        prop_assert_eq!(conversation(bytes.as_bytes(), &[1]), whole);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..3000), cut in 1usize..300) {
        let (out, _, kept) = conversation(&bytes, &[cut]);
        prop_assert!(out.starts_with(b"220 mail.office.example ESMTP Pillarbox\r\n"));
        prop_assert!(kept.is_empty());
    }
}
