//! A browser that comes without encryption is sent on to HTTPS. Nothing else is answered in clear, and nothing is kept
//! in the browser, so that another port may be set later.

use std::io::{ErrorKind, Result};

use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::front::Limits;
use crate::net::timeout;

/// Bytes of a request looked at.
const MOST: usize = 8 * 1024;
const MAX_FIELDS: usize = 64;

/// Answers one request; `port` is that of HTTPS.
pub async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, port: u16, limits: &Limits) -> Result<()> {
    let late = || ErrorKind::TimedOut.into();
    let place = timeout(limits.head, place(&mut stream, port)).await.unwrap_or_else(|_| Err(late()))?;
    let (status, location) = match place {
        Some(place) => ("307 Temporary Redirect", format!("Location: {place}\r\n")),
        None => ("400 Bad Request", String::new()),
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\n{location}Cache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let sent = async {
        stream.write_all(reply.as_bytes()).await?;
        stream.flush().await?;
        stream.close().await
    };
    timeout(limits.reply, sent).await.unwrap_or_else(|_| Err(late()))
}

/// Where the browser should have gone; `None` when that cannot be told.
async fn place<S: AsyncRead + Unpin>(stream: &mut S, port: u16) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await?;
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) => return Ok(location(&request, port)),
            Ok(httparse::Status::Partial) if count > 0 && bytes.len() < MOST => {}
            _ => return Ok(None),
        }
    }
}

fn location(request: &httparse::Request<'_, '_>, port: u16) -> Option<String> {
    let field = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("host"))?;
    let host = std::str::from_utf8(field.value).ok()?.trim();
    let host = match host.rsplit_once(':') {
        Some((host, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let path = request.path.filter(|path| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()))?;
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    Some(match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_on(request: &str, port: u16) -> Option<String> {
        smol::block_on(place(&mut request.as_bytes(), port)).unwrap()
    }

    #[test]
    fn to_the_same_host_and_path() {
        for (host, port, expected) in [
            ("box", 443, Some("https://box/a?b")),
            ("box.local:80", 443, Some("https://box.local/a?b")),
            ("192.0.2.1:8080", 10443, Some("https://192.0.2.1:10443/a?b")),
            ("[2001:db8::1]:80", 443, Some("https://[2001:db8::1]/a?b")),
            ("", 443, None),
            ("a/b", 443, None),
            ("a\"b", 443, None),
        ] {
            let request = format!("GET /a?b HTTP/1.1\r\nAccept: */*\r\nHost: {host}\r\n\r\n");
            assert_eq!(sent_on(&request, port).as_deref(), expected, "{host}");
        }
        for bad in ["GET / HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n", "GET http://x/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /"]
        {
            assert_eq!(sent_on(bad, 443), None, "{bad}");
        }
        assert_eq!(sent_on(&format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(20_000)), 443), None);
    }
}
