//! A provider of mail for a set-up: a POP3 and an SMTP server that know one password and speak in clear.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub const PASSWORD: &str = "right horse";

pub struct Provider {
    pub pop3: u16,
    pub smtp: u16,
    /// Mails that were sent through it.
    pub sent: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    pub fn start() -> Provider {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = sent.clone();
        Provider { pop3: listen(pop3), smtp: listen(move |lines, stream| smtp(lines, stream, &kept)), sent }
    }
}

type Lines = std::io::Lines<BufReader<TcpStream>>;

fn listen(serve: impl Fn(Lines, TcpStream) -> Option<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (serve, lines) = (serve.clone(), BufReader::new(stream.try_clone().unwrap()).lines());
            std::thread::spawn(move || serve(lines, stream));
        }
    });
    port
}

fn say(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).ok()
}

fn pop3(lines: Lines, mut stream: TcpStream) -> Option<()> {
    say(&mut stream, "+OK POP3")?;
    for line in lines.map_while(Result::ok) {
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "CAPA" => say(&mut stream, "+OK\r\nUSER\r\nUIDL\r\n.")?,
            "PASS" if line[5..] != *PASSWORD => say(&mut stream, "-ERR [AUTH] wrong password")?,
            "USER" | "PASS" => say(&mut stream, "+OK")?,
            "LIST" | "UIDL" => say(&mut stream, "+OK\r\n.")?,
            "QUIT" => return say(&mut stream, "+OK"),
            _ => say(&mut stream, "-ERR")?,
        }
    }
    Some(())
}

fn smtp(mut lines: Lines, mut stream: TcpStream, sent: &Mutex<Vec<String>>) -> Option<()> {
    say(&mut stream, "220 relay ESMTP")?;
    while let Some(Ok(line)) = lines.next() {
        let verb: String = line.split(' ').next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => say(&mut stream, "250-relay\r\n250 AUTH PLAIN")?,
            "AUTH" => {
                use base64::Engine;
                let given = line.split(' ').nth(2).unwrap_or_default();
                let text = base64::engine::general_purpose::STANDARD.decode(given).unwrap_or_default();
                let good = text.ends_with(PASSWORD.as_bytes());
                say(&mut stream, if good { "235 welcome" } else { "535 5.7.8 wrong password" })?;
            }
            "DATA" => {
                say(&mut stream, "354 go")?;
                let mail: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                sent.lock().unwrap().push(mail.join("\n"));
                say(&mut stream, "250 taken")?;
            }
            "QUIT" => return say(&mut stream, "221 bye"),
            _ => say(&mut stream, "250 ok")?,
        }
    }
    Some(())
}
