//! A provider's POP3 server on loopback, able to misbehave in every way a collector has to survive.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// A message in the mailbox.
#[derive(Clone, Debug)]
pub struct Message {
    pub uid: String,
    /// With CR LF line ends, before dot-stuffing.
    pub text: Vec<u8>,
}

/// How the server behaves. Changed at any time; holds from the next command on.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// `None`: CAPA is unknown.
    pub capabilities: Option<Vec<&'static str>>,
    pub uidl: bool,
    pub top: bool,
    /// The next session ends after so many bytes of the server's; taken by that session.
    pub drop_after: Option<usize>,
    /// The reply to PASS.
    pub refuse_login: Option<&'static str>,
    pub refuse_greeting: Option<&'static str>,
    /// LIST gives this for every message.
    pub size_lie: Option<u64>,
    /// RETR of these numbers is answered `-ERR`.
    pub refuse_retr: HashSet<usize>,
    /// The connection ends in the middle of these messages.
    pub break_at: HashSet<usize>,
    /// Sent in place of the stuffed message and its end.
    pub raw: HashMap<usize, Vec<u8>>,
    /// Every line of the server ends with a bare LF.
    pub bare_lf: bool,
    /// Sent in place of the UIDL list.
    pub uidl_list: Option<String>,
    /// The connection is closed when QUIT comes, with nothing deleted.
    pub hang_up_at_quit: bool,
    /// Each session has new unique-ids.
    pub rename: bool,
    /// Bytes sent in clear right behind the reply to STLS.
    pub inject_after_stls: Vec<u8>,
    /// PASS is not answered while this is set.
    pub hold_login: bool,
    /// What is said goes out in pieces of so many bytes, with this time between them.
    pub piece: Option<(usize, Duration)>,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            capabilities: Some(vec!["USER", "UIDL", "TOP", "PIPELINING", "RESP-CODES"]),
            uidl: true,
            top: true,
            drop_after: None,
            refuse_login: None,
            refuse_greeting: None,
            size_lie: None,
            refuse_retr: HashSet::new(),
            break_at: HashSet::new(),
            raw: HashMap::new(),
            bare_lf: false,
            uidl_list: None,
            hang_up_at_quit: false,
            rename: false,
            inject_after_stls: Vec::new(),
            hold_login: false,
            piece: None,
        }
    }
}

#[derive(Default)]
pub struct State {
    pub messages: Vec<Message>,
    pub behaviour: Behaviour,
    pub sessions: usize,
    /// When sessions began, and when they ended: with QUIT, else with the connection.
    pub began: Vec<Instant>,
    pub ended: Vec<Instant>,
    /// Numbers asked for, over all sessions.
    pub retrieved: Vec<usize>,
    pub topped: usize,
    /// Commands as they came, without PASS.
    pub commands: Vec<String>,
    /// Sessions that ended by `drop_after`.
    pub dropped: usize,
    /// Commands that were there at once, at most.
    pub most_at_once: usize,
    /// Passwords that came in clear.
    pub clear_passwords: usize,
}

#[derive(Clone)]
pub struct Provider {
    pub address: SocketAddr,
    /// Of a server with TLS, PEM, for `localhost`.
    pub certificate: String,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    None,
    Ssl,
    Stls,
}

impl Provider {
    pub fn start() -> Provider {
        Provider::start_tls(Tls::None)
    }

    /// With a certificate of its own making. Its threads end with the process.
    pub fn start_tls(tls: Tls) -> Provider {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (config, certificate) = certificate();
        let provider = Provider { address: listener.local_addr().unwrap(), certificate, state: Arc::default() };
        let state = provider.state.clone();
        let config = (tls != Tls::None).then_some(config);
        thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let (state, config) = (state.clone(), config.clone());
                thread::spawn(move || {
                    let _ = socket.set_nodelay(true);
                    let mut session = Session::new(socket, state, tls, config);
                    session.serve();
                    session.end();
                });
            }
        });
        provider
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state().behaviour);
    }

    pub fn put(&self, uid: impl Into<String>, text: impl Into<Vec<u8>>) {
        self.state().messages.push(Message { uid: uid.into(), text: text.into() });
    }
}

fn certificate() -> (Arc<rustls::ServerConfig>, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config), made.cert.pem())
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ServerConnection, TcpStream>>),
}

struct Session {
    wire: Wire,
    state: Arc<Mutex<State>>,
    tls: Tls,
    config: Option<Arc<rustls::ServerConfig>>,
    input: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    budget: Option<usize>,
    user: String,
    messages: Option<Vec<Message>>,
    deleted: HashSet<usize>,
    over: bool,
}

