//! The commands: one table with the state each is legal in, and what each does.

use super::login::{self, Credentials};
use super::maildrop::{Kind, Listing, Maildrop};
use super::{Refusal, Retrieval, Session, State, Step, number};

type Done = Result<Step, Refusal>;

struct Verb {
    name: &'static str,
    run: Run,
}

/// What a command needs is what it gets: those of the transaction cannot run without a mailbox.
enum Run {
    Any(fn(&mut Session, &[u8], &mut Vec<u8>) -> Done),
    Authorization(fn(&mut Session, &[u8], &mut Vec<u8>) -> Done),
    Transaction(fn(&mut Maildrop, Args, &mut Vec<u8>) -> Result<Next, Refusal>),
}

/// What a command of the transaction leads to.
enum Next {
    Step(Step),
    List(Kind),
}

/// The numbers behind a command of the transaction.
type Args = (Option<u32>, Option<u32>);

static VERBS: [Verb; 15] = [
    Verb { name: "RETR", run: Run::Transaction(retr) },
    Verb { name: "DELE", run: Run::Transaction(dele) },
    Verb { name: "TOP", run: Run::Transaction(top) },
    Verb { name: "LIST", run: Run::Transaction(list) },
    Verb { name: "UIDL", run: Run::Transaction(uidl) },
    Verb { name: "STAT", run: Run::Transaction(stat) },
    Verb { name: "RSET", run: Run::Transaction(rset) },
    Verb { name: "NOOP", run: Run::Transaction(noop) },
    Verb { name: "USER", run: Run::Authorization(user) },
    Verb { name: "PASS", run: Run::Authorization(pass) },
    Verb { name: "APOP", run: Run::Authorization(apop) },
    Verb { name: "AUTH", run: Run::Authorization(auth) },
    Verb { name: "STLS", run: Run::Authorization(stls) },
    Verb { name: "CAPA", run: Run::Any(capa) },
    Verb { name: "QUIT", run: Run::Any(quit) },
];

const BAD_ARGUMENTS: Refusal = Refusal::error("The arguments are wrong");
const NO_MESSAGE: Refusal = Refusal::no("There is no such message");

impl Session {
    /// Carries out one line, without its end.
    pub(super) fn command(&mut self, line: &[u8], out: &mut Vec<u8>) -> Done {
        if let State::Response = self.state {
            return self.response(line);
        }
        let (word, rest) = match memchr::memchr(b' ', line).and_then(|at| line.split_at_checked(at)) {
            Some((word, rest)) => (word, rest.get(1..).unwrap_or_default()),
            None => (line, &[][..]),
        };
        let Some(verb) = VERBS.iter().find(|verb| verb.name.as_bytes().eq_ignore_ascii_case(word)) else {
            return Err(Refusal::error("This command is not known"));
        };
        let in_transaction = matches!(self.state, State::Transaction { .. });
        match (&verb.run, &mut self.state) {
            (Run::Any(run), _) => run(self, rest, out),
            (Run::Authorization(run), _) if !in_transaction => run(self, rest, out),
            (Run::Transaction(run), State::Transaction { maildrop, listing }) => {
                let next = run(maildrop, numbers(rest).ok_or(BAD_ARGUMENTS)?, out)?;
                Ok(match next {
                    Next::Step(step) => step,
                    Next::List(kind) => {
                        *listing = maildrop.write_listing(Listing::new(kind), out);
                        if listing.is_some() { Step::Flush } else { Step::Next }
                    }
                })
            }
            (Run::Authorization(_), _) => Err(Refusal::error("There was a login already")),
            (Run::Transaction(_), _) => Err(Refusal::error("Log in first")),
        }
    }

    fn login_allowed(&self) -> Result<(), Refusal> {
        if self.encrypted || !self.settings.login_needs_encryption {
            return Ok(());
        }
        Err(Refusal::error("A login needs encryption: use STLS, or the port for TLS"))
    }

    /// The response of an `AUTH PLAIN` exchange.
    fn response(&mut self, line: &[u8]) -> Done {
        self.leave_exchange();
        if line == b"*" {
            return Err(Refusal::no("The login is cancelled"));
        }
        Ok(Step::Login(login::plain(line)?))
    }
}

