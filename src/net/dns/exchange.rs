//! One question to one server: UDP first, TCP for an answer that was cut.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use async_io::Async;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use crate::net::timeout;
use crate::proto::dns::{Judged, Question};

const UDP_WAIT: Duration = Duration::from_secs(2);
const TCP_WAIT: Duration = Duration::from_secs(4);

/// Datagrams that are no answer to the question before the attempt is given up: somebody is guessing.
const MAX_FOREIGN: usize = 64;

/// Larger than what the query allows: some servers do not care.
const DATAGRAM: usize = 4096;

/// Never [`Judged::Foreign`] or [`Judged::Truncated`].
pub(super) async fn ask(server: SocketAddr, question: &Question, edns: bool) -> io::Result<Judged> {
    let id = random_id()?;
    let query = question.query(id, edns).map_err(io::Error::other)?;
    match timeout(UDP_WAIT, over_udp(server, question, id, &query)).await.map_err(late)?? {
        Judged::Truncated => timeout(TCP_WAIT, over_tcp(server, question, id, &query)).await.map_err(late)?,
        judged => Ok(judged),
    }
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(id))
}

fn late(_: impl std::error::Error) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer")
}

/// The socket is connected, so that the kernel keeps other senders away, and new, so that its port is random.
async fn over_udp(server: SocketAddr, question: &Question, id: u16, query: &[u8]) -> io::Result<Judged> {
    let own = if server.is_ipv4() {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    };
    let socket = Async::<UdpSocket>::bind(own)?;
    socket.get_ref().connect(server)?;
    socket.send(query).await?;
    let mut datagram = vec![0; DATAGRAM];
    for _ in 0..MAX_FOREIGN {
        let length = socket.recv(&mut datagram).await?;
        match question.judge(id, datagram.get(..length).unwrap_or_default()) {
            Judged::Foreign => log::debug!("name server {server}: a datagram that answers no question of ours"),
            judged => return Ok(judged),
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "answers other questions"))
}

/// RFC 7766: messages with their length in front.
async fn over_tcp(server: SocketAddr, question: &Question, id: u16, query: &[u8]) -> io::Result<Judged> {
    let mut stream = Async::<TcpStream>::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    let mut framed = Vec::with_capacity(2 + query.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(query);
    stream.write_all(&framed).await?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).await?;
    match question.judge(id, &message) {
        Judged::Foreign | Judged::Truncated => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "sent no whole answer over TCP"))
        }
        judged => Ok(judged),
    }
}
