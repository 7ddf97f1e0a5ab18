//! `VPOP3Net.GetHTTP`: a page by HTTP or HTTPS, for scripts (spec lua-hooks §23.5; the form is ours).
//!
//! `GetHTTP(url [, headers])` gives body, status and header fields, or nothing and the reason. One request, no redirects
//! followed, certificates checked. Addresses of the office's networks and of this host are asked only where a setting
//! allows that: a script may take its address from a mail. The address that was looked at is the one connected to.

use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlua::{Lua, MultiValue, Table};
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::limits::Meter;
use crate::config::{Config, Published, name_servers};
use crate::net::dns::{Resolver, Servers, connect};
use crate::net::listen::is_local;
use crate::net::timeout;
use crate::net::tls::ClientTls;

/// For all of it.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer, header included.
const LARGEST: u64 = 1024 * 1024;
/// Addresses of a host that are tried, and header lines that are sent or looked at.
const ADDRESSES: usize = 4;
const FIELDS: usize = 64;

#[derive(Debug, PartialEq)]
struct Page {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Target<'a> {
    secure: bool,
    /// Without brackets.
    host: &'a str,
    port: u16,
    /// As it stands in the URL, with its port.
    authority: &'a str,
    path: &'a str,
}

/// Makes the table `VPOP3Net`.
pub(super) fn install(lua: &Lua, config: &Published, meter: &Arc<Meter>) -> mlua::Result<()> {
    let (config, meter) = (config.clone(), meter.clone());
    let get = move |lua: &Lua, (url, headers): (String, Option<Table>)| {
        let fields = headers.map(|headers| lines(&headers)).transpose()?.unwrap_or_default();
        let fetched = meter.waiting(|left| fetched(&config.current(), &url, &fields, LIMIT.min(left)));
        let mut answer = MultiValue::new();
        match fetched {
            Ok(page) => {
                let fields = lua.create_table()?;
                for (name, value) in page.fields {
                    fields.set(name.to_lowercase(), value)?;
                }
                answer.push_back(mlua::Value::String(lua.create_string(page.body)?));
                answer.push_back(mlua::Value::Integer(page.status.into()));
                answer.push_back(mlua::Value::Table(fields));
            }
            Err(error) => {
                answer.push_back(mlua::Value::Nil);
                answer.push_back(mlua::Value::String(lua.create_string(error.to_string())?));
            }
        }
        Ok(answer)
    };
    let table = lua.create_table()?;
    table.set("GetHTTP", lua.create_function(get)?)?;
    lua.globals().set("VPOP3Net", table)
}

/// `{ Name = "value" }` or `{ "Name: value" }`.
fn lines(headers: &Table) -> mlua::Result<Vec<String>> {
    let mut lines = Vec::new();
    for pair in headers.pairs::<mlua::Value, String>().take(FIELDS) {
        let (name, value) = pair?;
        let line = match name {
            mlua::Value::String(name) => format!("{}: {value}", name.to_string_lossy()),
            _ => value,
        };
        lines.push(line.chars().filter(|c| !c.is_control()).collect());
    }
    Ok(lines)
}

fn fetched(config: &Config, url: &str, fields: &[String], limit: Duration) -> Result<Page> {
    let target = target(url).ok_or_else(|| wrong("this is no address of a page: http:// or https://"))?;
    let answer = smol::block_on(timeout(limit, ask(config, target, fields)));
    let bytes = answer.map_err(|late| Error::new(ErrorKind::TimedOut, late.to_string()))??;
    page(&bytes)
}

fn wrong(text: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}

/// `None` where it is no URL of these kinds, or has a name and a password in it.
fn target(url: &str) -> Option<Target<'_>> {
    let url = url.trim();
    let url = url.split('#').next().unwrap_or_default();
    let scheme = |name: &str| {
        let found = url.get(..name.len()).filter(|found| found.eq_ignore_ascii_case(name))?;
        url.get(found.len()..)
    };
    let (secure, rest) = scheme("https://").map(|rest| (true, rest)).or_else(|| Some((false, scheme("http://")?)))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let usual = if secure { 443 } else { 80 };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, if after.is_empty() { usual } else { after.strip_prefix(':')?.parse().ok()? })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, usual),
        },
    };
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && !host.is_empty() && !authority.contains('@')).then_some(Target { secure, host, port, authority, path })
}

