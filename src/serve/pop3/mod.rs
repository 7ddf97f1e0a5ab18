//! The POP3 service: the shell around `proto::pop3::server`.
//!
//! Reads, writes, and answers the session's requests: checks logins, opens the mailbox, sends messages, makes the
//! deletes. Replies to pipelined commands leave together, in writes of about [`BATCH`] bytes; a large message is sent
//! in pieces, so that a session's memory does not grow with it. Never deletes but for a QUIT, and in one commit.

mod mailbox;

use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::future::FutureExt;

use super::Context;
use super::listener::{Door, accept_loop};
use super::seats::{Class, Limits};
use super::throttle::Throttle;
use super::wire::{Fill, OnStop, Wire};
use crate::config::{Config, Pop3Service, Secret, ServiceEncryption};
use crate::live::SessionGuard;
use crate::net::listen::is_local;
use crate::net::{Stream, now_ms};
use crate::policy::{Event, Lists, LoggedIn, LoggedOn, Place};
use crate::proto::pop3::server::{Credentials, Login, Retrieval, Session, Settings, Step};
use mailbox::{Mailbox, Opened};

/// Output is gathered up to about this size before it is written.
const BATCH: usize = 64 * 1024;
/// An empty output buffer up to this size is kept for the next reply.
const KEEP: usize = 4 * 1024;
/// The answer to the first wrong password of a session takes so long, to the second twice, to the third three times.
const PENALTY: Duration = Duration::from_secs(1);

/// Serves sessions on `listener` by the settings of the POP3 service at `service` in the configuration's list, until
/// `context.stop`; then ends the sessions that are idle and lets running commands finish, 10 s at most.
pub async fn run(context: Context, service: usize, listener: TcpListener) {
    let current = || Service { config: context.config.current(), index: service };
    let state = context.services.of("pop3", service);
    accept_loop(
        &context,
        "pop3",
        listener,
        state.seats,
        |peer| door(&context, &current(), peer),
        |_| match current().encryption {
            // Words in clear would only break the handshake.
            ServiceEncryption::Implicit => b"",
            _ => b"-ERR [SYS/TEMP] Too many sessions, try again later\r\n",
        },
        |tcp, peer, guard| serve(context.clone(), current(), tcp, peer, guard),
    )
    .await;
}

/// A service as it is in one snapshot of the configuration.
struct Service {
    config: Arc<Config>,
    index: usize,
}

impl Deref for Service {
    type Target = Pop3Service;

    fn deref(&self) -> &Pop3Service {
        /// For a service that was taken out of the list and runs on until the next start.
        static GONE: LazyLock<Pop3Service> = LazyLock::new(Pop3Service::default);
        self.config.pop3.get(self.index).unwrap_or(&GONE)
    }
}

fn door(context: &Context, service: &Service, peer: IpAddr) -> Door {
    // Words in clear would only break the handshake.
    let words = |line: &'static [u8]| match service.encryption {
        ServiceEncryption::Implicit => Door::Shut(b""),
        _ => Door::Shut(line),
    };
    if !context.watch.admit(&service.config, peer) {
        return words(b"-ERR [SYS/TEMP] Server access temporarily blocked! Please try again later\r\n");
    }
    if !Lists::of_pop3(&service.config, service).admit(peer).allowed {
        return words(b"-ERR [SYS/PERM] Your address may not use this service\r\n");
    }
    let limits = Limits { max_sessions: service.max_sessions, max_incoming: 0, reserved: 0, max_per_address: 0 };
    Door::Open(Class::Other, limits)
}

async fn serve(context: Context, service: Service, tcp: Async<TcpStream>, peer: IpAddr, guard: SessionGuard) {
    match Connection::begin(context, service, tcp, peer, guard).await {
        Ok(mut connection) => {
            if let Err(error) = connection.run().await {
                log::debug!("pop3: {peer}: {error}");
            }
        }
        Err(error) => log::debug!("pop3: {peer}: {error}"),
    }
}

fn offer(service: &Service, peer: IpAddr) -> Settings {
    let config = &service.config;
    let needs_encryption = match service.encryption {
        ServiceEncryption::Required => true,
        _ => !service.clear_text_login_from_outside && !is_local(peer),
    };
    let timestamp = config.general.reversible_passwords.then(|| timestamp(&config.general.host_name)).flatten();
    Settings {
        stls: matches!(service.encryption, ServiceEncryption::Optional | ServiceEncryption::Required),
        login_needs_encryption: needs_encryption,
        timestamp,
    }
}

/// Never the same twice (RFC 1939 §7). `None` without random numbers: then there is no APOP.
fn timestamp(host: &str) -> Option<String> {
    let random = getrandom::u64().ok()?;
    Some(format!("<{random:016x}.{}@{host}>", now_ms()))
}

struct Connection {
    context: Context,
    wire: Wire,
    session: Session,
    out: Vec<u8>,
    /// Open, and locked, from login to the end.
    mailbox: Option<Mailbox>,
    limit: Duration,
    timestamp: Option<String>,
    service: Service,
    /// For POP3 then SMTP authentication.
    logged_on: Option<LoggedOn>,
    peer: IpAddr,
    guard: SessionGuard,
}

impl Connection {
    async fn begin(
        context: Context,
        service: Service,
        tcp: Async<TcpStream>,
        peer: IpAddr,
        guard: SessionGuard,
    ) -> io::Result<Connection> {
        let settings = offer(&service, peer);
        let mut wire = Wire::new(Stream::plain(tcp)?, context.stop.clone());
        let (all, each) = (service.max_bandwidth, service.max_session_bandwidth);
        if all != 0 || each != 0 {
            wire.limit(Throttle::new(&context.services.of("pop3", service.index).bucket, all, each));
        }
        if service.encryption == ServiceEncryption::Implicit {
            wire.start_tls(&context.tls).await?;
        }
        let mut out = Vec::new();
        let timestamp = settings.timestamp.clone();
        let session = Session::new(settings, wire.is_encrypted(), &mut out);
        let limit = Duration::from_secs(service.timeout.into());
        Ok(Connection {
            context,
            wire,
            session,
            out,
            mailbox: None,
            limit,
            timestamp,
            service,
            logged_on: None,
            peer,
            guard,
        })
    }

