//! The head of a request from the network (RFC 9112), measured and judged before tiny_http sees anything of it.
//!
//! What is passed on is written anew from the few header fields we use, so that nothing a client sends can be taken
//! for ours, and no two readers can disagree about where a request ends.

use std::net::IpAddr;

/// Bytes of a head at most.
pub const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// Bytes of a request's body at most.
pub const MAX_BODY: usize = 512 * 1024;

/// Names the peer to our own handlers; dropped from what clients send, like every field not listed here.
pub const PEER_FIELD: &str = "X-Pillarbox-Peer";
const PASSED_ON: [&str; 7] =
    ["Accept-Encoding", "Content-Type", "Cookie", "Host", "If-None-Match", "X-CSRF-Token", "X-Background"];

/// A request we are willing to pass on.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub method: &'static str,
    /// Bytes of body that follow.
    pub body: usize,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
    pub keep_alive: bool,
    /// A login is tried.
    pub login: bool,
    target: String,
    fields: Vec<(&'static str, String)>,
}

/// Why a request is answered here and its connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub reason: &'static str,
}

const fn refused<T>(status: u16, reason: &'static str) -> Result<T, Refused> {
    Err(Refused { status, reason })
}

impl Head {
    /// The head at the start of `bytes` and its length; `None` when more bytes are needed.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Refused> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
            Ok(_) => return refused(431, "Request Header Fields Too Large"),
            Err(httparse::Error::TooManyHeaders) => return refused(431, "Request Header Fields Too Large"),
            Err(_) => return refused(400, "Bad Request"),
        };
        let head = Head::judge(&request)?;
        Ok(Some((head, length)))
    }

    fn judge(request: &httparse::Request<'_, '_>) -> Result<Head, Refused> {
        let method = match request.method {
            Some("GET") => "GET",
            Some("HEAD") => "HEAD",
            Some("POST") => "POST",
            Some("PUT") => "PUT",
            Some("DELETE") => "DELETE",
            _ => return refused(405, "Method Not Allowed"),
        };
        let target = request.path.unwrap_or_default();
        if !target.starts_with('/') || target.len() > 2048 || target.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return refused(400, "Bad Request");
        }
        let keep_alive = request.version == Some(1);
        let mut head = Head {
            method,
            body: 0,
            expects_continue: false,
            keep_alive,
            login: method == "POST" && target == "/api/v1/session",
            target: target.to_string(),
            fields: Vec::new(),
        };
        let mut length = None;
        for field in request.headers.iter() {
            head.field(field.name, field.value, &mut length)?;
        }
        head.body = length.unwrap_or(0);
        Ok(head)
    }

    fn field(&mut self, name: &str, value: &[u8], length: &mut Option<usize>) -> Result<(), Refused> {
        let Ok(value) = std::str::from_utf8(value) else { return refused(400, "Bad Request") };
        let value = value.trim_ascii();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                // "+5" parses as a number but is none here; a second length is a disagreement waiting to happen.
                if length.is_some() || value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                    return refused(400, "Bad Request");
                }
                match value.parse() {
                    Ok(bytes) if bytes <= MAX_BODY => *length = Some(bytes),
                    _ => return refused(413, "Content Too Large"),
                }
            }
            "transfer-encoding" => return refused(411, "Length Required"),
            "upgrade" => return refused(400, "Bad Request"),
            "expect" if value.eq_ignore_ascii_case("100-continue") => self.expects_continue = true,
            "expect" => return refused(417, "Expectation Failed"),
            "connection" if value.split(',').any(|word| word.trim().eq_ignore_ascii_case("close")) => {
                self.keep_alive = false;
            }
            _ => {
                let Some(name) = PASSED_ON.iter().find(|known| known.eq_ignore_ascii_case(name)) else { return Ok(()) };
                if self.fields.iter().any(|(known, _)| known == name) {
                    return refused(400, "Bad Request");
                }
                self.fields.push((name, value.to_string()));
            }
        }
        Ok(())
    }

    /// As it is passed on to the server, which closes the connection after its reply.
    pub fn forwarded(&self, peer: IpAddr) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.target);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("{PEER_FIELD}: {peer}\r\nContent-Length: {}\r\n\r\n", self.body));
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<(Head, usize)>, Refused> {
        Head::parse(text.as_bytes())
    }

    fn status(text: &str) -> u16 {
        parse(text).unwrap_err().status
    }

    #[test]
    fn a_plain_request_is_written_anew() {
        let text =
            "GET /api/v1/status HTTP/1.1\r\nHost: box\r\nX-Pillarbox-Peer: 127.0.0.1\r\nAuthorization: a\r\n\r\nrest";
        let (head, length) = parse(text).unwrap().unwrap();
        assert_eq!(length, text.len() - 4);
        assert!(head.keep_alive);
        let forwarded = String::from_utf8(head.forwarded([192, 0, 2, 7].into())).unwrap();
        assert_eq!(
            forwarded,
            "GET /api/v1/status HTTP/1.1\r\nConnection: close\r\nHost: box\r\n\
             X-Pillarbox-Peer: 192.0.2.7\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn an_unfinished_head_waits_and_an_oversize_one_does_not() {
        assert_eq!(parse("GET / HTTP/1.1\r\nHost: b"), Ok(None));
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(MAX_HEAD))), 431);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(MAX_HEAD))), 431);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_FIELDS + 1))), 431);
    }

    #[test]
    fn framing_that_two_readers_could_disagree_about_is_refused() {
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n"), 411);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 524289\r\n\r\n"), 413);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 413);
        assert_eq!(status("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nExpect: tea\r\n\r\n"), 417);
    }

    #[test]
    fn targets_are_paths() {
        assert_eq!(status("GET http://elsewhere/ HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("OPTIONS * HTTP/1.1\r\n\r\n"), 405);
        assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(3000))), 400);
    }
}
