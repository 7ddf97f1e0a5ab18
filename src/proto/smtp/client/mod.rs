//! The client side of an SMTP session, towards a relay (RFC 5321, and 1870, 2920, 3030, 3207, 3461, 4954, 6152, 6531).
//!
//! Bytes of the server go in ([`Session::input`]), bytes for it come out ([`Session::output`]), and what happened comes
//! as [`Event`]s. It owns no socket and no clock: timeouts are the caller's, who asks [`Session::awaiting`] what for.
//!
//! Where the server allows it, everything goes in groups: MAIL, RCPT and DATA at once, or with CHUNKING the whole mail,
//! and the next transaction right behind the end of the data before it (RFC 2920 §3.1), so that several mails are under
//! way at a time. A mail whose fate a lost session leaves open is reported as unanswered, those behind it as untouched.
//!
//! Somebody may be asked about each reply before it counts ([`Session::ask_about_replies`]).
//!
//! It never sends a command the server has not announced, and never trusts anything sent before TLS (RFC 3207 §4.2).

mod auth;
mod capabilities;
mod commands;
mod event;
mod question;
mod reply;
mod stuff;
mod transaction;
mod turn;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

pub use auth::{Login, Mechanism};
pub use capabilities::Capabilities;
pub use commands::{Mail, Recipient};
pub use event::{Awaiting, Encryption, Event, Failure, Settings, Unsendable};
pub use reply::{MAX_LINE, MAX_REPLY, Malformed, Reply, enhanced};
pub use transaction::{Content, Verdict};
use transaction::{Expect, Step, Transaction};
pub use turn::{Outcome, Turn, TurnSession, Wish};

/// Transactions under way in one session, at most.
pub const WINDOW: usize = 32;
/// Output kept allocated between mails.
const KEEP_OUTPUT: usize = 16 * 1024;

enum Stage {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    /// The caller is making the connection encrypted.
    Handshake,
    Auth(auth::Step),
    Ready,
    Quit,
    Ended,
}

pub struct Session {
    settings: Settings,
    stage: Stage,
    encrypted: bool,
    server: Capabilities,
    reader: reply::Reader,
    out: Vec<u8>,
    written: usize,
    events: VecDeque<Event>,
    /// In the order of their commands.
    under_way: VecDeque<Transaction>,
    /// Transactions the server has decided on.
    decided: u64,
    /// The server may still be in a transaction that is over for us.
    lingering: bool,
    questions: question::Questions,
}

impl Session {
    pub fn new(settings: Settings) -> Session {
        Session {
            encrypted: settings.encryption == Encryption::FromStart,
            settings,
            stage: Stage::Greeting,
            server: Capabilities::default(),
            reader: reply::Reader::default(),
            out: Vec::new(),
            written: 0,
            events: VecDeque::new(),
            under_way: VecDeque::new(),
            decided: 0,
            lingering: false,
            questions: question::Questions::default(),
        }
    }

    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What the server announced last.
    pub fn capabilities(&self) -> &Capabilities {
        &self.server
    }

    /// Transactions the server has decided on, whichever way, before the session ended.
    pub fn decided(&self) -> u64 {
        self.decided
    }

    pub fn awaiting(&self) -> Awaiting {
        match self.stage {
            Stage::Greeting => Awaiting::Greeting,
            Stage::Ready => match self.under_way.front().map(|transaction| transaction.expect) {
                None => Awaiting::Nothing,
                Some(Expect::Go) => Awaiting::Go,
                Some(Expect::Content) => Awaiting::Content,
                Some(_) => Awaiting::Reply,
            },
            Stage::Handshake | Stage::Ended => Awaiting::Nothing,
            _ => Awaiting::Reply,
        }
    }

    // -- bytes ----------------------------------------------------------------------------------------------------

    /// Bytes to write.
    pub fn output(&self) -> &[u8] {
        self.out.get(self.written..).unwrap_or_default()
    }

    /// The first `n` bytes of [`Session::output`] are written.
    pub fn written(&mut self, n: usize) {
        self.written += n;
        if self.written >= self.out.len() {
            self.written = 0;
            self.out.clear();
            if self.under_way.is_empty() && self.out.capacity() > KEEP_OUTPUT {
                self.out = Vec::new();
            }
        }
    }

