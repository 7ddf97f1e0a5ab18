//! A provider's smarthost on loopback, able to misbehave at any step.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use pillarbox::net::Stream;
use pillarbox::net::tls::ServerTls;
use smol::io::{AsyncReadExt, AsyncWriteExt};

/// A mail that got its 250.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// All after `MAIL FROM:`.
    pub from: String,
    /// All after `RCPT TO:`, of those that were taken.
    pub to: Vec<String>,
    pub body: Vec<u8>,
    /// Counted from 1.
    pub session: usize,
    pub encrypted: bool,
}

/// A reply in place of the usual one, for the next `times` commands that begin with `command`. The greeting is `CONNECT`,
/// the end of the data `.`. The reply `DROP` closes the connection, `SILENCE` says nothing.
#[derive(Clone, Debug)]
pub struct Rule {
    pub command: &'static str,
    pub reply: String,
    pub times: usize,
}

#[derive(Clone, Debug)]
pub struct Behaviour {
    /// `None`: EHLO is unknown.
    pub capabilities: Option<Vec<&'static str>>,
    pub rules: Vec<Rule>,
    /// A session ends after so many bytes of the server's; for as many sessions as are listed.
    pub drop_after: Vec<usize>,
    /// A session takes so many mails, then closes.
    pub mails_a_session: Option<usize>,
    /// Replies are written in pieces of so many bytes.
    pub piece: Option<usize>,
    /// Before the reply to the content.
    pub slow: Duration,
    /// AUTH takes only this name and password, in PLAIN.
    pub login: Option<(&'static str, &'static str)>,
    /// Bytes sent in clear right behind the reply to STARTTLS.
    pub inject_after_starttls: Vec<u8>,
    /// The TLS handshake is answered with this.
    pub garbage_for_tls: bool,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            capabilities: Some(vec!["PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]),
            rules: Vec::new(),
            drop_after: Vec::new(),
            mails_a_session: None,
            piece: None,
            slow: Duration::ZERO,
            login: None,
            inject_after_starttls: Vec::new(),
            garbage_for_tls: false,
        }
    }
}

#[derive(Default)]
pub struct State {
    pub behaviour: Behaviour,
    pub received: Vec<Received>,
    /// Commands as they came, AUTH without what follows it.
    pub commands: Vec<String>,
    pub sessions: usize,
    pub open: usize,
    pub most_open: usize,
    /// Commands that were there at once, at most.
    pub most_at_once: usize,
    /// Sessions that ended by `drop_after`.
    pub dropped: usize,
}

impl State {
    /// How often each mail was taken, by what stands in its `X-Id` line, for each recipient.
    pub fn ids(&self) -> HashMap<String, usize> {
        let mut ids = HashMap::new();
        for mail in &self.received {
            let text = String::from_utf8_lossy(&mail.body);
            let id = text.lines().find_map(|line| line.strip_prefix("X-Id: ")).unwrap_or("none").to_string();
            *ids.entry(id).or_default() += 1;
        }
        ids
    }
}

pub struct Smarthost {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Smarthost {
    pub fn start(behaviour: Behaviour) -> Smarthost {
        Smarthost::with_tls(behaviour, None)
    }

    /// `implicit`: encrypted from the first byte, else by STARTTLS.
    pub fn with_tls(behaviour: Behaviour, tls: Option<(ServerTls, bool)>) -> Smarthost {
        Smarthost::at((Ipv4Addr::LOCALHOST, 0).into(), behaviour, tls)
    }

    /// At this address of loopback.
    pub fn at(address: SocketAddr, behaviour: Behaviour, tls: Option<(ServerTls, bool)>) -> Smarthost {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { behaviour, ..State::default() }));
        let shared = state.clone();
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (state, tls) = (shared.clone(), tls.clone());
                thread::spawn(move || {
                    let number = {
                        let mut state = lock(&state);
                        state.sessions += 1;
                        state.open += 1;
                        state.most_open = state.most_open.max(state.open);
                        state.sessions
                    };
                    smol::block_on(Session::serve(tcp, &state, tls, number));
                    lock(&state).open -= 1;
                });
            }
        });
        Smarthost { address, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub fn received(&self) -> usize {
        self.state().received.len()
    }

    pub fn rule(&self, command: &'static str, reply: &str, times: usize) {
        self.state().behaviour.rules.push(Rule { command, reply: reply.to_string(), times });
    }
}

/// A port where nobody listens.
pub fn deaf_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

