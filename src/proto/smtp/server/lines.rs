//! Command lines: found in the input, bounded, and led to their verb or to the login that is going on.

use memchr::memchr;

use super::reply::Reply;
use super::verbs::{self, Verb};
use super::{Moment, Next, Question, Request, Session, State, auth};

/// Longest command line with its CRLF, bytes: 512, and what the extensions add (RFC 5321 §4.5.3.1.4).
const MAX_LINE: usize = 2048;
/// Longest line of a login (RFC 4954 §4).
const MAX_LOGIN_LINE: usize = 12_288;
impl Session {
    pub(super) fn line<'a>(&mut self, rest: &'a [u8]) -> (usize, Option<Next<'a>>) {
        let long = matches!(self.state, State::Login(_))
            || rest.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH "));
        let limit = if long { MAX_LOGIN_LINE } else { MAX_LINE };
        let Some(end) = memchr(b'\n', rest) else {
            if rest.len() <= limit {
                return (0, Some(Next::Read));
            }
            self.state = State::LongLine;
            return (rest.len(), None);
        };
        let used = end + 1;
        if used > limit {
            self.state = State::LongLine;
            return (end, None);
        }
        let line = rest.get(..end).unwrap_or_default();
        let next = match line.strip_suffix(b"\r") {
            Some(line) if memchr(b'\r', line).is_none() => match std::str::from_utf8(line) {
                Ok(line) => self.understood(line),
                Err(_) => self.misunderstood(Reply::not_text()),
            },
            _ => self.misunderstood(Reply::bare_line_end()),
        };
        if matches!(next, Some(Next::StartTls)) {
            // Whatever came in clear behind the command is not the client's (RFC 3207 §6).
            return (rest.len(), next);
        }
        (used, next)
    }

    pub(super) fn long_line<'a>(&mut self, rest: &'a [u8]) -> (usize, Option<Next<'a>>) {
        let Some(end) = memchr(b'\n', rest) else { return (rest.len(), Some(Next::Read)) };
        (end + 1, self.misunderstood(Reply::line_too_long()))
    }

    fn misunderstood(&mut self, reply: Reply) -> Option<Next<'static>> {
        self.state = State::Command;
        self.refuse(reply)
    }

    fn understood(&mut self, line: &str) -> Option<Next<'static>> {
        if let State::Login(exchange) = std::mem::replace(&mut self.state, State::Command) {
            return match auth::respond(exchange, line) {
                Ok(turn) => self.turn(turn),
                Err(reply) => self.refuse(reply),
            };
        }
        let (word, argument) = line.split_once(' ').unwrap_or((line, ""));
        let Some(verb) = Verb::by_word(word) else {
            if verbs::is_web(word) {
                return self.close(&Reply::no_web_server());
            }
            if self.scripted {
                return self.ask(Question::Script(None), Request::Script(Moment::Unknown(line.to_string())));
            }
            return self.refuse(Reply::unknown_command());
        };
        let checked = verb.may_come(self).and_then(|()| (verb.check)(self, argument.trim_ascii()));
        match checked {
            Ok(command) => match self.moment(&command) {
                Some(moment) => self.ask(Question::Script(Some(command)), Request::Script(moment)),
                None => self.proceed(command),
            },
            Err(reply) => self.refuse(reply),
        }
    }
}
