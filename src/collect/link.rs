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

/// Longest silence while a reply is due.
const REPLY_LIMIT: Duration = Duration::from_secs(60);
/// In each such span at least [`TRICKLE`] bytes must come, or the session is stuck.
const PROGRESS_LIMIT: Duration = Duration::from_secs(300);
const TRICKLE: usize = 4096;
/// The handshake's time limit.
const TLS_LIMIT: Duration = Duration::from_secs(30);

/// Read buffer until the download, and during it: a few reads a hundred small mails.
const SMALL: usize = 8 * 1024;
const LARGE: usize = 128 * 1024;

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
}

impl Link {
    pub fn new(stream: Stream, session: Session) -> Link {
        let input = Input { buffer: vec![0; SMALL], start: 0, end: 0 };
        let timer = Timer::after(REPLY_LIMIT);
        Link { stream, session, input, unflushed: false, timer, span_start: Instant::now(), span_bytes: 0 }
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

    /// Writes what the session has to say and, with `read`, returns when bytes have come. Without it only writes, and
    /// never returns but for a failure. May be dropped at any moment.
    pub async fn exchange(&mut self, read: bool) -> Result<(), Trouble> {
        let begun = Instant::now();
        if !read {
            self.span_start = begun;
            self.span_bytes = 0;
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
            if begun.elapsed() >= REPLY_LIMIT {
                self.timer.set_after(REPLY_LIMIT);
                return Poll::Ready(());
            }
            self.timer.set_at(begun + REPLY_LIMIT);
        }
        Poll::Pending
    }

    fn progress(&mut self, now: Instant, count: usize) -> Result<(), Trouble> {
        self.span_bytes += count;
        if now.duration_since(self.span_start) >= PROGRESS_LIMIT {
            if self.span_bytes < TRICKLE {
                return Err(Trouble::Stuck);
            }
            self.span_start = now;
            self.span_bytes = 0;
        }
        Ok(())
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