    /// Bytes of the server, cut anywhere.
    pub fn input(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !matches!(self.stage, Stage::Handshake | Stage::Ended) {
            if self.is_held() {
                return self.keep_unread(bytes);
            }
            match self.reader.read(&mut bytes) {
                Ok(Some(reply)) if self.questions.asked => self.hold(reply),
                Ok(Some(reply)) => self.reply(reply),
                Ok(None) => {}
                Err(malformed) => self.end(malformed.into()),
            }
        }
    }

    /// The connection is encrypted now.
    pub fn encrypted(&mut self) {
        if matches!(self.stage, Stage::Handshake) {
            self.encrypted = true;
            self.server = Capabilities::default();
            self.hello();
        }
    }

    /// The connection broke, or the caller gives it up.
    pub fn lost(&mut self, how: impl Into<String>) {
        self.end(match self.stage {
            Stage::Quit => Failure::Quit,
            _ => Failure::Lost(how.into()),
        });
    }

    // -- sending --------------------------------------------------------------------------------------------------

    /// A transaction may begin now; so it may again right after each reply to DATA and each end of content.
    pub fn can_begin(&self) -> bool {
        matches!(self.stage, Stage::Ready)
            && match self.under_way.back() {
                None => true,
                Some(last) => self.server.pipelining && last.sent && self.under_way.len() < WINDOW,
            }
    }

