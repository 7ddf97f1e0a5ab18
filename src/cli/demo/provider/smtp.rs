//! The smarthost: takes everything after a login.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;

use super::{Event, PASSWORD, USER, line, send};

pub fn session(stream: TcpStream, events: &Sender<Event>) -> io::Result<()> {
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
