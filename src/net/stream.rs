//! A byte stream that is plain or encrypted, and can become encrypted on the way (STARTTLS, STLS).
//!
//! Under TLS what is written may stay in the session until `flush`: flush after the last byte of each reply.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use futures_rustls::{TlsAcceptor, TlsConnector};
use rustls::ProtocolVersion;
use rustls_pki_types::ServerName;
use smol::io::{AsyncRead, AsyncWrite};

use super::tls::words::plain;
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
        let (version, suite) = match self {
            Stream::Plain(_) => return None,
            Stream::Server(tls) => {
                let session = tls.get_ref().1;
                (session.protocol_version(), session.negotiated_cipher_suite())
            }
            Stream::Client(tls) => {
                let session = tls.get_ref().1;
                (session.protocol_version(), session.negotiated_cipher_suite())
            }
        };
        let version = match version {
            Some(ProtocolVersion::TLSv1_3) => "TLS1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS1.2",
            _ => "TLS",
        };
        let suite = suite.and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
        Some(format!("{version} {suite}"))
    }

    /// Server side handshake. Bytes the client sent in clear before it must have been thrown away by the caller.
    /// Sets no time limit: the caller does, 30 s is fair.
    pub async fn accept_tls(self, tls: &ServerTls) -> io::Result<Stream> {
        let encrypted = TlsAcceptor::from(tls.config.clone()).accept(self.into_plain()?).await?;
        Ok(Stream::Server(Box::new(encrypted)))
    }

    /// Client side handshake with the server called `name`, a host name or an address as text. Sets no time limit.
    pub async fn connect_tls(self, tls: &ClientTls, name: &str) -> io::Result<Stream> {
        let bare = name.strip_suffix('.').unwrap_or(name).trim_start_matches('[').trim_end_matches(']');
        let server = ServerName::try_from(bare.to_string())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is not a host name")))?;
        let encrypted =
            TlsConnector::from(tls.config.clone()).connect(server, self.into_plain()?).await.map_err(plain)?;
        Ok(Stream::Client(Box::new(encrypted)))
    }

    fn into_plain(self) -> io::Result<Async<TcpStream>> {
        match self {
            Stream::Plain(tcp) => Ok(tcp),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the connection is encrypted already")),
        }
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
        let read = match self.get_mut() {
            Stream::Plain(s) => return Pin::new(s).poll_read(cx, buf),
            Stream::Server(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Client(s) => Pin::new(s).poll_read(cx, buf),
        };
        match read {
            // Many mail programs leave without TLS's own good-bye. It proves nothing here: SMTP and POP3 say
            // themselves where a message and a session end.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(0)),
            read => read,
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::path::Path;

    use smol::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const NAME: &str = "mail.office.example";

    async fn pair() -> (Stream, Stream) {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let client = Async::<TcpStream>::connect(address).await.unwrap();
        let server = listener.accept().await.unwrap().0;
        (Stream::plain(server).unwrap(), Stream::plain(client).unwrap())
    }

    async fn handshake(server: &ServerTls, client: &ClientTls, name: &str) -> (io::Result<Stream>, io::Result<Stream>) {
        let (accepted, connected) = pair().await;
        smol::future::zip(accepted.accept_tls(server), connected.connect_tls(client, name)).await
    }

    fn own(dir: &Path) -> ServerTls {
        ServerTls::self_signed(dir, NAME).unwrap()
    }

    #[test]
    fn any_certificate_will_do_for_opportunistic_encryption() {
        let dir = tempfile::tempdir().unwrap();
        let tls = own(dir.path());
        for server in [tls.clone(), tls.without_tickets()] {
            for name in ["other.example", "127.0.0.1", "[::1]", "other.example."] {
                smol::block_on(async {
                    let (server, client) = handshake(&server, &ClientTls::opportunistic(), name).await;
                    let (mut server, mut client) = (server.unwrap(), client.unwrap());
                    assert!(server.is_encrypted() && client.is_encrypted());
                    assert!(server.encryption().unwrap().starts_with("TLS1.3 TLS13_"));
                    assert_eq!(server.encryption(), client.encryption());
                    client.write_all(b"EHLO there\r\n").await.unwrap();
                    client.flush().await.unwrap();
                    let mut line = [0; 12];
                    server.read_exact(&mut line).await.unwrap();
                    assert_eq!(&line, b"EHLO there\r\n");
                });
            }
        }
    }

    #[test]
    fn a_verified_server_needs_a_known_authority_and_the_right_name() {
        let dir = tempfile::tempdir().unwrap();
        let server = own(dir.path());
        let built_in = ClientTls::verified(None).unwrap();
        let with_own = ClientTls::verified(Some(&dir.path().join("certificate.pem"))).unwrap();
        smol::block_on(async {
            let unknown = handshake(&server, &built_in, NAME).await.1.err().unwrap().to_string();
            assert!(unknown.contains("from no authority known here"), "{unknown}");
            assert!(handshake(&server, &with_own, "other.example").await.1.is_err());
            assert!(handshake(&server, &with_own, NAME).await.1.is_ok());
        });
        assert!(ClientTls::verified(Some(&dir.path().join("none.pem"))).is_err());
    }

    #[test]
    fn leaving_without_a_good_bye_is_an_end() {
        let dir = tempfile::tempdir().unwrap();
        smol::block_on(async {
            // Unread tickets would make of the good-bye a reset.
            let tls = own(dir.path()).without_tickets();
            let (server, client) = handshake(&tls, &ClientTls::opportunistic(), NAME).await;
            drop(client.unwrap());
            assert_eq!(server.unwrap().read(&mut [0; 16]).await.unwrap(), 0);
        });
    }
}
