//! The office's provider in small: a POP3 mailbox with mails for the office, and a smarthost that takes what the office
//! sends. Written from the standards (RFC 1939, RFC 5321) with nothing of the box in it, so that it can judge the box.

mod pop3;
mod smtp;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
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
        let pop3 = listen(move |stream| pop3::session(stream, &shared, &tell))?;
        let smtp = listen(move |stream| smtp::session(stream, &events))?;
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
