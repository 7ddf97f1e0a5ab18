//! One SMTP session on its socket: reads, feeds the session, writes. What the session asks for is in `answers`.

mod answers;
mod envelope;
mod listed;
mod login;
mod message;
mod scripted;

use std::io;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use async_io::Async;

use self::answers::reply_to;
use super::pace::Pace;
use super::rules::Ruling;
use super::{Rights, Service, offer, throttle};
use crate::config::ServiceEncryption;
use crate::hooks::{Instance, Script};
use crate::intake::{Draft, Submitter};
use crate::live::SessionGuard;
use crate::mail::Address;
use crate::net::{Stream, now_ms};
use crate::proto::smtp::server::{End, LoginPolicy, Next, Session, Settings};
use crate::route::Destination;
use crate::serve::Context;
use crate::serve::wire::{Fill, OnStop, Wire};

pub(super) async fn serve(
    context: Context,
    service: Service,
    tcp: Async<TcpStream>,
    peer: IpAddr,
    guard: SessionGuard,
) {
    let mut connection = match Connection::begin(context, service, tcp, peer, guard).await {
        Ok(connection) => connection,
        Err(error) => return log::debug!("smtp: {peer}: {error}"),
    };
    if let Err(error) = connection.run().await {
        log::debug!("smtp: {peer}: {error}");
    }
}

struct Connection {
    context: Context,
    wire: Wire,
    session: Session,
    /// Of the mail that is announced.
    destinations: Vec<Destination>,
    /// What rules have said of it.
    ruling: Option<Box<Ruling>>,
    /// The recipient, while there is just one.
    only_recipient: Option<Address>,
    /// Who hands that mail in.
    submitter: Submitter,
    draft: Option<Box<Draft>>,
    /// Silence longer than this ends the session.
    limit: Duration,
    pace: Pace,
    service: Service,
    peer: IpAddr,
    /// The client's address may send out without a login.
    trusted: bool,
    /// The return path is an address of this box, or empty; only looked at where it has to be.
    sender_is_ours: bool,
    /// Whether the realtime blacklists have been asked, and which one has the client.
    looked_up: bool,
    listed: Option<Box<str>>,
    /// Recipients as written, kept for the script alone.
    recipients: Vec<String>,
    /// `SMTPSVR.LUA`, where there is one.
    script: Option<Box<Instance>>,
    /// Mails taken.
    taken: u64,
    guard: SessionGuard,
}

/// Serves a peer that we have connected to and that now is the client (RFC 2645 §4.2). It is a relay like any other: it may
/// not send out, and is asked for no login and no encryption beyond what the connection has. Gives how many mails it brought.
pub(super) async fn serve_reversed(
    context: Context,
    service: Service,
    stream: Stream,
    peer: IpAddr,
) -> io::Result<u64> {
    let guard = context.board.session("smtp", peer, now_ms());
    let rights = Rights { log_in: false, no_auth: false, clear_login: false };
    let settings = Settings {
        encrypted: stream.is_encrypted(),
        starttls: false,
        require_tls: false,
        login: LoginPolicy::Off,
        ..offer(&service, rights, peer)
    };
    let wire = Wire::new(stream, context.stop.clone());
    let mut connection = Connection::new(context, service, Session::new(settings), wire, peer, false, guard);
    // A provider is no stranger.
    connection.looked_up = true;
    let result = connection.run().await;
    match connection.taken {
        // What was taken is taken, however the connection ended.
        0 => result.map(|()| 0),
        taken => Ok(taken),
    }
}

impl Connection {
    async fn begin(
        context: Context,
        service: Service,
        tcp: Async<TcpStream>,
        peer: IpAddr,
        guard: SessionGuard,
    ) -> io::Result<Connection> {
        let rights = Rights::of(&context, &service, peer);
        let session = Session::new(offer(&service, rights, peer));
        let mut wire = Wire::new(Stream::plain(tcp)?, context.stop.clone());
        wire.limit(throttle(&context, &service));
        if service.encryption == ServiceEncryption::Implicit {
            wire.start_tls(&context.tls).await?;
        }
        Ok(Connection::new(context, service, session, wire, peer, rights.no_auth, guard))
    }

    fn new(
        context: Context,
        service: Service,
        session: Session,
        wire: Wire,
        peer: IpAddr,
        trusted: bool,
        guard: SessionGuard,
    ) -> Connection {
        let limit = Duration::from_secs(service.timeout.into());
        Connection {
            context,
            wire,
            session,
            destinations: Vec::new(),
            ruling: None,
            only_recipient: None,
            submitter: Submitter::default(),
            draft: None,
            limit,
            pace: Pace::new(limit, Instant::now()),
            peer,
            trusted,
            sender_is_ours: true,
            looked_up: false,
            listed: None,
            service,
            recipients: Vec::new(),
            script: None,
            taken: 0,
            guard,
        }
    }

    async fn run(&mut self) -> io::Result<()> {
        // Boxed, as all that scripts need: the session's future is kept small.
        if self.context.intake.hooks.has(Script::SmtpServer) {
            Box::pin(self.start_script()).await;
        }
        loop {
            let step = self.session.feed(self.wire.input());
            let used = step.used;
            match step.next {
                Next::Text(text) => {
                    // Not kept already: what is left is only read.
                    if let Some(draft) = &mut self.draft
                        && let Err(refusal) = draft.write(text).await
                    {
                        self.draft = None;
                        self.session.refuse_body(reply_to(&refusal));
                    }
                    self.wire.consume(used);
                }
                Next::Read => {
                    self.wire.consume(used);
                    self.flush().await?;
                    self.note_mistakes();
                    self.read().await?;
                }
                Next::Write => {
                    self.wire.consume(used);
                    self.flush().await?;
                }
                Next::Ask(request) => {
                    self.wire.consume(used);
                    let answer = self.answer(request).await;
                    self.session.answer(answer);
                }
                Next::Abandon => {
                    self.wire.consume(used);
                    self.draft = None;
                }
                Next::StartTls => {
                    self.flush().await?;
                    self.wire.start_tls(&self.context.tls).await?;
                    self.session.encrypted();
                }
                Next::Close => break,
            }
        }
        self.note_mistakes();
        self.flush().await?;
        if self.script.is_some() {
            Box::pin(self.end_script()).await;
        }
        self.wire.close().await;
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.session.output().is_empty() {
            self.wire.write_all(self.session.output(), self.limit).await?;
            self.session.clear_output();
        }
        Ok(())
    }

    async fn read(&mut self) -> io::Result<()> {
        let on_stop = if self.session.is_busy() { OnStop::Finish } else { OnStop::Leave };
        let before = self.wire.input().len();
        let wait = self.pace.wait(self.session.is_in_message(), before == 0, Instant::now());
        if wait.is_zero() {
            self.session.end(End::TimedOut);
            return Ok(());
        }
        match self.wire.fill(wait, on_stop).await {
            Fill::Bytes => self.pace.came(self.wire.input().len() - before),
            Fill::Gone => self.session.end(End::Gone),
            Fill::TimedOut => self.session.end(End::TimedOut),
            Fill::Stopping => self.session.end(End::Stopping),
            Fill::Failed(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thousands of idle sessions are kept: each pays for all that a session may ever hold across a wait.
    #[test]
    fn an_idle_session_is_small() {
        fn size<F>(_: fn(Context, Service, Async<TcpStream>, IpAddr, SessionGuard) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        let size = size(serve);
        assert!(size <= 2048, "{size} bytes");
    }
}
