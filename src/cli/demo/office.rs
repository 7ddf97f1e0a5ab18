//! The office in small: a mail program that sends over SMTP and reads its mailbox over POP3, one command at a time.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

pub const USER: &str = "anna";
pub const PASSWORD: &str = "anna-demo";

const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with line-wise replies.
struct Talk {
    reader: BufReader<TcpStream>,
}

impl Talk {
    fn start(address: SocketAddr) -> anyhow::Result<Talk> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Talk { reader: BufReader::new(stream) })
    }

    fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            bail!("the box has closed the connection");
        }
        Ok(line)
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.reader.get_mut().write_all(bytes)?)
    }

    /// The reply's last line, which must start with `expected`.
    fn expect(&mut self, expected: &str) -> anyhow::Result<String> {
        loop {
            let line = String::from_utf8_lossy(&self.line()?).into_owned();
            if line.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            if !line.starts_with(expected) {
                bail!("the box said {:?}", line.trim_end());
            }
            return Ok(line);
        }
    }

    fn ask(&mut self, command: &str, expected: &str) -> anyhow::Result<String> {
        self.write(format!("{command}\r\n").as_bytes())?;
        self.expect(expected).with_context(|| command.to_string())
    }
}

/// Sends one mail; `Ok` is the box's 250.
pub fn send(smtp: SocketAddr, to: &str, mail: &[u8]) -> anyhow::Result<()> {
    let mut talk = Talk::start(smtp)?;
    talk.expect("220")?;
    talk.ask("EHLO desk.office.example", "250")?;
    talk.ask(&format!("MAIL FROM:<{USER}@office.example> BODY=8BITMIME"), "250")?;
    talk.ask(&format!("RCPT TO:<{to}>"), "250")?;
    talk.ask("DATA", "354")?;
    let mut stuffed = Vec::with_capacity(mail.len() + 64);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    stuffed.extend_from_slice(b".\r\n");
    talk.write(&stuffed)?;
    talk.expect("250")?;
    talk.ask("QUIT", "221")?;
    Ok(())
}

fn log_in(pop3: SocketAddr) -> anyhow::Result<(Talk, usize)> {
    let mut talk = Talk::start(pop3)?;
    talk.expect("+OK")?;
    talk.ask(&format!("USER {USER}"), "+OK")?;
    talk.ask(&format!("PASS {PASSWORD}"), "+OK")?;
    let stat = talk.ask("STAT", "+OK")?;
    let count = stat.split_whitespace().nth(1).and_then(|word| word.parse().ok()).context("STAT")?;
    Ok((talk, count))
}

/// How many mails are in the mailbox.
pub fn count(pop3: SocketAddr) -> anyhow::Result<usize> {
    let (mut talk, count) = log_in(pop3)?;
    talk.ask("QUIT", "+OK")?;
    Ok(count)
}

/// All mails of the mailbox.
pub fn read(pop3: SocketAddr) -> anyhow::Result<Vec<Vec<u8>>> {
    let (mut talk, count) = log_in(pop3)?;
    let mut mails = Vec::with_capacity(count);
    for number in 1..=count {
        talk.ask(&format!("RETR {number}"), "+OK")?;
        let mut mail = Vec::new();
        loop {
            let line = talk.line()?;
            match line.strip_prefix(b".") {
                Some(b"\r\n") => break,
                Some(unstuffed) => mail.extend_from_slice(unstuffed),
                None => mail.extend_from_slice(&line),
            }
        }
        mails.push(mail);
    }
    talk.ask("QUIT", "+OK")?;
    Ok(mails)
}
