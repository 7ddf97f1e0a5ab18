//! A byte stream that is plain or encrypted, and can become encrypted on the way (STARTTLS, STLS).

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use smol::io::{AsyncRead, AsyncWrite};

use super::tls::{ClientTls, ServerTls};

/// TCP with TCP_NODELAY set, plain or under TLS.
pub enum Stream {
    Plain(Async<TcpStream>),
    Server(Box<futures_rustls::server::TlsStream<Async<TcpStream>>>),
    Client(Box<futures_rustls::client::TlsStream<Async<TcpStream>>>),
}

impl Stream {
    /// Takes an accepted or connected socket.
    pub fn plain(tcp: Async<TcpStream>) -> io::Result<Stream> {
        tcp.get_ref().set_nodelay(true)?;
        Ok(Stream::Plain(tcp))
    }

    pub fn is_encrypted(&self) -> bool {
        !matches!(self, Stream::Plain(_))
    }

    /// Protocol version and cipher suite, such as `TLS1.3 TLS13_AES_256_GCM_SHA384`, for Received lines and logs.
    pub fn encryption(&self) -> Option<String> {
        unimplemented!()
    }

    /// Server side handshake. Bytes the client sent in clear before it must have been thrown away by the caller.
    pub async fn accept_tls(self, _tls: &ServerTls) -> io::Result<Stream> {
        unimplemented!()
    }

    /// Client side handshake with the server called `name`.
    pub async fn connect_tls(self, _tls: &ClientTls, _name: &str) -> io::Result<Stream> {
        unimplemented!()
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().get_ref().peer_addr()
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().get_ref().local_addr()
    }

    fn tcp(&self) -> &Async<TcpStream> {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Server(tls) => tls.get_ref().0,
            Stream::Client(tls) => tls.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Server(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Client(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Server(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Client(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_flush(cx),
            Stream::Server(s) => Pin::new(s).poll_flush(cx),
            Stream::Client(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_close(cx),
            Stream::Server(s) => Pin::new(s).poll_close(cx),
            Stream::Client(s) => Pin::new(s).poll_close(cx),
        }
    }
}
