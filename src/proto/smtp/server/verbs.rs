//! The commands: one table of verbs, and what each reads.
//!
//! A command's way: the table says what must have happened before it (*needs*); its *check* reads and judges it and
//! changes nothing; then it proceeds (`proceed.rs`). What the shell is asked, and what scripts will be asked, stands
//! between check and proceed.

use super::auth::Mechanism;
use super::path::{self, Mail};
use super::reply::Reply;
use super::{LoginPolicy, Lookups, Queue, Session};
use crate::mail::Recipient;

/// A command that has passed its check.
#[derive(Debug)]
pub(super) enum Command {
    Hello(Hello),
    Mail(Mail),
    Recipient(Recipient),
    Data,
    Chunk {
        size: u64,
        last: bool,
    },
    Reset,
    Noop,
    /// Nothing is told.
    CannotVerify,
    Verify(String),
    Expand(String),
    StartQueue(Queue),
    Help,
    Quit,
    StartTls,
    Login {
        mechanism: Mechanism,
        initial: Option<String>,
    },
}

/// How the client has introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub name: String,
    /// `EHLO`.
    pub extended: bool,
}

/// Longest name of a client, bytes.
const MAX_NAME: usize = 255;

pub(super) struct Verb {
    word: &'static str,
    needs: Needs,
    pub(super) check: fn(&Session, &str) -> Result<Command, Reply>,
}

/// What must have happened before, in this order, where the service demands it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    Nothing,
    /// Encryption, on services that require it.
    Encryption,
    /// And `EHLO` or `HELO`.
    Hello,
    /// And a login, on services that require it.
    Login,
}

const VERBS: [Verb; 15] = [
    Verb { word: "MAIL", needs: Needs::Login, check: mail },
    Verb { word: "RCPT", needs: Needs::Login, check: recipient },
    Verb { word: "DATA", needs: Needs::Login, check: data },
    Verb { word: "BDAT", needs: Needs::Nothing, check: chunk },
    Verb { word: "EHLO", needs: Needs::Nothing, check: |session, name| hello(session, name, true) },
    Verb { word: "HELO", needs: Needs::Nothing, check: |session, name| hello(session, name, false) },
    Verb { word: "QUIT", needs: Needs::Nothing, check: |_, _| Ok(Command::Quit) },
    Verb { word: "RSET", needs: Needs::Nothing, check: |_, _| Ok(Command::Reset) },
    Verb { word: "NOOP", needs: Needs::Nothing, check: |_, _| Ok(Command::Noop) },
    Verb { word: "STARTTLS", needs: Needs::Hello, check: start_tls },
    Verb { word: "AUTH", needs: Needs::Hello, check: login },
    Verb { word: "VRFY", needs: Needs::Login, check: verify },
    Verb { word: "EXPN", needs: Needs::Login, check: expand },
    Verb { word: "ETRN", needs: Needs::Login, check: start_queue },
    Verb { word: "HELP", needs: Needs::Nothing, check: |_, _| Ok(Command::Help) },
];

impl Verb {
    pub(super) fn by_word(word: &str) -> Option<&'static Verb> {
        VERBS.iter().find(|verb| verb.word.eq_ignore_ascii_case(word))
    }

    /// Whether it is time for this verb.
    pub(super) fn may_come(&self, session: &Session) -> Result<(), Reply> {
        let settings = &session.settings;
        // STARTTLS is how the need is met.
        if self.needs >= Needs::Encryption && settings.require_tls && !session.encrypted && self.word != "STARTTLS" {
            return Err(Reply::tls_first());
        }
        if self.needs >= Needs::Hello && session.hello.is_none() {
            return Err(Reply::out_of_order("Send EHLO or HELO first"));
        }
        if self.needs >= Needs::Login && !session.may_mail() {
            return Err(Reply::login_first());
        }
        Ok(())
    }
}

/// Methods of HTTP. A page in somebody's browser can make it speak to this port; the body of its request would be
/// read as commands.
pub(super) fn is_web(word: &str) -> bool {
    ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH"].contains(&word)
}

fn hello(session: &Session, argument: &str, extended: bool) -> Result<Command, Reply> {
    let name = argument.split_ascii_whitespace().next().unwrap_or("");
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Reply::syntax("Syntax: EHLO your.host.name"));
    }
    let unwanted = &session.settings.refuse_hello;
    if !unwanted.is_empty() && name.to_lowercase().contains(unwanted.as_str()) {
        return Err(Reply::unwanted_name());
    }
    Ok(Command::Hello(Hello { name: name.to_string(), extended }))
}

fn mail(session: &Session, argument: &str) -> Result<Command, Reply> {
    if session.transaction.is_some() {
        return Err(Reply::out_of_order("Sender was given already"));
    }
    let mail = path::read_mail(argument, session.settings.dsn)?;
    let limit = session.settings.max_size;
    if limit != 0 && mail.size.is_some_and(|size| size > limit) {
        return Err(Reply::too_large());
    }
    Ok(Command::Mail(mail))
}

