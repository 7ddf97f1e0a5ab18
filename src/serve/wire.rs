//! A served connection: a stream with its unread input, its time limit and its ear for the stop.
//!
//! Made for thousands of idle sessions: while a session waits it holds no read buffer (bytes are read into a scratch
//! buffer of the executor's thread and only what came is kept), one timer that is moved lazily, and one registration
//! for the stop.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use smol::io::{AsyncRead, AsyncWrite};

use super::throttle::Throttle;
use super::waiting::{Deadline, StopWatch};
use crate::live::Stop;
use crate::net::tls::ServerTls;
use crate::net::{Stream, timeout};

/// Most bytes taken by one read.
pub const READ: usize = 128 * 1024;
/// An empty input buffer up to this size is kept for the next command.
const KEEP: usize = 512;
/// A TLS handshake must be done in this time.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// The last bytes of a session must leave in this time.
const GOODBYE: Duration = Duration::from_secs(5);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// Every way waiting for input can end.
#[derive(Debug)]
pub enum Fill {
    /// There is more in [`Wire::input`] than before.
    Bytes,
    /// The peer has closed its side.
    Gone,
    TimedOut,
    /// The program stops, and the caller minded.
    Stopping,
    Failed(io::Error),
}

/// What the caller wants of the stop while it waits for input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStop {
    /// Between transactions: give up waiting.
    Leave,
    /// In a transaction: go on, the accept loop sets the bound.
    Finish,
}

pub struct Wire {
    /// `None` only after a failed handshake.
    stream: Option<Stream>,
    input: Vec<u8>,
    /// Bytes of `input` already used.
    used: usize,
    deadline: Deadline,
    stop: StopWatch,
    throttle: Option<Box<Throttle>>,
}

impl Wire {
    pub fn new(stream: Stream, stop: Stop) -> Wire {
        Wire {
            stream: Some(stream),
            input: Vec::new(),
            used: 0,
            deadline: Deadline::default(),
            stop: StopWatch::new(stop),
            throttle: None,
        }
    }

    /// Keeps to these limits from now on.
    pub fn limit(&mut self, throttle: Option<Box<Throttle>>) {
        self.throttle = throttle;
    }

    /// Input that is not used up yet.
    pub fn input(&self) -> &[u8] {
        self.input.get(self.used..).unwrap_or_default()
    }

    /// The first `count` bytes of [`Wire::input`] are done with.
    pub fn consume(&mut self, count: usize) {
        self.used = self.used.saturating_add(count).min(self.input.len());
        if self.used == self.input.len() {
            self.input.clear();
            self.used = 0;
        }
    }

    pub fn is_encrypted(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_encrypted)
    }

    /// Protocol and cipher, see [`Stream::encryption`].
    pub fn encryption(&self) -> Option<String> {
        self.stream.as_ref().and_then(Stream::encryption)
    }

    /// Waits for more input, at most `limit`. Up to [`READ`] bytes are added to what is there: the caller bounds how
    /// much it leaves unused.
    pub async fn fill(&mut self, limit: Duration, on_stop: OnStop) -> Fill {
        self.deadline.set(limit);
        poll_fn(|cx| self.poll_fill(cx, on_stop)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, on_stop: OnStop) -> Poll<Fill> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Fill::Gone) };
        let allowed = self.throttle.as_mut().map_or(Poll::Ready(READ), |throttle| throttle.poll_allowance(cx));
        let (input, used) = (&mut self.input, &mut self.used);
        let read = SCRATCH.with_borrow_mut(|scratch| {
            let Poll::Ready(allowed) = allowed else { return Poll::Pending };
            let room = scratch.len().min(allowed);
            Pin::new(stream).poll_read(cx, scratch.get_mut(..room).unwrap_or_default()).map_ok(|count| {
                input.drain(..std::mem::take(used));
                input.extend_from_slice(scratch.get(..count).unwrap_or_default());
                count
            })
        });
        match read {
            Poll::Ready(Ok(0)) => return Poll::Ready(Fill::Gone),
            Poll::Ready(Ok(count)) => {
                if let Some(throttle) = &self.throttle {
                    throttle.spend(count);
                }
                return Poll::Ready(Fill::Bytes);
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Fill::Gone),
            Poll::Ready(Err(error)) => return Poll::Ready(Fill::Failed(error)),
            Poll::Pending => {}
        }
        if self.input.is_empty() && self.input.capacity() > KEEP {
            self.input = Vec::new();
        }
        if on_stop == OnStop::Leave && self.stop.poll(cx).is_ready() {
            return Poll::Ready(Fill::Stopping);
        }
        self.deadline.poll(cx).map(|()| Fill::TimedOut)
    }

    /// Writes all of `bytes` and flushes, within `limit`.
    pub async fn write_all(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        self.deadline.set(limit);
        let mut left = bytes;
        poll_fn(|cx| {
            let Some(stream) = self.stream.as_mut() else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            match poll_write_all(stream, cx, &mut left, self.throttle.as_deref_mut()) {
                Poll::Pending => self.deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                done => done,
            }
        })
        .await
    }

    /// Server side handshake. Input received in clear before it is thrown away, so that nothing an attacker has put
    /// in front is taken for the client's. After an error only dropping is left.
    pub async fn start_tls(&mut self, tls: &ServerTls) -> io::Result<()> {
        self.input = Vec::new();
        self.used = 0;
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        // Boxed: the handshake's state is large and short-lived, the session's future is kept small.
        let encrypted = Box::pin(timeout(HANDSHAKE, stream.accept_tls(tls))).await;
        self.stream = Some(encrypted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??);
        Ok(())
    }

    /// Ends the connection in order (close_notify, FIN), as far as the peer plays along.
    pub async fn close(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        self.deadline.set(GOODBYE);
        poll_fn(|cx| match Pin::new(&mut stream).poll_close(cx) {
            Poll::Pending => self.deadline.poll(cx),
            Poll::Ready(_) => Poll::Ready(()),
        })
        .await;
    }
}

