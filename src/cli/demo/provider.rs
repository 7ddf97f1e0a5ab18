//! The office's provider in small: a POP3 mailbox with mails for the office, and a smarthost that takes what the office
//! sends. Written from the standards (RFC 1939, RFC 5321) with nothing of the box in it, so that it can judge the box.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// The login at both.
pub const USER: &str = "office";
pub const PASSWORD: &str = "demo-password";

const SILENCE: Duration = Duration::from_secs(120);

/// What has happened at the provider.
pub enum Event {
    /// The box has taken this mail and deleted it here.
    Collected(Vec<u8>),
    /// The smarthost has taken this mail.
    Relayed(Vec<u8>),
}

pub struct Provider {
    pub pop3: SocketAddr,
    pub smtp: SocketAddr,
    pub events: Receiver<Event>,
    mailbox: Arc<Mutex<Mailbox>>,
}

#[derive(Default)]
struct Mailbox {
    next: u32,
    /// With the number that makes the UID.
    mails: Vec<(u32, Arc<[u8]>)>,
}

impl Provider {
    pub fn start() -> io::Result<Provider> {
        let (events, received) = mpsc::channel();
        let mailbox = Arc::new(Mutex::new(Mailbox::default()));
        let (shared, tell) = (mailbox.clone(), events.clone());
        let pop3 = listen(move |stream| pop3_session(stream, &shared, &tell))?;
        let smtp = listen(move |stream| smtp_session(stream, &events))?;
        Ok(Provider { pop3, smtp, events: received, mailbox })
    }

    /// A mail for the office.
    pub fn arrive(&self, mail: &[u8]) {
        let mut mailbox = lock(&self.mailbox);
        mailbox.next += 1;
        let number = mailbox.next;
        mailbox.mails.push((number, mail.into()));
    }
}

fn lock(mailbox: &Mutex<Mailbox>) -> MutexGuard<'_, Mailbox> {
    mailbox.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A thread for each connection; they end with the program.
fn listen(session: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let session = Arc::new(session);
    thread::Builder::new().name("provider".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = session.clone();
            let _ = thread::Builder::new().spawn(move || {
                let ready = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(SILENCE)));
                if let Err(error) = ready.and_then(|()| session(stream)) {
                    log::debug!("provider: {error}");
                }
            });
        }
    })?;
    Ok(address)
}

/// A line without its end; `None` when the client has left.
fn line(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.by_ref().take(64 * 1024).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(line))
}

/// Sends when the client waits for us, so that a pipelining client gets many answers in one piece.
fn send(reader: &mut BufReader<TcpStream>, out: &mut Vec<u8>) -> io::Result<()> {
    if reader.buffer().is_empty() || out.len() > 256 * 1024 {
        reader.get_mut().write_all(out)?;
        out.clear();
    }
    Ok(())
}

