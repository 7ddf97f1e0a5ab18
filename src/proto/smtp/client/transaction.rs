//! One mail transaction: MAIL, RCPT for each recipient, DATA or BDAT, and what the server says to each.
//!
//! A transaction knows which reply comes next; replies are matched by order alone, whether its commands went out one by
//! one or in a group with those of its neighbours. Content that comes in pieces goes by BDAT too where that is offered, a
//! chunk a piece, without waiting for the reply to the chunk before (RFC 3030 §4.2); after one that is refused no more are
//! sent, but the replies to those under way are still to come.

use std::sync::Arc;

use super::commands::{Mail, Recipient, write_mail, write_recipient};
use super::stuff::{Stuffer, has_clean_lines};
use super::{Capabilities, Reply};

#[derive(Clone, Debug)]
pub enum Content {
    Whole(Arc<[u8]>),
    /// Given piece by piece when the session asks for it.
    Pieces,
}

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server has taken the mail for it.
    Accepted(Arc<Reply>),
    /// For good.
    Refused(Arc<Reply>),
    /// For now.
    Deferred(Arc<Reply>),
    /// Only because the transaction had too many: the mail can go to it at once, in another.
    Surplus,
    /// The session ended, for this reason, before the server had decided.
    Unanswered(Arc<str>),
}

impl Verdict {
    fn by(reply: &Arc<Reply>) -> Verdict {
        match reply {
            reply if reply.is_positive() => Verdict::Accepted(reply.clone()),
            reply if reply.is_permanent() => Verdict::Refused(reply.clone()),
            reply => Verdict::Deferred(reply.clone()),
        }
    }
}

/// The reply that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Reset,
    Mail,
    Recipient,
    /// 354 to DATA.
    Go,
    /// To the content.
    Content,
}

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) tag: u64,
    pub(super) expect: Expect,
    /// All its bytes are in the output, commands of the next one may follow.
    pub(super) sent: bool,
    /// A reply has come.
    pub(super) heard: bool,
    /// The server was still in the transaction before: this one never began.
    untouched: bool,
    /// One command at a time: those not yet sent.
    waiting: Option<Vec<u8>>,
    /// The last of them that was sent, with its line end.
    said: Vec<u8>,
    mail_refusal: Option<Verdict>,
    /// Of the recipients answered so far; `None` is accepted, until the content decides.
    refusals: Vec<Option<Verdict>>,
    recipients: usize,
    accepted: usize,
    content: Content,
    /// By BDAT.
    chunked: bool,
    /// Chunks sent and not answered.
    chunks: usize,
    stuffer: Stuffer,
}

/// What a reply has brought.
pub(super) enum Step {
    GoOn,
    /// Over. `reset`: the server may still be in the transaction.
    Done {
        reset: bool,
    },
    /// Over, and the session with it: the server has decided before it had everything.
    Cut,
    /// The reply makes no sense here.
    Nonsense,
}

