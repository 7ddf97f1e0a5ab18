//! Moves bytes between a session and its socket, both ways at once: a server that talks while we write is heard, so
//! that neither side can wait for the other for ever (RFC 2920 §3.1).

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_io::Timer;
use event_listener::EventListener;
use smol::io::{AsyncRead, AsyncWrite};

use crate::live::Stop;
use crate::net::Stream;
use crate::proto::smtp::client::Session;

/// Why a wait is over.
#[derive(Debug)]
pub enum Woke {
    /// Replies have been fed to the session.
    Input,
    /// Everything is written.
    Drained,
    /// What the listener was for.
    Called,
    /// Stopping has begun.
    Stopping,
    /// No progress within the limit.
    Expired,
    /// The connection is over.
    Closed(String),
}

/// What ends a wait besides replies, errors and time.
#[derive(Default)]
pub struct Until<'a> {
    pub drained: bool,
    pub called: Option<&'a mut EventListener>,
    pub stopping: bool,
}

pub struct Wire {
    stream: Stream,
    /// Bytes were written that the stream may still hold back.
    unflushed: bool,
    /// Fires at or before `deadline`. Setting it costs a lock in the reactor, so it is only ever moved when it has
    /// fired or is too late.
    timer: Timer,
    fires: Instant,
    deadline: Instant,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Wire {
    pub fn new(stream: Stream, stop: &Stop) -> Wire {
        let stop = stop.clone();
        let stopping = Box::pin(async move { stop.stopping().await });
        let now = Instant::now();
        Wire { stream, unflushed: false, timer: Timer::never(), fires: now, deadline: now, stopping }
    }

    /// Takes the socket back, to encrypt it.
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    /// Waits, for `limit` from now or from the last byte that moved.
    pub async fn wait(&mut self, session: &mut Session, limit: Duration, mut until: Until<'_>) -> Woke {
        self.set_deadline(limit);
        poll_fn(|cx| self.poll(cx, session, limit, &mut until)).await
    }

    fn set_deadline(&mut self, limit: Duration) {
        let now = Instant::now();
        self.deadline = now + limit;
        if self.fires <= now || self.fires > self.deadline {
            self.timer.set_at(self.deadline);
            self.fires = self.deadline;
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        limit: Duration,
        until: &mut Until<'_>,
    ) -> Poll<Woke> {
        match self.exchange(cx, session, limit) {
            Err(error) => return Poll::Ready(Woke::Closed(error.to_string())),
            Ok(true) => return Poll::Ready(Woke::Input),
            Ok(false) => {}
        }
        if until.drained && session.output().is_empty() && !self.unflushed {
            return Poll::Ready(Woke::Drained);
        }
        if until.called.as_mut().is_some_and(|listener| Pin::new(&mut **listener).poll(cx).is_ready()) {
            return Poll::Ready(Woke::Called);
        }
        if until.stopping && self.stopping.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Woke::Stopping);
        }
        ready!(self.poll_deadline(cx));
        Poll::Ready(Woke::Expired)
    }

    /// Writes and reads what can be moved now. `true` when something was read. A server that refuses and closes makes our
    /// write fail first: what it said is read before that counts.
    fn exchange(&mut self, cx: &mut Context<'_>, session: &mut Session, limit: Duration) -> io::Result<bool> {
        let broken = self.write(cx, session, limit).err();
        let mut buffer = [0; 4096];
        match (Pin::new(&mut self.stream).poll_read(cx, &mut buffer), broken) {
            (Poll::Ready(Ok(n)), _) if n > 0 => {
                session.input(buffer.get(..n).unwrap_or_default());
                Ok(true)
            }
            (_, Some(error)) | (Poll::Ready(Err(error)), None) => Err(error),
            (Poll::Ready(Ok(_)), None) => Err(io::Error::other("it closed the connection")),
            (Poll::Pending, None) => Ok(false),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, session: &mut Session, limit: Duration) -> io::Result<()> {
        while !session.output().is_empty() {
            let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, session.output()) else { break };
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => session.written(n),
            }
            self.unflushed = true;
            self.set_deadline(limit);
        }
        if self.unflushed && Pin::new(&mut self.stream).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while Pin::new(&mut self.timer).poll(cx).is_ready() {
            if Instant::now() >= self.deadline {
                self.fires = self.deadline;
                return Poll::Ready(());
            }
            self.timer.set_at(self.deadline);
            self.fires = self.deadline;
        }
        Poll::Pending
    }
}