fn pop3_session(stream: TcpStream, mailbox: &Mutex<Mailbox>, events: &Sender<Event>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut out = b"+OK provider\r\n".to_vec();
    let mails = lock(mailbox).mails.clone();
    let mut deleted = vec![false; mails.len()];
    let (mut user, mut logged_in) = (String::new(), false);
    loop {
        send(&mut reader, &mut out)?;
        let Some(line) = line(&mut reader)? else { return Ok(()) };
        let text = String::from_utf8_lossy(&line).into_owned();
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let mut words = rest.split_whitespace().map(|word| word.parse::<usize>().unwrap_or(0));
        let index = words.next().map(|number| number.wrapping_sub(1));
        let here = |index: &usize| deleted.get(*index) == Some(&false);
        match (verb.to_ascii_uppercase().as_str(), index) {
            ("CAPA", _) => out.extend_from_slice(b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n"),
            ("USER", _) => {
                user = rest.to_string();
                out.extend_from_slice(b"+OK\r\n");
            }
            ("PASS", _) if user == USER && rest == PASSWORD => {
                logged_in = true;
                out.extend_from_slice(b"+OK\r\n");
            }
            ("QUIT", _) => {
                out.extend_from_slice(b"+OK\r\n");
                reader.get_mut().write_all(&out)?;
                let taken = mails.iter().zip(&deleted).filter(|(_, deleted)| **deleted);
                for (mail, _) in taken {
                    lock(mailbox).mails.retain(|(number, _)| *number != mail.0);
                    let _ = events.send(Event::Collected(mail.1.to_vec()));
                }
                return Ok(());
            }
            _ if !logged_in => out.extend_from_slice(b"-ERR log in first\r\n"),
            ("STAT", _) => {
                let sizes: Vec<usize> = (0..mails.len()).filter(here).map(|index| mails[index].1.len()).collect();
                out.extend_from_slice(format!("+OK {} {}\r\n", sizes.len(), sizes.iter().sum::<usize>()).as_bytes());
            }
            (verb @ ("LIST" | "UIDL"), None) => {
                out.extend_from_slice(b"+OK\r\n");
                for index in (0..mails.len()).filter(here) {
                    out.extend_from_slice(format!("{} {}\r\n", index + 1, about(verb, &mails[index])).as_bytes());
                }
                out.extend_from_slice(b".\r\n");
            }
            (verb @ ("LIST" | "UIDL"), Some(index)) if here(&index) => {
                out.extend_from_slice(format!("+OK {} {}\r\n", index + 1, about(verb, &mails[index])).as_bytes());
            }
            ("RETR", Some(index)) if here(&index) => stuffed(&mails[index].1, usize::MAX, &mut out),
            ("TOP", Some(index)) if here(&index) => stuffed(&mails[index].1, words.next().unwrap_or(0), &mut out),
            ("DELE", Some(index)) if here(&index) => {
                deleted[index] = true;
                out.extend_from_slice(b"+OK\r\n");
            }
            ("RSET", _) => {
                deleted.fill(false);
                out.extend_from_slice(b"+OK\r\n");
            }
            ("NOOP", _) => out.extend_from_slice(b"+OK\r\n"),
            _ => out.extend_from_slice(b"-ERR\r\n"),
        }
    }
}

fn about(verb: &str, (number, mail): &(u32, Arc<[u8]>)) -> String {
    if verb == "LIST" { mail.len().to_string() } else { format!("demo-{number}") }
}

/// The header and `body_lines` lines of the body, with dots doubled, and the dot that ends it.
fn stuffed(mail: &[u8], body_lines: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK\r\n");
    let (mut in_body, mut left) = (false, body_lines);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if in_body {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        in_body |= line == b"\r\n";
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
}

fn smtp_session(stream: TcpStream, events: &Sender<Event>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut out = b"220 provider.example ESMTP\r\n".to_vec();
    let mut recipients: Option<u32> = None;
    let mut logged_in = false;
    loop {
        send(&mut reader, &mut out)?;
        let Some(line) = line(&mut reader)? else { return Ok(()) };
        let text = String::from_utf8_lossy(&line).into_owned();
        let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match (verb.as_str(), &mut recipients) {
            ("EHLO", _) => out.extend_from_slice(
                b"250-provider.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 52428800\r\n250 AUTH PLAIN\r\n",
            ),
            ("HELO" | "NOOP", _) => out.extend_from_slice(b"250 2.0.0 ok\r\n"),
            ("AUTH", _) => {
                logged_in = right_login(&text);
                let reply: &[u8] = if logged_in { b"235 2.7.0 welcome\r\n" } else { b"535 5.7.8 no\r\n" };
                out.extend_from_slice(reply);
            }
            ("RSET", _) => {
                recipients = None;
                out.extend_from_slice(b"250 2.0.0 ok\r\n");
            }
            ("QUIT", _) => {
                out.extend_from_slice(b"221 2.0.0 bye\r\n");
                return reader.get_mut().write_all(&out);
            }
            _ if !logged_in => out.extend_from_slice(b"530 5.7.0 log in first\r\n"),
            ("MAIL", None) => {
                recipients = Some(0);
                out.extend_from_slice(b"250 2.1.0 ok\r\n");
            }
            ("RCPT", Some(count)) => {
                *count += 1;
                out.extend_from_slice(b"250 2.1.5 ok\r\n");
            }
            ("DATA", Some(1..)) => {
                out.extend_from_slice(b"354 go on\r\n");
                reader.get_mut().write_all(&out)?;
                out.clear();
                let Some(mail) = data(&mut reader)? else { return Ok(()) };
                let _ = events.send(Event::Relayed(mail));
                recipients = None;
                out.extend_from_slice(b"250 2.0.0 taken\r\n");
            }
            _ => out.extend_from_slice(b"503 5.5.1 not now\r\n"),
        }
    }
}

fn right_login(command: &str) -> bool {
    use base64::Engine;
    let initial = command.rsplit(' ').next().unwrap_or_default();
    let expected = format!("\0{USER}\0{PASSWORD}");
    base64::engine::general_purpose::STANDARD.decode(initial).is_ok_and(|given| given == expected.as_bytes())
}

/// Up to the dot; `None` when the client has left before it.
fn data(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut mail = Vec::new();
    loop {
        let start = mail.len();
        reader.read_until(b'\n', &mut mail)?;
        match &mail[start..] {
            b".\r\n" => {
                mail.truncate(start);
                return Ok(Some(mail));
            }
            [b'.', ..] => drop(mail.remove(start)),
            [.., b'\n'] => {}
            _ => return Ok(None),
        }
    }
}