struct Session<'a> {
    state: &'a Mutex<State>,
    tls: Option<(ServerTls, bool)>,
    stream: Option<Stream>,
    tcp: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    number: usize,
    taken: usize,
    /// Bytes of the server's left before the connection is cut.
    left: Option<usize>,
    from: Option<String>,
    to: Vec<String>,
    /// Of BDAT, before the last.
    chunks: Vec<u8>,
    encrypted: bool,
}

impl<'a> Session<'a> {
    async fn serve(tcp: TcpStream, state: &'a Mutex<State>, tls: Option<(ServerTls, bool)>, number: usize) {
        let cut = tcp.try_clone().unwrap();
        let stream = Stream::plain(async_io::Async::new(tcp).unwrap()).ok();
        let left = {
            let mut state = lock(state);
            (!state.behaviour.drop_after.is_empty()).then(|| state.behaviour.drop_after.remove(0))
        };
        let mut session = Session {
            state,
            tls,
            stream,
            tcp: cut,
            input: Vec::new(),
            output: Vec::new(),
            number,
            taken: 0,
            left,
            from: None,
            to: Vec::new(),
            chunks: Vec::new(),
            encrypted: false,
        };
        let _ = session.run().await;
        let _ = session.flush().await;
        let _ = session.tcp.shutdown(Shutdown::Both);
    }

    async fn run(&mut self) -> Option<()> {
        if self.tls.as_ref().is_some_and(|(_, implicit)| *implicit) {
            self.encrypt().await?;
        }
        self.reply("CONNECT", "220 smarthost.example ESMTP").await?;
        loop {
            let line = self.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let noted = if verb == "AUTH" { "AUTH".to_string() } else { line.clone() };
            lock(self.state).commands.push(noted);
            if self.command(&verb, &line).await? == 221 {
                return None;
            }
        }
    }

