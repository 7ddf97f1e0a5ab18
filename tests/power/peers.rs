//! The smarthost and the provider of the power test: they only remember.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A mail that says its name at both ends, so that a cut one is noticed.
pub fn mail(name: &str, size: usize) -> String {
    let mut text = format!("From: berta@example.net\r\nSubject: {name}\r\n\r\n");
    while text.len() < size {
        text.push_str("Sixty-odd characters of plain text, as offices write all day.\r\n");
    }
    text + &format!("end of {name}\r\n")
}

/// The name of a whole mail.
pub fn name(mail: &str) -> Option<String> {
    let name = mail.lines().find_map(|line| line.strip_prefix("Subject: "))?;
    mail.contains(&format!("\nend of {name}\r\n")).then(|| name.to_string())
}

fn listen(session: impl Fn(BufReader<TcpStream>) -> io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let session = Arc::new(session);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, session) = (stream.unwrap(), session.clone());
            stream.set_nodelay(true).unwrap();
            // A killed program is an error here, as it should be.
            std::thread::spawn(move || session(BufReader::new(stream)));
        }
    });
    address
}

fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

pub struct Sink {
    pub address: SocketAddr,
    arrivals: Arc<Mutex<HashMap<String, Vec<Instant>>>>,
}

impl Sink {
    pub fn start() -> Sink {
        let arrivals: Arc<Mutex<HashMap<String, Vec<Instant>>>> = Arc::default();
        let shared = arrivals.clone();
        Sink { address: listen(move |reader| smtp(reader, &shared)), arrivals }
    }

    /// When each mail came, by name.
    pub fn arrivals(&self) -> HashMap<String, Vec<Instant>> {
        self.arrivals.lock().unwrap().clone()
    }
}

fn smtp(mut reader: BufReader<TcpStream>, arrivals: &Mutex<HashMap<String, Vec<Instant>>>) -> io::Result<()> {
    reader.get_mut().write_all(b"220 sink ESMTP\r\n")?;
    loop {
        let command = line(&mut reader)?.to_ascii_uppercase();
        let reply = match command.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" => "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
            "DATA" => {
                reader.get_mut().write_all(b"354 go on\r\n")?;
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") {
                    let start = mail.len();
                    mail += &line(&mut reader)?;
                    assert!(start > 0 || !mail.starts_with(".\r\n"), "an empty mail");
                }
                let name = name(&mail).expect("a whole mail");
                arrivals.lock().unwrap().entry(name).or_default().push(Instant::now());
                std::thread::sleep(Duration::from_micros(fastrand::u64(0..3000)));
                "250 2.0.0 taken\r\n"
            }
            "QUIT" => return reader.get_mut().write_all(b"221 bye\r\n"),
            _ => "250 2.0.0 ok\r\n",
        };
        reader.get_mut().write_all(reply.as_bytes())?;
    }
}

pub struct Provider {
    pub address: SocketAddr,
    mails: Arc<Mutex<Mails>>,
}

#[derive(Default)]
struct Mails {
    arrived: u32,
    /// Numbers of those that are here.
    left: Vec<u32>,
}

impl Provider {
    pub fn start() -> Provider {
        let mails: Arc<Mutex<Mails>> = Arc::default();
        let shared = mails.clone();
        Provider { address: listen(move |reader| pop3(reader, &shared)), mails }
    }

    pub fn arrive(&self, count: u32) {
        let mut mails = self.mails.lock().unwrap();
        for _ in 0..count {
            mails.arrived += 1;
            let number = mails.arrived;
            mails.left.push(number);
        }
    }

    pub fn left(&self) -> usize {
        self.mails.lock().unwrap().left.len()
    }

    /// Of all that ever arrived.
    pub fn names(&self) -> Vec<String> {
        (1..=self.mails.lock().unwrap().arrived).map(|number| format!("collected-{number}")).collect()
    }
}

fn collected(number: u32) -> String {
    mail(&format!("collected-{number}"), if number.is_multiple_of(10) { 90_000 } else { 2000 })
}

fn pop3(mut reader: BufReader<TcpStream>, mails: &Mutex<Mails>) -> io::Result<()> {
    let here = mails.lock().unwrap().left.clone();
    let mut deleted = Vec::new();
    reader.get_mut().write_all(b"+OK provider\r\n")?;
    loop {
        let command = line(&mut reader)?;
        let mut words = command.split_whitespace();
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let number = words.next().and_then(|word| word.parse::<usize>().ok()).and_then(|n| here.get(n.wrapping_sub(1)));
        let rows = |of: fn(u32) -> String| {
            here.iter().enumerate().map(|(at, number)| format!("{} {}\r\n", at + 1, of(*number))).collect::<String>()
        };
        let reply = match (verb.as_str(), number) {
            ("CAPA", _) => "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n".to_string(),
            ("STAT", _) => format!("+OK {} {}\r\n", here.len(), here.len() * 2000),
            ("LIST", None) => format!("+OK\r\n{}.\r\n", rows(|number| collected(number).len().to_string())),
            ("UIDL", None) => format!("+OK\r\n{}.\r\n", rows(|number| format!("uid-{number}"))),
            ("RETR", Some(number)) => format!("+OK\r\n{}.\r\n", collected(*number)),
            ("DELE", Some(number)) => {
                deleted.push(*number);
                "+OK\r\n".to_string()
            }
            ("QUIT", _) => {
                mails.lock().unwrap().left.retain(|number| !deleted.contains(number));
                return reader.get_mut().write_all(b"+OK\r\n");
            }
            ("USER" | "PASS" | "NOOP", _) => "+OK\r\n".to_string(),
            _ => "-ERR\r\n".to_string(),
        };
        reader.get_mut().write_all(reply.as_bytes())?;
    }
}