impl Session {
    fn new(
        socket: TcpStream,
        state: Arc<Mutex<State>>,
        tls: Tls,
        config: Option<Arc<rustls::ServerConfig>>,
    ) -> Session {
        let wire = match (&config, tls) {
            (Some(config), Tls::Ssl) => encrypted(socket, config),
            _ => Wire::Plain(socket),
        };
        let budget = {
            let mut state = state.lock().unwrap();
            state.sessions += 1;
            state.began.push(Instant::now());
            state.behaviour.drop_after.take()
        };
        Session {
            wire,
            state,
            tls,
            config,
            input: Vec::new(),
            out: Vec::new(),
            sent: 0,
            budget,
            user: String::new(),
            messages: None,
            deleted: HashSet::new(),
            over: false,
        }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.state.lock().unwrap().ended.push(Instant::now());
        }
    }

    fn behaviour(&self) -> Behaviour {
        self.state.lock().unwrap().behaviour.clone()
    }

    fn serve(&mut self) -> Option<()> {
        match self.behaviour().refuse_greeting {
            Some(text) => {
                self.say(text);
                return self.flush();
            }
            None => self.say("+OK provider ready"),
        }
        loop {
            let line = self.line()?;
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            if verb != "PASS" {
                self.state.lock().unwrap().commands.push(line.clone());
            }
            if self.command(&verb.to_ascii_uppercase(), argument)? {
                return self.flush();
            }
        }
    }

    /// `true` when the session is over, `None` when the connection is.
    fn command(&mut self, verb: &str, argument: &str) -> Option<bool> {
        let behaviour = self.behaviour();
        let number = || argument.split(' ').next().and_then(|word| word.parse::<usize>().ok());
        match verb {
            "CAPA" => match &behaviour.capabilities {
                None => self.say("-ERR unknown command"),
                Some(list) => {
                    self.say("+OK list follows");
                    list.iter().for_each(|capability| self.say(capability));
                    if self.tls == Tls::Stls && matches!(self.wire, Wire::Plain(_)) {
                        self.say("STLS");
                    }
                    self.say(".");
                }
            },
            "STLS" if self.tls == Tls::Stls => {
                self.say("+OK begin");
                self.out.extend_from_slice(&behaviour.inject_after_stls);
                self.flush()?;
                let Wire::Plain(socket) = &self.wire else { return None };
                self.wire = encrypted(socket.try_clone().ok()?, self.config.as_ref()?);
                self.input.clear();
            }
            "USER" => {
                self.user = argument.to_string();
                self.say("+OK");
            }
            "PASS" => self.pass(&behaviour),
            "QUIT" => return self.quit(&behaviour),
            _ if self.messages.is_none() => self.say("-ERR log in first"),
            "LIST" => {
                self.say("+OK");
                for (number, message) in self.present() {
                    let size = behaviour.size_lie.unwrap_or(message.text.len() as u64);
                    self.say(&format!("{number} {size}"));
                }
                self.say(".");
            }
            "UIDL" if !behaviour.uidl => self.say("-ERR unknown command"),
            "UIDL" => {
                self.say("+OK");
                match &behaviour.uidl_list {
                    Some(list) => self.out.extend_from_slice(list.as_bytes()),
                    None => self.present().iter().for_each(|(number, m)| self.say(&format!("{number} {}", m.uid))),
                }
                self.say(".");
            }
            "RETR" if behaviour.break_at.contains(&number()?) => {
                self.say("+OK message follows");
                self.say("Subject: broken");
                self.flush()?;
                self.close();
                return None;
            }
            "RETR" => self.retrieve(number()?, &behaviour),
            "TOP" if behaviour.top => self.top(number()?),
            "DELE" => {
                self.deleted.insert(number()?);
                self.say("+OK");
            }
            _ => self.say("-ERR unknown command"),
        }
        Some(false)
    }

    fn pass(&mut self, behaviour: &Behaviour) {
        while self.behaviour().hold_login {
            thread::sleep(Duration::from_millis(1));
        }
        let mut state = self.state.lock().unwrap();
        if matches!(self.wire, Wire::Plain(_)) {
            state.clear_passwords += 1;
        }
        match behaviour.refuse_login {
            Some(text) => {
                drop(state);
                self.say(text);
            }
            None => {
                if behaviour.rename {
                    let session = state.sessions;
                    for (at, message) in state.messages.iter_mut().enumerate() {
                        message.uid = format!("s{session}-{at}");
                    }
                }
                self.messages = Some(state.messages.clone());
                drop(state);
                self.say("+OK welcome");
            }
        }
    }

    fn quit(&mut self, behaviour: &Behaviour) -> Option<bool> {
        if behaviour.hang_up_at_quit {
            self.flush()?;
            self.close();
            return None;
        }
        if let Some(messages) = &self.messages {
            let gone: HashSet<&str> =
                self.deleted.iter().filter_map(|n| messages.get(n - 1)).map(|m| m.uid.as_str()).collect();
            self.state.lock().unwrap().messages.retain(|message| !gone.contains(message.uid.as_str()));
        }
        self.end();
        self.say("+OK bye");
        Some(true)
    }

    fn present(&self) -> Vec<(usize, Message)> {
        let all = self.messages.iter().flatten().cloned();
        all.enumerate().map(|(at, m)| (at + 1, m)).filter(|(number, _)| !self.deleted.contains(number)).collect()
    }

    fn find(&self, number: usize) -> Option<Message> {
        self.present().into_iter().find(|(n, _)| *n == number).map(|(_, message)| message)
    }

    fn retrieve(&mut self, number: usize, behaviour: &Behaviour) {
        self.state.lock().unwrap().retrieved.push(number);
        let Some(message) = self.find(number).filter(|_| !behaviour.refuse_retr.contains(&number)) else {
            return self.say("-ERR no such message");
        };
        self.say("+OK message follows");
        match behaviour.raw.get(&number) {
            Some(raw) => self.out.extend_from_slice(raw),
            None => self.stuffed(&message.text),
        }
    }

    fn top(&mut self, number: usize) {
        self.state.lock().unwrap().topped += 1;
        let Some(message) = self.find(number) else { return self.say("-ERR no such message") };
        let end = message.text.windows(4).position(|w| w == b"\r\n\r\n").map_or(message.text.len(), |at| at + 4);
        self.say("+OK");
        self.stuffed(&message.text[..end]);
    }

    fn stuffed(&mut self, text: &[u8]) {
        for line in text.split_inclusive(|&b| b == b'\n') {
            if line.starts_with(b".") {
                self.out.push(b'.');
            }
            self.line_out(line.strip_suffix(b"\r\n").unwrap_or(line));
        }
        self.say(".");
    }

    fn say(&mut self, text: &str) {
        self.line_out(text.as_bytes());
    }

    fn line_out(&mut self, line: &[u8]) {
        let bare_lf = self.state.lock().unwrap().behaviour.bare_lf;
        self.out.extend_from_slice(line);
        self.out.extend_from_slice(if bare_lf { b"\n" } else { b"\r\n" });
    }

    /// The next command; what was said is sent when no other is there yet.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_string());
            }
            self.flush()?;
            let mut bytes = [0; 16 * 1024];
            let count = match &mut self.wire {
                Wire::Plain(socket) => socket.read(&mut bytes),
                Wire::Tls(tls) => tls.read(&mut bytes),
            };
            match count.ok()? {
                0 => return None,
                count => self.input.extend_from_slice(&bytes[..count]),
            }
            let waiting = self.input.iter().filter(|&&b| b == b'\n').count();
            let mut state = self.state.lock().unwrap();
            state.most_at_once = state.most_at_once.max(waiting);
        }
    }

    fn flush(&mut self) -> Option<()> {
        let mut out = std::mem::take(&mut self.out);
        let left = self.budget.map_or(usize::MAX, |budget| budget - self.sent);
        let cut = out.len() >= left;
        out.truncate(left);
        self.sent += out.len();
        let (size, pause) = self.behaviour().piece.unwrap_or((usize::MAX, Duration::ZERO));
        let mut written = Ok(());
        for piece in out.chunks(size) {
            written = written.and_then(|()| match &mut self.wire {
                Wire::Plain(socket) => socket.write_all(piece),
                Wire::Tls(tls) => tls.write_all(piece).and_then(|()| tls.flush()),
            });
            if written.is_err() {
                break;
            }
            thread::sleep(pause);
        }
        if cut {
            self.state.lock().unwrap().dropped += 1;
            self.close();
            return None;
        }
        written.ok()
    }

    fn close(&self) {
        let socket = match &self.wire {
            Wire::Plain(socket) => socket,
            Wire::Tls(tls) => &tls.sock,
        };
        let _ = socket.shutdown(Shutdown::Both);
    }
}

fn encrypted(socket: TcpStream, config: &Arc<rustls::ServerConfig>) -> Wire {
    let connection = rustls::ServerConnection::new(config.clone()).unwrap();
    Wire::Tls(Box::new(rustls::StreamOwned::new(connection, socket)))
}