    /// Begins a transaction; only after [`Session::can_begin`], with at least one recipient.
    pub fn begin<'a>(
        &mut self,
        tag: u64,
        mail: &Mail<'_>,
        recipients: impl Iterator<Item = Recipient<'a>>,
        content: Content,
    ) -> Result<(), Unsendable> {
        if let Some(limit) = self.server.size_limit.filter(|&limit| mail.size > limit) {
            return Err(Unsendable::TooLarge(limit));
        }
        if mail.smtputf8 && !self.server.smtputf8 {
            return Err(Unsendable::NeedsUtf8);
        }
        let reset = self.lingering || self.under_way.back().is_some_and(Transaction::may_leave_remains);
        let transaction = Transaction::begin(tag, mail, recipients, content, &self.server, reset, &mut self.out);
        self.under_way.push_back(transaction);
        Ok(())
    }

    /// Pieces of content are wanted.
    pub fn wants_content(&self) -> bool {
        self.under_way.back().is_some_and(Transaction::wants_content)
    }

    /// Pieces are best of a hundred KiB or so: with CHUNKING the server answers each. `last`: nothing follows.
    pub fn content(&mut self, piece: &[u8], last: bool) {
        if let Some(transaction) = self.under_way.back_mut().filter(|t| t.wants_content()) {
            transaction.content(piece, last, &mut self.out);
        }
    }

    /// Says goodbye. Only when nothing is under way.
    pub fn quit(&mut self) {
        if !matches!(self.stage, Stage::Ended | Stage::Handshake) && self.under_way.is_empty() {
            self.out.extend_from_slice(b"QUIT\r\n");
            self.stage = Stage::Quit;
        }
    }

    // -- replies --------------------------------------------------------------------------------------------------

    fn reply(&mut self, reply: Reply) {
        if reply.code == 421 && !matches!(self.stage, Stage::Greeting | Stage::Quit) {
            return self.end(Failure::Closing(reply));
        }
        match self.stage {
            Stage::Greeting if reply.is_positive() => self.hello(),
            Stage::Greeting => self.end(Failure::Greeting(reply)),
            Stage::Ehlo if reply.is_positive() => {
                self.server = Capabilities::read(&reply);
                self.server.pipelining &= !self.questions.asked;
                self.greeted();
            }
            Stage::Ehlo if reply.is_permanent() => {
                self.command("HELO");
                self.stage = Stage::Helo;
            }
            Stage::Helo if reply.is_positive() => self.greeted(),
            Stage::Ehlo | Stage::Helo => self.end(Failure::Hello(reply)),
            Stage::StartTls if reply.is_positive() => {
                self.stage = Stage::Handshake;
                self.reader = reply::Reader::default();
                self.events.push_back(Event::StartTls);
            }
            // A password is not sent in clear because of a refusal that anybody on the way can write.
            Stage::StartTls if self.settings.encryption == Encryption::IfOffered && self.settings.login.is_none() => {
                self.ready();
            }
            Stage::StartTls => self.end(Failure::Tls(reply)),
            Stage::Auth(step) => self.auth_reply(step, reply),
            Stage::Ready => self.transaction_reply(reply),
            Stage::Quit => self.end(Failure::Quit),
            Stage::Handshake | Stage::Ended => {}
        }
    }

    fn hello(&mut self) {
        self.command("EHLO");
        self.stage = Stage::Ehlo;
    }

    fn command(&mut self, verb: &str) {
        self.out.extend_from_slice(format!("{verb} {}\r\n", self.settings.helo).as_bytes());
    }

    fn greeted(&mut self) {
        let wanted = !self.encrypted && self.settings.encryption != Encryption::AsIs;
        if wanted && self.server.starttls {
            self.out.extend_from_slice(b"STARTTLS\r\n");
            self.stage = Stage::StartTls;
        } else if wanted && self.settings.encryption == Encryption::Required {
            self.end(Failure::TlsNotOffered);
        } else {
            self.log_in();
        }
    }

    fn log_in(&mut self) {
        let Some(login) = &self.settings.login else { return self.ready() };
        let terms = auth::Terms { login, offered: &self.server, encrypted: self.encrypted };
        match auth::begin(terms, &mut self.out) {
            Ok(step) => self.stage = Stage::Auth(step),
            Err(failure) => self.end(failure),
        }
    }

    fn auth_reply(&mut self, step: auth::Step, reply: Reply) {
        let Some(login) = &self.settings.login else { return self.ready() };
        let terms = auth::Terms { login, offered: &self.server, encrypted: self.encrypted };
        match auth::proceed(step, reply, terms, &mut self.out) {
            Ok(Some(step)) => self.stage = Stage::Auth(step),
            Ok(None) => self.ready(),
            Err(failure) => self.end(failure),
        }
    }

    fn ready(&mut self) {
        self.stage = Stage::Ready;
        self.events.push_back(Event::Ready);
    }

    fn transaction_reply(&mut self, reply: Reply) {
        let Some(transaction) = self.under_way.front_mut() else { return self.end(Malformed::Unasked.into()) };
        let expected = transaction.expect;
        let positive = reply.is_positive();
        let step = transaction.reply(reply, self.lingering, &mut self.out);
        if positive && matches!(expected, Expect::Reset | Expect::Mail) {
            self.lingering = false;
        }
        match step {
            Step::GoOn => {}
            Step::Done { reset } => {
                self.lingering |= reset;
                self.decided += u64::from(!transaction.is_untouched());
                self.finish();
            }
            Step::Cut => {
                self.decided += 1;
                self.finish();
                self.end(Failure::Lost("it ended the transfer early".into()));
            }
            Step::Nonsense => self.end(Malformed::Unasked.into()),
        }
    }

    fn finish(&mut self) {
        let Some(transaction) = self.under_way.pop_front() else { return };
        let tag = transaction.tag;
        self.events.push_back(match transaction.verdicts() {
            Some(verdicts) => Event::Finished { tag, verdicts },
            None => Event::Untouched { tag },
        });
    }

    /// The first transaction under way bears the failure, unless this session has worked before and had not said a word
    /// about it; the others go back.
    fn end(&mut self, failure: Failure) {
        if matches!(self.stage, Stage::Ended) {
            return;
        }
        if self.under_way.front().is_some_and(|first| first.heard || self.decided == 0) {
            let verdict = match &failure {
                Failure::Closing(reply) => Verdict::Deferred(Arc::new(reply.clone())),
                other => Verdict::Unanswered(other.to_string().into()),
            };
            if let Some(first) = self.under_way.front_mut() {
                first.decide(&verdict);
            }
            self.finish();
        }
        self.events.extend(self.under_way.drain(..).map(|transaction| Event::Untouched { tag: transaction.tag }));
        self.stage = Stage::Ended;
        self.out = Vec::new();
        self.written = 0;
        self.events.push_back(Event::Ended(failure));
    }
}
