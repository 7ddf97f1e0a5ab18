//! A POP3 session on a socket: moves bytes between the two, with time limits. Knows nothing of what they mean.
//!
//! Reading and writing go on at the same time, so that a server that is busy sending while we are busy asking cannot lock up
//! both.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_io::Timer;
use smol::future::Future;
use smol::io::{AsyncRead, AsyncWrite};

use super::trouble::Trouble;
use crate::net::Stream;
use crate::net::tls::ClientTls;
use crate::proto::pop3::client::Session;

/// In each span of [`Limits::progress`] at least so many bytes must come, or the session is stuck …
const TRICKLE: usize = 4096;
/// … and so many a second, where no reply comes to its end in it.
const SLOWEST: u64 = 1024;
/// The handshake's time limit.
const TLS_LIMIT: Duration = Duration::from_secs(30);

/// Read buffer until the download, and during it: a few reads a hundred small mails.
const SMALL: usize = 8 * 1024;
const LARGE: usize = 128 * 1024;

/// How much patience servers are had with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest silence while a reply is due.
    pub reply: Duration,
    /// The span in which there must be progress.
    pub progress: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { reply: Duration::from_secs(60), progress: Duration::from_secs(300) }
    }
}

/// Bytes read and not yet understood.
#[derive(Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub fn filled(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// All but the last `left` bytes have been used.
    pub fn keep(&mut self, left: usize) {
        self.start = self.end.saturating_sub(left);
    }

    fn space(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }
}

pub(super) struct Link {
    stream: Stream,
    pub session: Session,
    pub input: Input,
    unflushed: bool,
    timer: Timer,
    span_start: Instant,
    span_bytes: usize,
    span_replied: bool,
    limits: Limits,
}

impl Link {
    pub fn new(stream: Stream, session: Session, limits: Limits) -> Link {
        let input = Input { buffer: vec![0; SMALL], start: 0, end: 0 };
        let timer = Timer::after(limits.reply);
        let span_start = Instant::now();
        Link { stream, session, input, unflushed: false, timer, span_start, span_bytes: 0, span_replied: false, limits }
    }

    /// Room for the download.
    pub fn widen(&mut self) {
        self.input.buffer.resize(LARGE, 0);
    }

    /// The handshake of STLS. What is left of the input came in clear and is dropped.
    pub async fn encrypt(mut self, tls: &ClientTls, host: &str) -> Result<Link, Trouble> {
        self.stream = handshake(self.stream, tls, host).await?;
        self.input.keep(0);
        self.session.encrypted();
        Ok(self)
    }

    /// A reply has come to its end: slow as it may be, something gets done.
    pub fn replied(&mut self) {
        self.span_replied = true;
    }

    /// Writes what the session has to say and, with `read`, returns when bytes have come. Without it only writes, and
    /// never returns but for a failure. May be dropped at any moment.
    pub async fn exchange(&mut self, read: bool) -> Result<(), Trouble> {
        let begun = Instant::now();
        if !read {
            self.begin_span(begun);
        }
        poll_fn(|cx| self.poll(cx, read, begun)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, read: bool, begun: Instant) -> Poll<Result<(), Trouble>> {
        if let Poll::Ready(Err(error)) = self.poll_output(cx) {
            return Poll::Ready(Err(lost(&error)));
        }
        if read {
            match Pin::new(&mut self.stream).poll_read(cx, self.input.space()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Trouble::Lost("the server closed it".into()))),
                Poll::Ready(Ok(count)) => {
                    self.input.end += count;
                    return Poll::Ready(self.progress(begun, count));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(lost(&error))),
                Poll::Pending => {}
            }
        }
        let waits = !self.session.output().is_empty() || (read && self.session.in_flight() > 0);
        if waits && self.poll_silence(cx, begun).is_ready() {
            return Poll::Ready(Err(Trouble::Silent));
        }
        Poll::Pending
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session.output().is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, self.session.output()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.session.wrote(count);
                    self.unflushed = true;
                }
                other => return other.map_ok(|_| ()),
            }
        }
        if self.unflushed {
            std::task::ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// One timer for the whole session, set anew only when it fires: a timer a read would cost more than the read.
    fn poll_silence(&mut self, cx: &mut Context<'_>, begun: Instant) -> Poll<()> {
        while Pin::new(&mut self.timer).poll(cx).is_ready() {
            if begun.elapsed() >= self.limits.reply {
                self.timer.set_after(self.limits.reply);
                return Poll::Ready(());
            }
            self.timer.set_at(begun + self.limits.reply);
        }
        Poll::Pending
    }

    fn progress(&mut self, now: Instant, count: usize) -> Result<(), Trouble> {
        self.span_bytes += count;
        let span = now.duration_since(self.span_start);
        if span >= self.limits.progress {
            let bytes = u64::try_from(self.span_bytes).unwrap_or(u64::MAX);
            let is_slow = !self.span_replied && bytes < SLOWEST.saturating_mul(span.as_secs());
            if self.span_bytes < TRICKLE || is_slow {
                return Err(Trouble::Stuck);
            }
            self.begin_span(now);
        }
        Ok(())
    }

    fn begin_span(&mut self, now: Instant) {
        (self.span_start, self.span_bytes, self.span_replied) = (now, 0, false);
    }
}

/// A client handshake within its time limit.
pub(super) async fn handshake(stream: Stream, tls: &ClientTls, host: &str) -> Result<Stream, Trouble> {
    match crate::net::timeout(TLS_LIMIT, stream.connect_tls(tls, host)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Trouble::Tls(error.to_string())),
        Err(_) => Err(Trouble::Tls("the server does not answer".into())),
    }
}

fn lost(error: &io::Error) -> Trouble {
    Trouble::Lost(match error.kind() {
        // A server that closes without the farewell of TLS.
        io::ErrorKind::UnexpectedEof => "the server closed it".into(),
        _ => error.to_string(),
    })
}
