//! One connection of the front: requests one after the other, each read whole, passed on, answered whole.
//!
//! A request reaches tiny_http only when all of it is here, and a reply is taken from tiny_http whole before the client
//! gets it: so a slow client costs a little memory of ours, never one of tiny_http's threads.

use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use async_io::{Async, Timer};
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::net::timeout;

use super::front::Limits;
use super::head::{Head, Refused};

/// Bytes of a reply at most; pages and answers are far smaller.
const MAX_REPLY: usize = 4 * 1024 * 1024;

/// After a refused login the answer waits, so that guessing is slow.
const WRONG_LOGIN: Duration = Duration::from_secs(1);

/// Serves requests until the client leaves, errs, or a limit is reached.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    peer: IpAddr,
    control: &Path,
    limits: &Limits,
) -> Result<()> {
    let mut pending = Vec::new();
    loop {
        let head = match next_head(&mut stream, &mut pending, limits).await? {
            None => return Ok(()),
            Some(Ok(head)) => head,
            Some(Err(refused)) => return refuse(&mut stream, refused, limits).await,
        };
        if head.expects_continue && pending.is_empty() {
            within(limits.reply, stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")).await?;
            within(limits.reply, stream.flush()).await?;
        }
        within(limits.body, fill(&mut stream, &mut pending, head.body)).await?;
        let body: Vec<u8> = pending.drain(..head.body).collect();
        let reply = match within(limits.backend, pass_on(control, &head, peer, &body)).await {
            Ok(reply) => reply,
            Err(error) => {
                log::warn!("status page: {error}");
                return refuse(&mut stream, Refused { status: 503, reason: "Service Unavailable" }, limits).await;
            }
        };
        if reply.status == 401 && head.login {
            Timer::after(WRONG_LOGIN).await;
        }
        within(limits.reply, stream.write_all(&reply.bytes(head.keep_alive))).await?;
        within(limits.reply, stream.flush()).await?;
        if !head.keep_alive {
            return within(limits.reply, stream.close()).await;
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// `None` when the client has left between requests, or was silent for too long.
async fn next_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    pending: &mut Vec<u8>,
    limits: &Limits,
) -> Result<Option<std::result::Result<Head, Refused>>> {
    if pending.is_empty() {
        match timeout(limits.idle, read_some(stream, pending)).await {
            Ok(Ok(1..)) => {}
            Ok(Err(error)) => return Err(error),
            Ok(Ok(0)) | Err(_) => return Ok(None),
        }
    }
    within(limits.head, async {
        loop {
            match Head::parse(pending) {
                Ok(Some((head, length))) => {
                    pending.drain(..length);
                    return Ok(Some(Ok(head)));
                }
                Ok(None) if read_some(stream, pending).await? == 0 => return Ok(None),
                Ok(None) => {}
                Err(refused) => return Ok(Some(Err(refused))),
            }
        }
    })
    .await
}

async fn read_some<S: AsyncRead + Unpin>(stream: &mut S, pending: &mut Vec<u8>) -> Result<usize> {
    let mut piece = [0; 2048];
    let count = stream.read(&mut piece).await?;
    pending.extend_from_slice(piece.get(..count).unwrap_or_default());
    Ok(count)
}

async fn fill<S: AsyncRead + Unpin>(stream: &mut S, pending: &mut Vec<u8>, wanted: usize) -> Result<()> {
    while pending.len() < wanted {
        if read_some(stream, pending).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, refused: Refused, limits: &Limits) -> Result<()> {
    let Refused { status, reason } = refused;
    let text = format!(
        "HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{reason}\n",
        reason.len() + 1
    );
    within(limits.reply, stream.write_all(text.as_bytes())).await?;
    within(limits.reply, stream.flush()).await?;
    within(limits.reply, stream.close()).await
}

/// The server's reply, framed for the client.
struct Reply {
    status: u16,
    reason: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// What Content-Length says; with HEAD there is no body to it.
    length: usize,
}

async fn pass_on(control: &Path, head: &Head, peer: IpAddr, body: &[u8]) -> Result<Reply> {
    let mut server = Async::<UnixStream>::connect(control).await?;
    server.write_all(&head.forwarded(peer)).await?;
    server.write_all(body).await?;
    server.flush().await?;
    let mut bytes = Vec::new();
    (&mut server).take(MAX_REPLY as u64).read_to_end(&mut bytes).await?;
    Reply::parse(&bytes, head.method == "HEAD").ok_or_else(|| Error::new(ErrorKind::InvalidData, "cut reply"))
}

impl Reply {
    fn parse(bytes: &[u8], without_body: bool) -> Option<Reply> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(end)) = response.parse(bytes) else { return None };
        let body = bytes.get(end..)?;
        let mut reply = Reply {
            status: response.code?,
            reason: response.reason.unwrap_or_default().to_string(),
            fields: Vec::new(),
            body: body.to_vec(),
            length: 0,
        };
        for field in response.headers.iter() {
            match field.name.to_ascii_lowercase().as_str() {
                "content-length" => reply.length = std::str::from_utf8(field.value).ok()?.trim().parse().ok()?,
                "transfer-encoding" => return None,
                "connection" | "server" => {}
                _ => reply.fields.push((field.name.to_string(), field.value.to_vec())),
            }
        }
        (without_body || body.len() == reply.length).then_some(reply)
    }

    fn bytes(&self, keep_alive: bool) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        bytes.extend_from_slice(
            format!("Content-Length: {}\r\nConnection: {connection}\r\n\r\n", self.length).as_bytes(),
        );
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
