//! What follows a command that passed its check, and an answer that came.

use super::auth::{self, Exchange, Mechanism};
use super::body::Body;
use super::reply::Reply;
use super::verbs::{Command, Hello};
use super::{Answer, LoginPolicy, MAX_LOGIN_FAILURES, Next, Question, Request, Session, State, Transaction};

impl Session {
    pub(super) fn proceed(&mut self, command: Command) -> Option<Next<'static>> {
        match command {
            Command::Hello(hello) => self.greet(hello),
            Command::Mail(mail) => {
                let request = Request::Mail { return_path: mail.return_path.clone(), size: mail.size };
                self.ask(Question::Mail(mail), request)
            }
            Command::Recipient(recipient) => self.ask(Question::Recipient, Request::Recipient(recipient)),
            Command::Data => self.ask(Question::Data, Request::Begin),
            Command::Chunk { size, last } => self.begin_chunk(size, last),
            Command::Reset => {
                self.say(&Reply::ok());
                self.reset()
            }
            Command::Noop => self.fine(&Reply::ok()),
            Command::CannotVerify => self.fine(&Reply::cannot_verify()),
            Command::Verify(name) => self.ask(Question::Words, Request::Verify(name)),
            Command::Expand(name) => self.ask(Question::Words, Request::Expand(name)),
            Command::StartQueue(queue) => self.ask(Question::Words, Request::StartQueue(queue)),
            Command::Help => self.fine(&Reply::help()),
            Command::Quit => self.close(&Reply::bye()),
            Command::StartTls => {
                self.say(&Reply::start_tls());
                Some(Next::StartTls)
            }
            Command::Login { mechanism, initial } => self.begin_login(mechanism, initial),
        }
    }

    /// To the request of the last step.
    pub fn answer(&mut self, answer: Answer) {
        // What it leads to is in the output and in the state; the next call of `feed` tells.
        let _ = self.answered(answer);
    }

    fn answered(&mut self, answer: Answer) -> Option<Next<'static>> {
        let state = std::mem::replace(&mut self.state, State::Command);
        let State::Asked(question) = state else {
            self.state = state;
            return None;
        };
        match (question, answer) {
            (Question::Script(command), answer) => self.by_script(command, answer),
            (question @ (Question::Mail(_) | Question::Recipient | Question::Data), Answer::Say(lines)) => {
                self.state = State::Asked(question);
                self.in_other_words(lines, |session| session.answered(Answer::Yes))
            }
            (Question::Mail(mail), Answer::Yes) => {
                self.transaction = Some(Transaction { mail, recipients: 0, chunks: None });
                self.fine(&Reply::sender_ok())
            }
            (Question::Recipient, Answer::Yes) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients += 1;
                }
                self.fine(&Reply::recipient_ok())
            }
            (Question::Data, Answer::Yes) => {
                self.state = State::Data(Body::of_data());
                self.fine(&Reply::send_data())
            }
            (Question::Data, Answer::No(reply)) => {
                self.transaction = None;
                self.refuse(reply)
            }
            (Question::Chunk { size, last }, answer) => {
                let mut body = Body::of_chunks();
                match answer {
                    Answer::Yes => {}
                    Answer::No(reply) => body.refuse(reply),
                    _ => body.refuse(Reply::temporary()),
                }
                self.state = State::Chunk { left: size, size, last, body };
                None
            }
            (Question::Commit, Answer::Queued(id)) => {
                self.errors = 0;
                self.fine(&Reply::queued(&id))
            }
            (Question::Challenge, Answer::Challenge(challenge)) => {
                self.turn(auth::prompt(&challenge, Exchange::CramMd5 { challenge: challenge.clone() }))
            }
            (Question::Login, Answer::LoggedIn(name)) => {
                self.login = Some(name);
                self.fine(&Reply::logged_in())
            }
            (Question::Words, Answer::Say(lines)) => self.say_all(lines),
            (Question::Login, Answer::No(reply)) => self.login_failed(reply),
            (_, Answer::No(reply)) => self.refuse(reply),
            // An answer to another question: the shell is wrong, the client is not.
            _ => self.refuse(Reply::temporary()),
        }
    }

    /// One reply of several lines; an error counts as one.
    fn say_all(&mut self, mut lines: Vec<Reply>) -> Option<Next<'static>> {
        let Some(last) = lines.pop() else { return self.refuse(Reply::temporary()) };
        if last.is_error() {
            return self.refuse(last);
        }
        lines.iter().for_each(|line| line.write_continued(&mut self.output));
        self.fine(&last)
    }

    fn fine(&mut self, reply: &Reply) -> Option<Next<'static>> {
        self.say(reply);
        None
    }

    /// Forgets the transaction (RFC 5321 §4.1.1.5).
    fn reset(&mut self) -> Option<Next<'static>> {
        let transaction = self.transaction.take();
        transaction.and_then(|transaction| transaction.chunks).map(|_| Next::Abandon)
    }

    fn greet(&mut self, hello: Hello) -> Option<Next<'static>> {
        self.say_hello(hello.extended);
        self.hello = Some(hello);
        self.reset()
    }

    pub(super) fn say_hello(&mut self, extended: bool) {
        let offers_login = self.settings.login != LoginPolicy::Off && (self.encrypted || !self.settings.require_tls);
        let passwords = self.may_show_password();
        let (settings, out) = (&self.settings, &mut self.output);
        if !extended {
            out.extend_from_slice(b"250 ");
            out.extend_from_slice(settings.host_name.as_bytes());
            out.extend_from_slice(b"\r\n");
            return;
        }
        let mut line = |parts: &[&str]| {
            out.extend_from_slice(b"250-");
            parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
            out.extend_from_slice(b"\r\n");
        };
        line(&[&settings.host_name]);
        line(&["PIPELINING"]);
        match settings.max_size {
            0 => line(&["SIZE"]),
            limit => line(&["SIZE ", &limit.to_string()]),
        }
        if settings.starttls && !self.encrypted {
            line(&["STARTTLS"]);
        }
        if offers_login && (passwords || settings.cram_md5) {
            let cram = if settings.cram_md5 { " CRAM-MD5" } else { "" };
            line(&["AUTH", if passwords { " PLAIN LOGIN" } else { "" }, cram]);
        }
        if settings.dsn {
            line(&["DSN"]);
        }
        if settings.etrn {
            line(&["ETRN"]);
        }
        line(&["8BITMIME"]);
        line(&["SMTPUTF8"]);
        line(&["ENHANCEDSTATUSCODES"]);
        out.extend_from_slice(b"250 CHUNKING\r\n");
    }

    /// The chunk's bytes follow whatever we think of it (RFC 3030 §2), so a refused one is read as well.
    fn begin_chunk(&mut self, size: u64, last: bool) -> Option<Next<'static>> {
        let refusal = match &mut self.transaction {
            None => Reply::out_of_order("Send MAIL first"),
            Some(transaction) if transaction.recipients == 0 => Reply::no_recipients(),
            Some(transaction) => match transaction.chunks.take() {
                Some(body) => {
                    self.state = State::Chunk { left: size, size, last, body };
                    return None;
                }
                None => return self.ask(Question::Chunk { size, last }, Request::Begin),
            },
        };
        let mut body = Body::of_chunks();
        body.refuse(refusal);
        self.state = State::Chunk { left: size, size, last, body };
        None
    }

    /// All bytes of a chunk are there.
    pub(super) fn chunk_over(&mut self) -> Option<Next<'static>> {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Chunk { size, last: false, body, .. } if !body.is_refused() => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.chunks = Some(body);
                }
                self.fine(&Reply::chunk_ok(size))
            }
            state => {
                self.state = state;
                self.body_over()
            }
        }
    }

    /// The message is complete, or its refusal can be said at last.
    pub(super) fn body_over(&mut self) -> Option<Next<'static>> {
        let state = std::mem::replace(&mut self.state, State::Command);
        let (State::Data(mut body) | State::Chunk { mut body, .. }) = state else { return None };
        match (body.take_refusal(), self.transaction.take()) {
            (None, Some(transaction)) => self.ask(Question::Commit, Request::Commit(transaction.mail)),
            (Some(reply), _) => self.refuse(reply),
            (None, None) => self.refuse(Reply::temporary()),
        }
    }

    fn begin_login(&mut self, mechanism: Mechanism, initial: Option<String>) -> Option<Next<'static>> {
        let exchange = match mechanism {
            Mechanism::Plain => Exchange::Plain,
            Mechanism::Login => Exchange::LoginName,
            Mechanism::CramMd5 => return self.ask(Question::Challenge, Request::Challenge),
        };
        let turn = match (initial, exchange) {
            // "=" is an empty response (RFC 4954 §4).
            (Some(initial), exchange) => auth::respond(exchange, if initial == "=" { "" } else { &initial }),
            (None, Exchange::LoginName) => Ok(auth::prompt("Username:", Exchange::LoginName)),
            (None, exchange) => Ok(auth::prompt("", exchange)),
        };
        match turn {
            Ok(turn) => self.turn(turn),
            Err(reply) => self.refuse(reply),
        }
    }

    fn login_failed(&mut self, reply: Reply) -> Option<Next<'static>> {
        self.login_failures += 1;
        if self.login_failures >= MAX_LOGIN_FAILURES {
            self.say(&reply);
            return self.close(&Reply::too_many_logins());
        }
        self.refuse(reply)
    }
}