fn recipient(session: &Session, argument: &str) -> Result<Command, Reply> {
    let Some(transaction) = &session.transaction else { return Err(Reply::out_of_order("Send MAIL first")) };
    if transaction.chunks.is_some() {
        return Err(Reply::out_of_order("The message has begun"));
    }
    let recipient = path::read_recipient(argument, session.settings.dsn, transaction.mail.smtputf8)?;
    if session.settings.refuse_percent && recipient.address.local().contains('%') {
        return Err(Reply::percent());
    }
    if transaction.recipients >= session.settings.max_recipients {
        return Err(Reply::too_many_recipients());
    }
    Ok(Command::Recipient(recipient))
}

fn data(session: &Session, argument: &str) -> Result<Command, Reply> {
    match &session.transaction {
        _ if !argument.is_empty() => Err(Reply::syntax("Syntax: DATA")),
        None => Err(Reply::out_of_order("Send MAIL first")),
        Some(transaction) if transaction.chunks.is_some() => {
            Err(Reply::out_of_order("The message has begun with BDAT"))
        }
        Some(transaction) if transaction.recipients == 0 => Err(Reply::no_recipients()),
        Some(_) => Ok(Command::Data),
    }
}

fn verify(session: &Session, argument: &str) -> Result<Command, Reply> {
    match session.settings.lookups {
        Lookups::Off => Ok(Command::CannotVerify),
        Lookups::Denied => Err(Reply::lookup_denied()),
        Lookups::On if argument.is_empty() => Err(Reply::syntax("Syntax: VRFY address")),
        Lookups::On => Ok(Command::Verify(argument.to_string())),
    }
}

fn expand(session: &Session, argument: &str) -> Result<Command, Reply> {
    match session.settings.lookups {
        Lookups::Off => Err(Reply::not_implemented()),
        Lookups::Denied => Err(Reply::lookup_denied()),
        Lookups::On if argument.is_empty() => Err(Reply::syntax("Syntax: EXPN address")),
        Lookups::On => Ok(Command::Expand(argument.to_string())),
    }
}

/// `ETRN domain`, or `ETRN @domain` for its subdomains too (RFC 1985 §5.3). Queues with names of their own, `#name`, there
/// are none of.
fn start_queue(session: &Session, argument: &str) -> Result<Command, Reply> {
    if !session.settings.etrn {
        return Err(Reply::not_implemented());
    }
    if session.transaction.is_some() {
        return Err(Reply::out_of_order("Not within a mail"));
    }
    let (name, with_subdomains) = match argument.strip_prefix('@') {
        Some(name) => (name, true),
        None => (argument, false),
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(letters) {
        return Err(Reply::syntax("Syntax: ETRN domain"));
    }
    Ok(Command::StartQueue(Queue { domain: name.to_ascii_lowercase(), with_subdomains }))
}

/// Only the grammar: whatever is wrong otherwise, the chunk's bytes must be read first. They are not known when the
/// grammar is wrong, so that then the session ends.
fn chunk(_: &Session, argument: &str) -> Result<Command, Reply> {
    let mut words = argument.split_ascii_whitespace();
    let size = words.next().filter(|digits| digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let size = size.and_then(|digits| digits.parse().ok()).ok_or(Reply::bad_chunk())?;
    match (words.next(), words.next()) {
        (None, _) => Ok(Command::Chunk { size, last: false }),
        (Some(word), None) if word.eq_ignore_ascii_case("LAST") => Ok(Command::Chunk { size, last: true }),
        _ => Err(Reply::bad_chunk()),
    }
}

fn start_tls(session: &Session, argument: &str) -> Result<Command, Reply> {
    if session.encrypted {
        return Err(Reply::out_of_order("TLS is active already"));
    }
    if !session.settings.starttls {
        return Err(Reply::not_implemented());
    }
    if !argument.is_empty() {
        return Err(Reply::syntax("Syntax: STARTTLS"));
    }
    Ok(Command::StartTls)
}

fn login(session: &Session, argument: &str) -> Result<Command, Reply> {
    if session.settings.login == LoginPolicy::Off {
        return Err(Reply::not_implemented());
    }
    if session.login.is_some() {
        return Err(Reply::out_of_order("Logged in already"));
    }
    if session.transaction.is_some() {
        return Err(Reply::out_of_order("Not within a mail"));
    }
    let mut words = argument.split_ascii_whitespace();
    let (Some(name), initial, None) = (words.next(), words.next(), words.next()) else {
        return Err(Reply::syntax("Syntax: AUTH mechanism [response]"));
    };
    let mechanism = Mechanism::by_name(name).ok_or(Reply::unknown_mechanism())?;
    if mechanism == Mechanism::CramMd5 && !session.settings.cram_md5 {
        return Err(Reply::unknown_mechanism());
    }
    if mechanism.shows_password() && !session.may_show_password() {
        return Err(Reply::mechanism_needs_tls());
    }
    if mechanism == Mechanism::CramMd5 && initial.is_some() {
        return Err(Reply::syntax("CRAM-MD5 has no initial response"));
    }
    Ok(Command::Login { mechanism, initial: initial.map(str::to_string) })
}