// -- before and at the login ----------------------------------------------------------------------------------------

/// Says yes to every name, so that names cannot be found out.
fn user(session: &mut Session, name: &[u8], out: &mut Vec<u8>) -> Done {
    session.login_allowed()?;
    if name.is_empty() {
        return Err(BAD_ARGUMENTS);
    }
    session.state = State::Authorization { user: Some(login::text(name)?) };
    out.extend_from_slice(b"+OK Send the password\r\n");
    Ok(Step::Next)
}

/// Everything behind the first space is the password, further spaces too.
fn pass(session: &mut Session, password: &[u8], _out: &mut Vec<u8>) -> Done {
    session.login_allowed()?;
    let State::Authorization { user } = &mut session.state else { return Err(Refusal::error("Send USER first")) };
    let Some(name) = user.take() else { return Err(Refusal::error("Send USER first")) };
    Ok(Step::Login(Credentials::Password { name, password: login::text(password)? }))
}

fn apop(session: &mut Session, args: &[u8], _out: &mut Vec<u8>) -> Done {
    session.login_allowed()?;
    if session.settings.timestamp.is_none() {
        return Err(Refusal::error("APOP is not offered"));
    }
    let args = login::text(args)?;
    let Some((name, digest)) = args.trim_end().rsplit_once(' ') else { return Err(BAD_ARGUMENTS) };
    if name.is_empty() || digest.len() != 32 {
        return Err(BAD_ARGUMENTS);
    }
    Ok(Step::Login(Credentials::Apop { name: name.to_owned(), digest: digest.to_owned() }))
}

/// Without arguments it lists the mechanisms, which some clients ask before they try CAPA.
fn auth(session: &mut Session, args: &[u8], out: &mut Vec<u8>) -> Done {
    if args.trim_ascii().is_empty() {
        let list: &[u8] = if session.login_allowed().is_ok() { b"+OK\r\nPLAIN\r\n.\r\n" } else { b"+OK\r\n.\r\n" };
        out.extend_from_slice(list);
        return Ok(Step::Next);
    }
    session.login_allowed()?;
    let mut words = args.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    if !words.next().is_some_and(|mechanism| mechanism.eq_ignore_ascii_case(b"PLAIN")) {
        return Err(Refusal::error("This mechanism is not known"));
    }
    match (words.next(), words.next()) {
        (Some(response), None) => Ok(Step::Login(login::plain(response)?)),
        (None, _) => {
            session.state = State::Response;
            out.extend_from_slice(b"+ \r\n");
            Ok(Step::Next)
        }
        _ => Err(BAD_ARGUMENTS),
    }
}

fn stls(session: &mut Session, args: &[u8], out: &mut Vec<u8>) -> Done {
    no_arguments(args)?;
    if session.encrypted {
        return Err(Refusal::error("The connection is encrypted already"));
    }
    if !session.settings.stls {
        return Err(Refusal::error("STLS is not offered"));
    }
    out.extend_from_slice(b"+OK Begin TLS\r\n");
    Ok(Step::StartTls)
}

// -- at any time ----------------------------------------------------------------------------------------------------

/// Tells only what would work now (RFC 2449 §5, RFC 2595 §2.1).
fn capa(session: &mut Session, args: &[u8], out: &mut Vec<u8>) -> Done {
    no_arguments(args)?;
    out.extend_from_slice(b"+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\n");
    if session.login_allowed().is_ok() {
        out.extend_from_slice(b"USER\r\nSASL PLAIN\r\n");
    }
    if session.settings.stls && !session.encrypted && !matches!(session.state, State::Transaction { .. }) {
        out.extend_from_slice(b"STLS\r\n");
    }
    out.extend_from_slice(b"IMPLEMENTATION Pillarbox\r\n.\r\n");
    Ok(Step::Next)
}

fn quit(session: &mut Session, args: &[u8], out: &mut Vec<u8>) -> Done {
    no_arguments(args)?;
    let before = std::mem::replace(&mut session.state, State::Update { maildrop: Maildrop::default() });
    if let State::Transaction { maildrop, .. } = before
        && maildrop.has_marks()
    {
        session.state = State::Update { maildrop };
        return Ok(Step::Commit);
    }
    out.extend_from_slice(b"+OK Goodbye\r\n");
    Ok(Step::Close)
}