impl Transaction {
    /// Appends to `out` what may be sent at once.
    pub(super) fn begin<'a>(
        tag: u64,
        mail: &Mail<'_>,
        recipients: impl Iterator<Item = Recipient<'a>>,
        content: Content,
        server: &Capabilities,
        reset: bool,
        out: &mut Vec<u8>,
    ) -> Transaction {
        let chunked = server.chunking
            && match &content {
                Content::Whole(body) => has_clean_lines(body),
                Content::Pieces => true,
            };
        let mut commands = Vec::new();
        let to = if server.pipelining { &mut *out } else { &mut commands };
        if reset {
            to.extend_from_slice(b"RSET\r\n");
        }
        write_mail(mail, server, to);
        let mut count = 0;
        for recipient in recipients {
            write_recipient(&recipient, server, to);
            count += 1;
        }
        let mut transaction = Transaction {
            tag,
            expect: if reset { Expect::Reset } else { Expect::Mail },
            sent: false,
            heard: false,
            untouched: false,
            waiting: None,
            said: Vec::new(),
            mail_refusal: None,
            refusals: Vec::with_capacity(count),
            recipients: count,
            accepted: 0,
            content,
            chunked,
            chunks: 0,
            stuffer: if chunked { Stuffer::for_chunks() } else { Stuffer::for_data() },
        };
        if server.pipelining {
            transaction.write_content_command(out);
        } else {
            transaction.waiting = Some(commands);
            transaction.write_next(out);
        }
        transaction
    }

    fn write_content_command(&mut self, out: &mut Vec<u8>) {
        match &self.content {
            Content::Whole(body) if self.chunked => {
                out.extend_from_slice(format!("BDAT {} LAST\r\n", body.len()).as_bytes());
                out.extend_from_slice(body);
                (self.chunks, self.sent) = (1, true);
            }
            // Chunks follow as the pieces come.
            Content::Pieces if self.chunked => {}
            _ => out.extend_from_slice(b"DATA\r\n"),
        }
    }

    /// The next command, where each waits for the reply to the one before.
    fn write_next(&mut self, out: &mut Vec<u8>) {
        let Some(waiting) = &mut self.waiting else { return };
        match memchr::memchr(b'\n', waiting) {
            Some(end) => {
                self.said.clear();
                self.said.extend(waiting.drain(..=end));
                out.extend_from_slice(&self.said);
            }
            None => self.write_content_command(out),
        }
    }

    /// Takes the next reply. `lingering`: the server may still be in the transaction before this one.
    pub(super) fn reply(&mut self, reply: Reply, lingering: bool, out: &mut Vec<u8>) -> Step {
        self.heard = true;
        let reply = Arc::new(reply);
        match self.expect {
            Expect::Reset => {
                self.expect = Expect::Mail;
                self.write_next(out);
                Step::GoOn
            }
            Expect::Mail => self.mail_reply(&reply, lingering, out),
            Expect::Recipient => self.recipient_reply(&reply, out),
            Expect::Go => self.go_reply(&reply, out),
            Expect::Content => self.content_reply(&reply),
        }
    }

    fn mail_reply(&mut self, reply: &Arc<Reply>, lingering: bool, out: &mut Vec<u8>) -> Step {
        self.expect = Expect::Recipient;
        if !reply.is_positive() {
            self.untouched = lingering && reply.code == 503;
            self.mail_refusal = Some(Verdict::by(reply));
            if self.waiting.is_some() {
                return Step::Done { reset: false };
            }
        }
        self.write_next(out);
        Step::GoOn
    }

    fn recipient_reply(&mut self, reply: &Arc<Reply>, out: &mut Vec<u8>) -> Step {
        let verdict = match Verdict::by(reply) {
            Verdict::Accepted(_) => None,
            Verdict::Refused(reply) | Verdict::Deferred(reply) if self.accepted > 0 && means_too_many(&reply) => {
                Some(Verdict::Surplus)
            }
            other => Some(other),
        };
        self.accepted += usize::from(verdict.is_none() && self.mail_refusal.is_none());
        self.refusals.push(verdict);
        if self.refusals.len() == self.recipients {
            let asked = self.waiting.is_none() && (!self.chunked || self.chunks > 0);
            if self.accepted == 0 && !asked {
                return Step::Done { reset: true };
            }
            self.expect = if self.chunked { Expect::Content } else { Expect::Go };
        }
        self.write_next(out);
        Step::GoOn
    }

    fn go_reply(&mut self, reply: &Arc<Reply>, out: &mut Vec<u8>) -> Step {
        if reply.code == 354 {
            self.expect = Expect::Content;
            if self.accepted == 0 {
                // The server wants content although it has taken nobody: give it none.
                self.content = Content::Whole(Arc::from([]));
            }
            if let Content::Whole(body) = &self.content {
                self.stuffer.push(body, out);
                self.end_content(out);
            }
            return Step::GoOn;
        }
        if reply.code < 400 {
            return Step::Nonsense;
        }
        self.decide(&Verdict::by(reply));
        Step::Done { reset: self.mail_refusal.is_none() }
    }

    fn content_reply(&mut self, reply: &Arc<Reply>) -> Step {
        if (300..400).contains(&reply.code) {
            return Step::Nonsense;
        }
        if self.chunked {
            return self.chunk_reply(reply);
        }
        if !self.sent && reply.is_positive() {
            return Step::Nonsense;
        }
        self.decide(&Verdict::by(reply));
        if self.sent { Step::Done { reset: false } } else { Step::Cut }
    }

    fn chunk_reply(&mut self, reply: &Arc<Reply>) -> Step {
        let Some(left) = self.chunks.checked_sub(1) else { return Step::Nonsense };
        self.chunks = left;
        let last = left == 0 && self.sent;
        if last || !reply.is_positive() {
            self.decide(&Verdict::by(reply));
        }
        // Whatever follows a refusal is about the same mail.
        let refused = !reply.is_positive() || self.is_decided();
        if left == 0 && refused { Step::Done { reset: !(last && reply.is_positive()) } } else { Step::GoOn }
    }

    /// Content is wanted, piece by piece.
    pub(super) fn wants_content(&self) -> bool {
        if self.sent || !matches!(self.content, Content::Pieces) {
            return false;
        }
        match self.chunked {
            false => self.expect == Expect::Content,
            // One at a time, or as they come, as long as there is hope.
            true if self.waiting.is_some() => self.expect == Expect::Content && self.chunks == 0,
            true => self.mail_refusal.is_none() && !self.is_decided(),
        }
    }

    /// `last`: nothing follows.
    pub(super) fn content(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        if self.chunked {
            return self.chunk(piece, last, out);
        }
        self.stuffer.push(piece, out);
        if last {
            self.end_content(out);
        }
    }

    fn chunk(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        let mut changed = Vec::new();
        let text = match self.stuffer.leaves(piece) {
            true => piece,
            false => {
                self.stuffer.push(piece, &mut changed);
                if last {
                    self.stuffer.finish(&mut changed);
                }
                changed.as_slice()
            }
        };
        if text.is_empty() && !last {
            return;
        }
        let end = if last { " LAST" } else { "" };
        out.extend_from_slice(format!("BDAT {}{end}\r\n", text.len()).as_bytes());
        out.extend_from_slice(text);
        self.chunks += 1;
        self.sent = last;
    }

    /// A refusal in its middle leaves the server in a state of its own choice (RFC 3030 §2): what follows must not be taken
    /// for more of it.
    pub(super) fn may_leave_remains(&self) -> bool {
        self.chunked && matches!(self.content, Content::Pieces)
    }

    fn end_content(&mut self, out: &mut Vec<u8>) {
        self.stuffer.finish(out);
        self.sent = true;
        self.content = Content::Pieces;
    }

    /// Every recipient has its verdict.
    fn is_decided(&self) -> bool {
        self.refusals.len() == self.recipients && self.refusals.iter().all(Option::is_some)
    }

    /// For all recipients the server had taken, and all it has not answered.
    pub(super) fn decide(&mut self, verdict: &Verdict) {
        self.refusals.resize(self.recipients, None);
        for undecided in self.refusals.iter_mut().filter(|refusal| refusal.is_none()) {
            *undecided = Some(verdict.clone());
        }
    }

    /// The command whose reply comes next, where each waits for the reply to the one before.
    pub(super) fn last_command(&self) -> String {
        match self.expect {
            Expect::Reset | Expect::Mail | Expect::Recipient => {
                String::from_utf8_lossy(self.said.trim_ascii_end()).into_owned()
            }
            Expect::Go => "DATA".to_string(),
            Expect::Content if self.chunked => "BDAT".to_string(),
            Expect::Content => ".".to_string(),
        }
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.untouched
    }

    /// Recipient by recipient, once decided; `None` if the server never began with it.
    pub(super) fn verdicts(self) -> Option<Vec<Verdict>> {
        if self.untouched {
            return None;
        }
        Some(match self.mail_refusal {
            Some(refusal) => vec![refusal; self.recipients],
            None => self.refusals.into_iter().flatten().collect(),
        })
    }
}

/// 452 to a RCPT after others were taken means "too many recipients" (RFC 5321 §4.5.3.1.10), in older servers 552, unless
/// the status code says otherwise.
fn means_too_many(reply: &Reply) -> bool {
    matches!(reply.code, 452 | 552) && matches!(reply.enhanced(), None | Some("4.5.3" | "5.5.3"))
}