fn poll_write_all(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    left: &mut &[u8],
    mut throttle: Option<&mut Throttle>,
) -> Poll<io::Result<()>> {
    while !left.is_empty() {
        let mut piece = *left;
        if let Some(throttle) = throttle.as_deref_mut() {
            let Poll::Ready(allowed) = throttle.poll_allowance(cx) else {
                // What is under way already should not wait in a TLS session's buffer.
                return match Pin::new(stream).poll_flush(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => Poll::Pending,
                };
            };
            piece = left.get(..allowed).unwrap_or(left);
        }
        match Pin::new(&mut *stream).poll_write(cx, piece) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(count)) => {
                if let Some(throttle) = throttle.as_deref_mut() {
                    throttle.spend(count);
                }
                *left = left.get(count..).unwrap_or_default();
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        }
    }
    Pin::new(stream).poll_flush(cx)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use async_io::Async;

    use super::*;
    use crate::live::StopSource;

    fn pair() -> (TcpStream, Wire, StopSource) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let (source, stop) = StopSource::new();
        let wire = Wire::new(Stream::plain(Async::new(server).unwrap()).unwrap(), stop);
        (client, wire, source)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn reads_what_came_and_keeps_what_is_not_used() {
        let (mut client, mut wire, _stop) = pair();
        smol::block_on(async {
            client.write_all(b"EHLO a\r\nMA").unwrap();
            assert!(matches!(wire.fill(LONG, OnStop::Leave).await, Fill::Bytes));
            wire.consume(8);
            client.write_all(b"IL").unwrap();
            assert!(matches!(wire.fill(LONG, OnStop::Leave).await, Fill::Bytes));
            assert_eq!(wire.input(), b"MAIL");
            wire.write_all(b"250 ok\r\n", LONG).await.unwrap();
            let mut reply = [0; 8];
            client.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"250 ok\r\n");
            drop(client);
            assert!(matches!(wire.fill(LONG, OnStop::Leave).await, Fill::Gone));
        });
    }

    #[test]
    fn a_silent_peer_runs_out_of_time_and_only_then() {
        let (mut client, mut wire, _stop) = pair();
        smol::block_on(async {
            let short = Duration::from_millis(30);
            assert!(matches!(wire.fill(short, OnStop::Leave).await, Fill::TimedOut));
            client.write_all(b"x").unwrap();
            assert!(matches!(wire.fill(LONG, OnStop::Leave).await, Fill::Bytes));
            let began = Instant::now();
            assert!(matches!(wire.fill(short, OnStop::Leave).await, Fill::TimedOut));
            assert!(began.elapsed() >= short);
        });
    }

    #[test]
    fn the_stop_ends_an_idle_wait_and_no_other() {
        let (mut client, mut wire, stop) = pair();
        smol::block_on(async {
            client.write_all(b"x").unwrap();
            wire.fill(LONG, OnStop::Leave).await;
            let stopper = std::thread::spawn(move || {
                stop.stop();
                stop
            });
            assert!(matches!(wire.fill(LONG, OnStop::Leave).await, Fill::Stopping));
            let _stop = stopper.join().unwrap();
            client.write_all(b"y").unwrap();
            assert!(matches!(wire.fill(LONG, OnStop::Finish).await, Fill::Bytes));
        });
    }

    #[test]
    fn nothing_is_held_while_idle() {
        let (mut client, mut wire, _stop) = pair();
        smol::block_on(async {
            client.write_all(&vec![b'x'; 60_000]).unwrap();
            while wire.input().len() < 60_000 {
                assert!(matches!(wire.fill(LONG, OnStop::Leave).await, Fill::Bytes));
            }
            wire.consume(60_000);
            assert!(matches!(wire.fill(Duration::from_millis(5), OnStop::Leave).await, Fill::TimedOut));
            assert_eq!(wire.input.capacity(), 0);
        });
    }
}