// -- on the mailbox -------------------------------------------------------------------------------------------------

fn stat(maildrop: &mut Maildrop, args: Args, out: &mut Vec<u8>) -> Result<Next, Refusal> {
    let (None, None) = args else { return Err(BAD_ARGUMENTS) };
    let (count, size) = maildrop.total();
    out.extend_from_slice(b"+OK ");
    number::decimal(count, out);
    out.push(b' ');
    number::decimal(size, out);
    out.extend_from_slice(b"\r\n");
    Ok(Next::Step(Step::Next))
}

fn list(maildrop: &mut Maildrop, args: Args, out: &mut Vec<u8>) -> Result<Next, Refusal> {
    listing(maildrop, Kind::Sizes, args, out)
}

fn uidl(maildrop: &mut Maildrop, args: Args, out: &mut Vec<u8>) -> Result<Next, Refusal> {
    listing(maildrop, Kind::UniqueIds, args, out)
}

fn listing(maildrop: &Maildrop, kind: Kind, args: Args, out: &mut Vec<u8>) -> Result<Next, Refusal> {
    match args {
        (None, None) => {
            out.extend_from_slice(b"+OK\r\n");
            Ok(Next::List(kind))
        }
        (Some(number), None) => {
            let message = maildrop.message(number).ok_or(NO_MESSAGE)?;
            out.extend_from_slice(b"+OK ");
            maildrop.write_line(kind, u64::from(number), &message, out);
            Ok(Next::Step(Step::Next))
        }
        _ => Err(BAD_ARGUMENTS),
    }
}

fn retr(maildrop: &mut Maildrop, args: Args, _out: &mut Vec<u8>) -> Result<Next, Refusal> {
    let (Some(number), None) = args else { return Err(BAD_ARGUMENTS) };
    let message = maildrop.message(number).ok_or(NO_MESSAGE)?;
    Ok(Next::Step(Step::Message(Retrieval { message, lines: None })))
}

fn top(maildrop: &mut Maildrop, args: Args, _out: &mut Vec<u8>) -> Result<Next, Refusal> {
    let (Some(number), Some(lines)) = args else { return Err(BAD_ARGUMENTS) };
    let message = maildrop.message(number).ok_or(NO_MESSAGE)?;
    Ok(Next::Step(Step::Message(Retrieval { message, lines: Some(lines) })))
}

fn dele(maildrop: &mut Maildrop, args: Args, out: &mut Vec<u8>) -> Result<Next, Refusal> {
    let (Some(number), None) = args else { return Err(BAD_ARGUMENTS) };
    if !maildrop.mark(number) {
        return Err(NO_MESSAGE);
    }
    out.extend_from_slice(b"+OK Marked\r\n");
    Ok(Next::Step(Step::Next))
}

fn rset(maildrop: &mut Maildrop, args: Args, out: &mut Vec<u8>) -> Result<Next, Refusal> {
    let (None, None) = args else { return Err(BAD_ARGUMENTS) };
    maildrop.unmark_all();
    out.extend_from_slice(b"+OK Nothing is marked\r\n");
    Ok(Next::Step(Step::Next))
}

fn noop(_maildrop: &mut Maildrop, _args: Args, out: &mut Vec<u8>) -> Result<Next, Refusal> {
    out.extend_from_slice(b"+OK\r\n");
    Ok(Next::Step(Step::Next))
}

// -- arguments ------------------------------------------------------------------------------------------------------

fn no_arguments(args: &[u8]) -> Result<(), Refusal> {
    if args.trim_ascii().is_empty() { Ok(()) } else { Err(BAD_ARGUMENTS) }
}

/// Up to two numbers and nothing else.
fn numbers(args: &[u8]) -> Option<Args> {
    let mut words = args.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let mut next = || words.next().map(|word| number::parse(word).ok_or(())).transpose();
    let (Ok(first), Ok(second), Ok(None)) = (next(), next(), next()) else { return None };
    Some((first, second))
}