async fn ask(config: &Config, target: Target<'_>, fields: &[String]) -> Result<Vec<u8>> {
    let dns = &config.dns;
    let resolver = Resolver::new(Servers { listed: name_servers(&dns.servers), detected: dns.detect_servers });
    let addresses = resolver.addresses(target.host).await.map_err(Error::other)?;
    let may = |address: &IpAddr| config.scripts.private_addresses || !is_private(*address);
    let allowed: Vec<IpAddr> = addresses.into_iter().filter(may).take(ADDRESSES).collect();
    let mut failed = wrong("the address belongs to this network, where the settings do not let scripts fetch from");
    for address in allowed {
        match connect(&resolver, &address.to_string(), target.port, LIMIT).await {
            Ok(mut stream) => {
                if target.secure {
                    let ca_file = Some(config.tls.ca_file.as_str()).filter(|file| !file.is_empty()).map(Path::new);
                    let tls = ClientTls::verified(ca_file).map_err(Error::other)?;
                    stream = stream.connect_tls(&tls, target.host).await?;
                }
                stream.write_all(request(target, fields).as_bytes()).await?;
                stream.flush().await?;
                let mut bytes = Vec::new();
                // Some servers end without the farewell of TLS; whether all is there, the length in the header says.
                match stream.take(LARGEST + 1).read_to_end(&mut bytes).await {
                    Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error),
                    _ if bytes.len() as u64 > LARGEST => return Err(wrong("the page is larger than 1 MiB")),
                    _ => return Ok(bytes),
                }
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn request(target: Target<'_>, fields: &[String]) -> String {
    let slash = if target.path.starts_with('/') { "" } else { "/" };
    let mut text = format!(
        "GET {slash}{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept-Encoding: identity\r\n",
        target.path, target.authority
    );
    let ours = ["host", "connection", "accept-encoding", "transfer-encoding", "content-length"];
    for field in fields {
        let name = field.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        if field.contains(':') && !name.is_empty() && !ours.contains(&name.as_str()) {
            text.push_str(field);
            text.push_str("\r\n");
        }
    }
    text.push_str("\r\n");
    text
}

/// Not on the Internet: this host, the networks it is in, and those that are never routed.
fn is_private(address: IpAddr) -> bool {
    let never = match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || a == 0
                || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unspecified() || v6.is_multicast(),
    };
    never || is_local(address)
}

fn page(bytes: &[u8]) -> Result<Page> {
    let mut found = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut found);
    let parsed = response.parse(bytes).map_err(|_| wrong("the answer is no HTTP"))?;
    let (httparse::Status::Complete(end), Some(status)) = (parsed, response.code) else {
        return Err(wrong("the answer ended in the middle of its header"));
    };
    let fields: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|field| (field.name.to_string(), String::from_utf8_lossy(field.value).into_owned()))
        .collect();
    let of =
        |name: &str| fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    let rest = bytes.get(end..).unwrap_or_default();
    let cut = || wrong("the answer ended in its middle");
    let body = if of("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        chunks(rest).ok_or_else(cut)?
    } else {
        match of("Content-Length").map(str::parse::<usize>) {
            Some(Ok(length)) => rest.get(..length).ok_or_else(cut)?.to_vec(),
            Some(Err(_)) => return Err(wrong("the answer is no HTTP")),
            None => rest.to_vec(),
        }
    };
    Ok(Page { status, fields, body })
}

/// A body in chunks (RFC 9112 §7.1).
fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let (line, after) = rest.split_at(end + 1);
        let size = std::str::from_utf8(line).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};

    use super::*;

    #[test]
    fn urls() {
        let of = |url| target(url).map(|t| (t.secure, t.host, t.port, t.path));
        assert_eq!(of("HTTP://a.example:8080/x?y#z"), Some((false, "a.example", 8080, "/x?y")));
        assert_eq!(of("https://[::1]"), Some((true, "::1", 443, "")));
        for wrong in
            ["ftp://a.example/", "http://", "https://u:p@a.example/", "http://a:x/", "http://a/b c", "a.example"]
        {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn answers() {
        let of =
            |text: &str| page(text.as_bytes()).map(|page| (page.status, String::from_utf8(page.body).unwrap())).ok();
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(of(chunked), Some((200, "abcde".into())));
        assert_eq!(of("HTTP/1.0 404 No\r\nContent-Length: 2\r\n\r\nxyz"), Some((404, "xy".into())));
        assert_eq!(of("HTTP/1.0 200 OK\r\n\r\nall"), Some((200, "all".into())));
        for wrong in ["", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", &chunked[..60]] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn networks_of_the_office_are_not_the_internet() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "169.254.1.1",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        assert!(!is_private("198.51.100.7".parse().unwrap()) && !is_private("2001:db8::7".parse().unwrap()));
    }

    #[test]
    fn a_script_fetches_where_it_may() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = Vec::new();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap();
                if line.is_empty() {
                    break;
                }
                lines.push(line);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Is: there\r\nContent-Length: 2\r\n\r\nhi").unwrap();
            lines
        });
        let config = Published::default();
        let lua = Lua::new();
        let meter = Arc::new(Meter::default());
        meter.begin(&super::super::Limits::default());
        install(&lua, &config, &meter).unwrap();
        let get = |path: &str| {
            let code = format!(
                "local body, status, fields = VPOP3Net.GetHTTP('http://127.0.0.1:{port}{path}', {{ ['X-Key'] = 'a\\r\\nHost: b', Host = 'x' }})
                 return tostring(body), tostring(status), fields and fields['x-is']"
            );
            lua.load(code).eval::<(String, String, Option<String>)>().unwrap()
        };
        let (body, reason, _) = get("/");
        assert!(body == "nil" && reason.contains("belongs to this network"), "{reason}");
        let mut changed = Config::default();
        changed.scripts.private_addresses = true;
        config.publish(changed);
        assert_eq!(get("/page?x=1"), ("hi".into(), "200".into(), Some("there".into())));
        let asked = server.join().unwrap();
        assert_eq!(asked[0], "GET /page?x=1 HTTP/1.1");
        assert_eq!(asked.iter().filter(|line| line.to_lowercase().starts_with("host:")).count(), 1);
        assert!(asked.contains(&"X-Key: aHost: b".to_string()), "{asked:?}");
        // Nobody listens any more.
        let (body, reason, _) = get("/");
        assert!(body == "nil" && reason.contains("refused"), "{reason}");
    }
}