    async fn run(&mut self) -> io::Result<()> {
        loop {
            let (used, step) = self.session.step(self.wire.input(), &mut self.out);
            self.wire.consume(used);
            match step {
                Step::Next if self.out.len() < BATCH => {}
                Step::Next | Step::Flush => self.flush_batch().await?,
                Step::Read => {
                    self.flush().await?;
                    match self.wire.fill(self.limit, OnStop::Leave).await {
                        Fill::Bytes => {}
                        Fill::Failed(error) => return Err(error),
                        // Without a word, and without the deletes (RFC 1939 §3).
                        Fill::Gone | Fill::TimedOut | Fill::Stopping => break,
                    }
                }
                Step::Login(credentials) => self.login(credentials).await,
                Step::Message(retrieval) => self.send(retrieval).await?,
                Step::Commit => self.commit().await,
                Step::StartTls => {
                    self.flush().await?;
                    self.wire.start_tls(&self.context.tls).await?;
                    self.session.encrypted();
                }
                Step::Close => break,
            }
        }
        // Before the last reply: a client that has it may come back at once.
        self.mailbox = None;
        self.flush().await?;
        self.wire.close().await;
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.wire.write_all(&self.out, self.limit).await?;
            self.out.clear();
        }
        if self.out.capacity() > KEEP {
            self.out = Vec::new();
        }
        Ok(())
    }

    /// In the middle of much output: keeps the buffer, and lets other sessions have their turn.
    async fn flush_batch(&mut self) -> io::Result<()> {
        self.wire.write_all(&self.out, self.limit).await?;
        self.out.clear();
        smol::future::yield_now().await;
        Ok(())
    }

    async fn login(&mut self, credentials: Credentials) {
        let user = check(&self.context, self.timestamp.as_deref(), &credentials).await;
        let lists = Lists::of_pop3(&self.service.config, &self.service);
        let login = match user.filter(|user| lists.admit_user(self.peer, &user.name)) {
            Some(user) => match Mailbox::open(&self.context, user.user).await {
                Opened::Mailbox(mailbox, maildrop) => {
                    self.guard.user(&user.name);
                    log::debug!("pop3: {}: {} logged in", self.peer, user.name);
                    self.mailbox = Some(mailbox);
                    if self.service.config.smtp.iter().any(|smtp| smtp.pop3_then_smtp) {
                        self.logged_on = Some(self.context.pop3_logins.log_on(self.peer));
                    }
                    Login::Granted(maildrop)
                }
                Opened::InUse => Login::InUse,
                Opened::Failed => Login::Unavailable,
            },
            None => {
                log::info!("pop3: {}: login refused: {credentials:?}", self.peer);
                let security = &self.service.config.security;
                let name = credentials.name();
                self.context.watch.note(security, Place::Other, self.peer, Event::BadLogin, name);
                let penalty = PENALTY * (self.session.refused() + 1);
                let stop = self.context.stop.clone();
                // Boxed: it is rare, and its room would be in each session's future.
                let wait = async move {
                    Timer::after(penalty).await;
                };
                Box::pin(wait.or(async move { stop.stopping().await })).await;
                Login::Refused
            }
        };
        self.session.login(login, &mut self.out);
    }

    async fn send(&mut self, retrieval: Retrieval) -> io::Result<()> {
        let mailbox = self.mailbox.as_ref();
        let Some((head, body)) = mailbox.and_then(|mailbox| mailbox.read(&self.context, &retrieval.message)) else {
            self.session.message_failed(&mut self.out);
            return Ok(());
        };
        let mut writer = self.session.message(&retrieval, &mut self.out);
        self.out.reserve(body.buffered() + head.len() + 64);
        writer.write(head.as_bytes(), &mut self.out);
        match body {
            mailbox::Content::Inline(bytes) => writer.write(&bytes, &mut self.out),
            mailbox::Content::File(mut pieces) => {
                while !writer.is_full() {
                    // Boxed: few messages are that large.
                    let Some(piece) = Box::pin(pieces.next()).await? else { break };
                    writer.write(&piece, &mut self.out);
                    pieces.give_back(piece);
                    self.flush_batch().await?;
                }
            }
        }
        writer.finish(&mut self.out);
        if self.out.len() >= BATCH {
            self.flush_batch().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) {
        let uids = self.session.deleted();
        let done = match &self.mailbox {
            Some(mailbox) => Box::pin(mailbox.delete(&self.context, uids)).await,
            None => false,
        };
        self.session.committed(done, &mut self.out);
    }
}

async fn check(context: &Context, timestamp: Option<&str>, credentials: &Credentials) -> Option<LoggedIn> {
    let config = context.config.current();
    let (Credentials::Password { name, .. } | Credentials::Apop { name, .. }) = credentials;
    let translated = Box::pin(context.intake.hooks.login_name("POP3", name)).await;
    let name = translated.as_ref().unwrap_or(name);
    let user = match credentials {
        Credentials::Password { password, .. } => {
            let password = Secret::new(password.as_str());
            Box::pin(context.logins.password(&config, name, &password)).await
        }
        Credentials::Apop { digest, .. } => context.logins.apop(&config, name, timestamp?, digest),
    };
    user.filter(|user| config.user(user.user).is_some_and(|user| user.allow_pop3))
}