    async fn command(&mut self, verb: &str, line: &str) -> Option<u16> {
        match verb {
            "EHLO" => self.ehlo(line).await,
            "HELO" => self.reply(line, "250 smarthost.example").await,
            "STARTTLS" => self.starttls(line).await,
            "AUTH" => self.auth(line).await,
            "MAIL" if self.from.is_some() => self.reply(line, "503 5.5.1 nested MAIL").await,
            "MAIL" => {
                let code = self.reply(line, "250 2.1.0 ok").await?;
                self.from = line.get(10..).filter(|_| code < 300).map(str::to_string);
                Some(code)
            }
            "RCPT" if self.from.is_none() => self.reply(line, "503 5.5.1 MAIL first").await,
            "RCPT" => {
                let code = self.reply(line, "250 2.1.5 ok").await?;
                self.to.extend(line.get(8..).filter(|_| code < 300).map(str::to_string));
                Some(code)
            }
            "DATA" if self.to.is_empty() => self.reply(line, "503 5.5.1 RCPT first").await,
            "DATA" => match self.reply(line, "354 go on").await? {
                354 => {
                    let body = self.data().await?;
                    self.take(body).await
                }
                code => Some(code),
            },
            "BDAT" => self.chunk(line).await,
            "RSET" => {
                self.reset();
                self.reply(line, "250 2.0.0 ok").await
            }
            "QUIT" => self.reply(line, "221 2.0.0 bye").await,
            _ => self.reply(line, "500 5.5.2 what?").await,
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
        self.chunks.clear();
    }

    async fn ehlo(&mut self, line: &str) -> Option<u16> {
        let reply = match &lock(self.state).behaviour.capabilities {
            None => "500 5.5.2 what?".to_string(),
            Some(keywords) => {
                let mut lines = vec!["smarthost.example".to_string()];
                lines.extend(keywords.iter().map(ToString::to_string));
                let last = lines.pop().unwrap_or_default();
                let first: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
                format!("{first}250 {last}")
            }
        };
        self.reply(line, &reply).await
    }

    async fn starttls(&mut self, line: &str) -> Option<u16> {
        let code = self.reply(line, if self.tls.is_some() { "220 2.0.0 go" } else { "454 4.7.0 not now" }).await?;
        if code == 220 {
            let inject = lock(self.state).behaviour.inject_after_starttls.clone();
            self.output.extend_from_slice(&inject);
            self.flush().await?;
            self.encrypt().await?;
        }
        Some(code)
    }

    async fn encrypt(&mut self) -> Option<()> {
        if lock(self.state).behaviour.garbage_for_tls {
            self.output.extend_from_slice(b"I do not speak TLS\r\n");
            self.flush().await?;
            return None;
        }
        self.input.clear();
        let tls = self.tls.as_ref()?.0.clone();
        self.stream = Some(self.stream.take()?.accept_tls(&tls).await.ok()?);
        self.encrypted = true;
        Some(())
    }

    async fn auth(&mut self, line: &str) -> Option<u16> {
        use base64::Engine;
        let login = lock(self.state).behaviour.login;
        let given = line.strip_prefix("AUTH PLAIN ").unwrap_or_default();
        let given = base64::engine::general_purpose::STANDARD.decode(given).unwrap_or_default();
        let good = login.is_some_and(|(user, password)| given == format!("\0{user}\0{password}").as_bytes());
        self.reply(line, if good { "235 2.7.0 welcome" } else { "535 5.7.8 wrong" }).await
    }

    async fn chunk(&mut self, line: &str) -> Option<u16> {
        let size = line.split(' ').nth(1).and_then(|size| size.parse().ok())?;
        while self.input.len() < size {
            self.read().await?;
        }
        let chunk: Vec<u8> = self.input.drain(..size).collect();
        if self.to.is_empty() {
            return self.reply(line, "503 5.5.1 RCPT first").await;
        }
        self.chunks.extend_from_slice(&chunk);
        if line.ends_with(" LAST") {
            let body = std::mem::take(&mut self.chunks);
            return self.take(body).await;
        }
        let code = self.reply(line, "250 2.0.0 go on").await?;
        if code >= 400 {
            self.to.clear();
        }
        Some(code)
    }

    /// Up to the final dot, unstuffed.
    async fn data(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.raw_line().await?;
            if line == b".\r\n" {
                return Some(body);
            }
            body.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    async fn take(&mut self, body: Vec<u8>) -> Option<u16> {
        let slow = lock(self.state).behaviour.slow;
        if !slow.is_zero() {
            self.flush().await?;
            async_io::Timer::after(slow).await;
        }
        let mail = Received {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            body,
            session: self.number,
            encrypted: self.encrypted,
        };
        let code = self.reply(".", "250 2.0.0 queued").await?;
        if code < 300 {
            // Counted before the sender can know of it, but what a cut hides from the sender is not counted against it.
            lock(self.state).received.push(mail.clone());
            if self.flush().await.is_none() {
                let mut state = lock(self.state);
                let last = state.received.iter().rposition(|received| *received == mail);
                last.map(|place| state.received.remove(place));
                return None;
            }
        }
        self.taken += 1;
        if lock(self.state).behaviour.mails_a_session.is_some_and(|most| self.taken >= most) {
            return None;
        }
        Some(code)
    }

    /// Replies by the first rule that fits, else as given. The code, or `None` when the connection is to end.
    async fn reply(&mut self, command: &str, usual: &str) -> Option<u16> {
        let reply = {
            let mut state = lock(self.state);
            let rule =
                state.behaviour.rules.iter_mut().find(|rule| rule.times > 0 && command.starts_with(rule.command));
            rule.map_or_else(
                || usual.to_string(),
                |rule| {
                    rule.times -= 1;
                    rule.reply.clone()
                },
            )
        };
        match reply.as_str() {
            "DROP" => return None,
            "SILENCE" => return Some(999),
            _ => {}
        }
        self.output.extend_from_slice(reply.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        let code = reply.get(..3).and_then(|code| code.parse().ok()).unwrap_or(999);
        (code != 421).then_some(code)
    }

    async fn flush(&mut self) -> Option<()> {
        let mut output = std::mem::take(&mut self.output);
        let mut cut = false;
        if let Some(left) = &mut self.left {
            cut = output.len() > *left;
            output.truncate(*left);
            *left -= output.len();
        }
        let piece = lock(self.state).behaviour.piece.unwrap_or(usize::MAX);
        let stream = self.stream.as_mut()?;
        for part in output.chunks(piece.min(output.len().max(1))) {
            stream.write_all(part).await.ok()?;
            stream.flush().await.ok()?;
        }
        if cut {
            self.left = None;
            lock(self.state).dropped += 1;
            let _ = self.tcp.shutdown(Shutdown::Both);
            return None;
        }
        Some(())
    }

    async fn read(&mut self) -> Option<()> {
        self.flush().await?;
        let mut buffer = [0; 16 * 1024];
        let n = self.stream.as_mut()?.read(&mut buffer).await.ok()?;
        self.input.extend_from_slice(&buffer[..n]);
        let lines = self.input.iter().filter(|&&b| b == b'\n').count();
        let mut state = lock(self.state);
        state.most_at_once = state.most_at_once.max(lines);
        (n > 0).then_some(())
    }

    async fn raw_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.input.iter().position(|&b| b == b'\n') {
                return Some(self.input.drain(..=end).collect());
            }
            self.read().await?;
        }
    }

    async fn line(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.raw_line().await?).trim_end().to_string())
    }
}
