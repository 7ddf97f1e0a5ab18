//! The POP3 server with a full mailbox: the provider's part.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use crate::message::{Sizes, message};
use crate::options::Options;
use crate::wire::Wire;

struct Mailbox {
    user: String,
    password: String,
    pipelining: bool,
    sizes: Sizes,
    /// By message: still there. Deletions come into force at QUIT.
    there: Mutex<Vec<bool>>,
}

/// A session after login: the messages it sees, and which of them it has marked for deletion.
struct Session {
    numbers: Vec<usize>,
    deleted: Vec<bool>,
}

pub fn run(mut options: Options) -> Result<(), String> {
    let listen = options.needed("listen")?;
    let login = options.text("login").unwrap_or_else(|| "bob:pw".to_string());
    let (user, password) = login.split_once(':').ok_or("--login is USER:PASSWORD")?;
    let count: usize = options.number("messages")?.unwrap_or(1000);
    let mailbox = Arc::new(Mailbox {
        user: user.to_string(),
        password: password.to_string(),
        pipelining: !options.switch("no-pipelining"),
        sizes: Sizes::parse(&options.text("size").unwrap_or_else(|| "4096".to_string()))?,
        there: Mutex::new(vec![true; count]),
    });
    options.done()?;
    let listener = TcpListener::bind(&listen).map_err(|error| format!("{listen}: {error}"))?;
    println!("{count} messages on {}", listener.local_addr().map_err(|error| error.to_string())?);
    let (emptied, wait) = mpsc::channel();
    thread::spawn(move || {
        let mut first = None;
        for stream in listener.incoming().flatten() {
            let started = *first.get_or_insert_with(Instant::now);
            let (mailbox, emptied) = (mailbox.clone(), emptied.clone());
            thread::spawn(move || {
                mailbox.session(stream);
                if !mailbox.there().contains(&true) {
                    let _ = emptied.send(started.elapsed());
                }
            });
        }
    });
    if let Ok(took) = wait.recv() {
        let seconds = took.as_secs_f64();
        println!("collected {count} in {seconds:.2} s: {:.1}/s", count as f64 / seconds);
    }
    Ok(())
}

