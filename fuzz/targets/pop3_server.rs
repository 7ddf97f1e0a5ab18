//! A client's bytes against the POP3 server: whatever comes, in whatever pieces, each command gets one answer, the end
//! comes in bounded time, and the same bytes in one piece give the same conversation.

#![no_main]

use languages::pieces;
use languages::proto::pop3::server::{Credentials, Login, Maildrop, Message, Session, Settings, Step};
use libfuzzer_sys::fuzz_target;

const MAIL: &[u8] = b"Subject: x\r\n\r\n.\r\n..\r\n.last";

struct Talk {
    session: Session,
    input: Vec<u8>,
    out: Vec<u8>,
    deleted: Vec<u32>,
    closed: bool,
}

impl Talk {
    fn new() -> Talk {
        let settings = Settings { stls: false, login_needs_encryption: false, timestamp: Some("<1.2@box>".into()) };
        let mut out = Vec::new();
        let session = Session::new(settings, false, &mut out);
        Talk { session, input: Vec::new(), out, deleted: Vec::new(), closed: false }
    }

    fn receive(&mut self, piece: &[u8]) {
        self.input.extend_from_slice(piece);
        while !self.closed {
            let before = self.out.len();
            let (used, step) = self.session.step(&self.input, &mut self.out);
            assert!(used > 0 || self.out.len() > before || matches!(step, Step::Read | Step::Close), "no progress");
            self.input.drain(..used);
            match step {
                Step::Read => break,
                Step::Next | Step::Flush => {}
                Step::Login(credentials) => self.login(credentials),
                Step::Message(retrieval) => {
                    let mut writer = self.session.message(&retrieval, &mut self.out);
                    writer.write(MAIL, &mut self.out);
                    writer.finish(&mut self.out);
                }
                Step::Commit => {
                    self.deleted = self.session.deleted();
                    assert!(!self.deleted.is_empty());
                    self.session.committed(true, &mut self.out);
                }
                Step::StartTls => panic!("it was not offered"),
                Step::Close => self.closed = true,
            }
        }
        assert!(self.closed || self.input.len() < 512, "an unbounded line");
    }

    fn login(&mut self, credentials: Credentials) {
        let login = match credentials {
            Credentials::Password { password, .. } if password.starts_with('x') => Login::Refused,
            Credentials::Password { password, .. } if password.starts_with('i') => Login::InUse,
            _ => {
                let message = |uid| Message { uid, note: 0, name: 0, size: MAIL.len() as u64 };
                Login::Granted(Maildrop::new(7, (1..70).map(message).collect()))
            }
        };
        self.session.login(login, &mut self.out);
    }
}

fuzz_target!(|data: &[u8]| {
    let (mut cut, mut whole) = (Talk::new(), Talk::new());
    for piece in pieces(data) {
        cut.receive(piece);
    }
    whole.receive(data.get(2..).unwrap_or_default());
    assert!(cut.out.ends_with(b"\r\n"));
    assert!(cut.out == whole.out && cut.deleted == whole.deleted && cut.closed == whole.closed);
});
