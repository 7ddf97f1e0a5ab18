//! The mailbox, over POP3 (RFC 1939, RFC 2449). What is deleted goes at QUIT.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use super::{Event, Mailbox, PASSWORD, USER, line, lock, send};

pub fn session(stream: TcpStream, mailbox: &Mutex<Mailbox>, events: &Sender<Event>) -> io::Result<()> {
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
        // A mail that is still there, and all of them.
        let here = |index: usize| mails.get(index).filter(|_| deleted.get(index) == Some(&false));
        let all = || (0..mails.len()).filter_map(|index| Some((index + 1, here(index)?)));
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
                let size: usize = all().map(|(_, mail)| mail.1.len()).sum();
                out.extend_from_slice(format!("+OK {} {size}\r\n", all().count()).as_bytes());
            }
            (verb @ ("LIST" | "UIDL"), None) => {
                out.extend_from_slice(b"+OK\r\n");
                for (number, mail) in all() {
                    out.extend_from_slice(format!("{number} {}\r\n", about(verb, mail)).as_bytes());
                }
                out.extend_from_slice(b".\r\n");
            }
            (verb @ ("LIST" | "UIDL"), Some(index)) => match here(index) {
                Some(mail) => out.extend_from_slice(format!("+OK {} {}\r\n", index + 1, about(verb, mail)).as_bytes()),
                None => out.extend_from_slice(b"-ERR\r\n"),
            },
            (verb @ ("RETR" | "TOP"), Some(index)) => match here(index) {
                Some(mail) if verb == "RETR" => stuffed(&mail.1, usize::MAX, &mut out),
                Some(mail) => stuffed(&mail.1, words.next().unwrap_or(0), &mut out),
                None => out.extend_from_slice(b"-ERR\r\n"),
            },
            ("DELE", Some(index)) => match deleted.get_mut(index) {
                Some(deleted) if !*deleted => {
                    *deleted = true;
                    out.extend_from_slice(b"+OK\r\n");
                }
                _ => out.extend_from_slice(b"-ERR\r\n"),
            },
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
