//! A client's bytes against the SMTP server: whatever comes, in whatever pieces, the session makes progress and keeps no
//! input without bound, no text ends early, and the same bytes in one piece give the same replies and the same mails.

#![no_main]

use languages::pieces;
use languages::proto::smtp::server::{Answer, LoginPolicy, Lookups, Moment, Next, Reply, Request, Session, Settings};
use libfuzzer_sys::fuzz_target;

/// No line may be longer than that of a login.
const MOST_INPUT: usize = 16 * 1024;

struct Talk {
    session: Session,
    input: Vec<u8>,
    out: Vec<u8>,
    /// The mail that is coming in.
    text: Vec<u8>,
    mails: Vec<Vec<u8>>,
    closed: bool,
}

impl Talk {
    fn new() -> Talk {
        let mut session = Session::new(Settings {
            host_name: "box.example".into(),
            max_size: 1000,
            max_recipients: 5,
            max_errors: 10,
            starttls: false,
            require_tls: false,
            encrypted: false,
            login: LoginPolicy::Optional,
            clear_login: true,
            cram_md5: true,
            dsn: true,
            refuse_percent: true,
            refuse_hello: "spam".into(),
            lookups: Lookups::On,
            etrn: true,
        });
        session.scripted();
        Talk { session, input: Vec::new(), out: Vec::new(), text: Vec::new(), mails: Vec::new(), closed: false }
    }

    fn receive(&mut self, piece: &[u8]) {
        self.input.extend_from_slice(piece);
        let mut idle = 0;
        while !self.closed {
            let step = self.session.feed(&self.input);
            let used = step.used;
            let mut asked = None;
            let mut read = false;
            match step.next {
                Next::Read => read = true,
                Next::Write => {}
                Next::Ask(request) => asked = Some(request),
                Next::Text(text) => {
                    self.text.extend_from_slice(text);
                    assert!(self.text.len() <= 1000, "larger than the limit");
                }
                Next::Abandon => self.text.clear(),
                Next::StartTls => panic!("it was not offered"),
                Next::Close => self.closed = true,
            }
            self.input.drain(..used);
            idle = if used == 0 && !read { idle + 1 } else { 0 };
            assert!(idle < 10, "no progress");
            if let Some(request) = asked {
                let answer = self.answer(request);
                self.session.answer(answer);
            }
            self.out.extend_from_slice(self.session.output());
            self.session.clear_output();
            if read {
                break;
            }
        }
        assert!(self.closed || self.input.len() <= MOST_INPUT, "an unbounded line");
    }

    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Recipient(recipient) if recipient.address.local().starts_with('x') => {
                Answer::No(Reply::unknown_recipient())
            }
            Request::Mail { .. } | Request::Recipient(_) => Answer::Yes,
            Request::Begin => {
                self.text.clear();
                Answer::Yes
            }
            Request::Commit(_) => {
                self.mails.push(std::mem::take(&mut self.text));
                Answer::Queued("1".into())
            }
            Request::Verify(name) | Request::Expand(name) if name.starts_with('x') => Answer::No(Reply::temporary()),
            Request::Verify(_) | Request::Expand(_) => {
                Answer::Say(vec![Reply::known("<a@box.example>".into()), Reply::known("<b@box.example>".into())])
            }
            Request::StartQueue(queue) => Answer::Say(vec![Reply::nothing_queued(&queue.domain)]),
            Request::Challenge => Answer::Challenge("<1.2@box.example>".into()),
            Request::Login(_) => Answer::LoggedIn("anna".into()),
            Request::Script(Moment::Noop) => Answer::Say(vec![Reply::offer("Ok"), Reply::offer("in other words")]),
            Request::Script(Moment::Unknown(_)) => Answer::No(Reply::temporary()),
            Request::Script(_) => Answer::Yes,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (mut cut, mut whole) = (Talk::new(), Talk::new());
    cut.receive(b"");
    for piece in pieces(data) {
        cut.receive(piece);
    }
    whole.receive(data.get(2..).unwrap_or_default());
    assert!(cut.out.ends_with(b"\r\n"));
    assert_eq!(cut.out.escape_ascii().to_string(), whole.out.escape_ascii().to_string());
    assert!(cut.mails == whole.mails && cut.closed == whole.closed);
});