impl Mailbox {
    fn there(&self) -> MutexGuard<'_, Vec<bool>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self, stream: TcpStream) {
        // A collector that leaves in the middle has deleted nothing.
        let _ = Wire::new(stream).and_then(|wire| self.serve(wire));
    }

    fn serve(&self, mut wire: Wire) -> io::Result<()> {
        wire.send(b"+OK provider ready\r\n")?;
        let mut user = String::new();
        let mut session = None;
        let mut replies = Vec::new();
        loop {
            let Some(line) = wire.line()? else { return Ok(()) };
            let line = String::from_utf8_lossy(line).into_owned();
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            match (verb.to_ascii_uppercase().as_str(), &mut session) {
                ("CAPA", _) => {
                    let pipelining = if self.pipelining { "PIPELINING\r\n" } else { "" };
                    replies.extend_from_slice(format!("+OK\r\nUSER\r\nTOP\r\nUIDL\r\n{pipelining}.\r\n").as_bytes());
                }
                ("USER", None) => {
                    user = argument.to_string();
                    replies.extend_from_slice(b"+OK\r\n");
                }
                ("PASS", None) if user == self.user && argument == self.password => {
                    session = Some(self.open());
                    replies.extend_from_slice(b"+OK\r\n");
                }
                ("QUIT", session) => {
                    if let Some(session) = session {
                        self.delete(session);
                    }
                    replies.extend_from_slice(b"+OK\r\n");
                    return wire.send(&replies);
                }
                (verb, Some(session)) => self.command(session, verb, argument, &mut replies),
                _ => replies.extend_from_slice(b"-ERR not now\r\n"),
            }
            if !wire.has_more() || replies.len() > 256 * 1024 {
                wire.send(&std::mem::take(&mut replies))?;
            }
        }
    }

    fn open(&self) -> Session {
        let numbers: Vec<usize> =
            self.there().iter().enumerate().filter(|(_, there)| **there).map(|(number, _)| number).collect();
        let deleted = vec![false; numbers.len()];
        Session { numbers, deleted }
    }

    fn delete(&self, session: &Session) {
        let mut there = self.there();
        for (&number, _) in session.numbers.iter().zip(&session.deleted).filter(|(_, deleted)| **deleted) {
            there[number] = false;
        }
    }

    fn command(&self, session: &mut Session, verb: &str, argument: &str, out: &mut Vec<u8>) {
        let chosen = argument
            .split(' ')
            .next()
            .and_then(|word| word.parse::<usize>().ok())
            .and_then(|place| place.checked_sub(1));
        let known = chosen.filter(|&place| session.deleted.get(place) == Some(&false));
        match (verb, known) {
            ("STAT", _) => {
                let bytes: usize = session.left().map(|(_, number)| self.sizes.of(number)).sum();
                out.extend_from_slice(format!("+OK {} {bytes}\r\n", session.left().count()).as_bytes());
            }
            ("LIST", None) if argument.is_empty() => listing(session, out, |number| self.sizes.of(number).to_string()),
            ("UIDL", None) if argument.is_empty() => listing(session, out, |number| format!("load{number:08}")),
            ("LIST", Some(place)) => {
                let size = self.sizes.of(session.numbers[place]);
                out.extend_from_slice(format!("+OK {} {size}\r\n", place + 1).as_bytes());
            }
            ("UIDL", Some(place)) => {
                let number = session.numbers[place];
                out.extend_from_slice(format!("+OK {} load{number:08}\r\n", place + 1).as_bytes());
            }
            ("RETR" | "TOP", Some(place)) => {
                let number = session.numbers[place];
                let whole =
                    message(&format!("p.{number}"), "sender@provider.test", "bob@sink.test", self.sizes.of(number));
                let lines = argument.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
                out.extend_from_slice(b"+OK\r\n");
                out.extend_from_slice(if verb == "TOP" { top(&whole, lines) } else { &whole });
                out.extend_from_slice(b".\r\n");
            }
            ("DELE", Some(place)) => {
                session.deleted[place] = true;
                out.extend_from_slice(b"+OK\r\n");
            }
            ("RSET", _) => {
                session.deleted.fill(false);
                out.extend_from_slice(b"+OK\r\n");
            }
            ("NOOP", _) => out.extend_from_slice(b"+OK\r\n"),
            _ => out.extend_from_slice(b"-ERR no\r\n"),
        }
    }
}

impl Session {
    /// Place in the session and number in the mailbox of what is not deleted.
    fn left(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let all = self.numbers.iter().zip(&self.deleted).enumerate();
        all.filter(|(_, (_, deleted))| !**deleted).map(|(place, (&number, _))| (place, number))
    }
}

fn listing(session: &Session, out: &mut Vec<u8>, what: impl Fn(usize) -> String) {
    out.extend_from_slice(b"+OK\r\n");
    for (place, number) in session.left() {
        out.extend_from_slice(format!("{} {}\r\n", place + 1, what(number)).as_bytes());
    }
    out.extend_from_slice(b".\r\n");
}

/// The header, the blank line, and so many lines of the body.
fn top(message: &[u8], lines: usize) -> &[u8] {
    let body = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    let ends = message[body..].iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| body + at + 1);
    let end = std::iter::once(body).chain(ends).take(lines.saturating_add(1)).last().unwrap_or(body);
    &message[..end]
}

#[cfg(test)]
mod tests {
    use super::top;

    #[test]
    fn top_cuts_after_lines() {
        let message = b"A: b\r\n\r\none\r\ntwo\r\n";
        assert_eq!(top(message, 0), b"A: b\r\n\r\n");
        assert_eq!(top(message, 1), b"A: b\r\n\r\none\r\n");
        assert_eq!(top(message, usize::MAX), message);
    }
}
