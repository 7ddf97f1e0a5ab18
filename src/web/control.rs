//! The server behind both the socket and the front: tiny_http on `control.sock` in the data directory.
//!
//! tiny_http keeps no limits and its accept thread can die when descriptors run out; so only the owner of the data and
//! our front reach it, and it is asked for a sign of life each minute and set up anew when it gives none.

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use tiny_http::{Header, Response, Server};

use super::access::{Carried, caller};
use super::api::{self, Api, Caller};
use super::head::PEER_FIELD;
use super::pages;

/// Bytes of a body from the socket at most: a whole configuration.
const MAX_BODY: u64 = 4 * 1024 * 1024;
const WATCH: Duration = Duration::from_secs(60);
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// Compressing takes some of it.
const STACK: usize = 2 * 1024 * 1024;
/// Threads that answer: some may be busy with a backup, a test at a provider, a login.
const THREADS: usize = 4;

/// Where the socket is. The path must fit a socket address (107 bytes).
pub fn control_path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// The running server.
pub struct Control {
    watch: Option<JoinHandle<()>>,
    stop: mpsc::Sender<()>,
}

impl Control {
    /// The data directory is ours (the store has locked it), so a socket left there is of a program that died.
    pub fn start(data: &Path, api: Api) -> io::Result<Control> {
        let path = control_path(data);
        let mut service = Service::start(&path, &api)?;
        let (stop, stopped) = mpsc::channel();
        let watch = std::thread::Builder::new().name("control".into()).stack_size(STACK).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(WATCH) {
                if is_alive(&path) {
                    continue;
                }
                log::error!("the control socket does not answer and is set up anew");
                service.stop();
                match Service::start(&path, &api) {
                    Ok(anew) => service = anew,
                    Err(error) => return log::error!("control socket: {error}"),
                }
            }
            service.stop();
        })?;
        Ok(Control { watch: Some(watch), stop })
    }

    /// Ends the server and removes the socket.
    pub fn stop(mut self) {
        let _ = self.stop.send(());
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
    }
}

fn is_alive(path: &Path) -> bool {
    let ask = || -> io::Result<bool> {
        let mut socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(SIGN_OF_LIFE))?;
        socket.set_write_timeout(Some(SIGN_OF_LIFE))?;
        socket.write_all(b"GET /index.html HTTP/1.1\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        socket.read_exact(&mut start)?;
        Ok(start.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// One life of tiny_http with its answering threads.
struct Service {
    server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
}

impl Service {
    fn start(path: &Path, api: &Api) -> io::Result<Service> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let server = Server::from_listener(listen(path)?, None).map_err(io::Error::other)?;
        let server = Arc::new(server);
        let mut threads = Vec::with_capacity(THREADS);
        for number in 0..THREADS {
            let (server, api) = (server.clone(), api.clone());
            let builder = std::thread::Builder::new().name(format!("web-{number}")).stack_size(STACK);
            threads.push(builder.spawn(move || answer_all(&server, &api))?);
        }
        Ok(Service { server, threads })
    }

    fn stop(&mut self) {
        for _ in &self.threads {
            self.server.unblock();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Only the owner may connect from the first moment on.
fn listen(path: &Path) -> io::Result<UnixListener> {
    /// Umask belongs to the process: one at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}

fn answer_all(server: &Server, api: &Api) {
    while let Ok(mut request) = server.recv() {
        let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answer(&mut request, api)));
        let reply = answered.unwrap_or_else(|_| Reply::text(500, "this failed; the log says why"));
        // The peer may have gone meanwhile.
        let _ = request.respond(reply.into_response());
    }
}

/// Status, header fields, body.
struct Reply {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn text(status: u16, text: &str) -> Reply {
        let fields = vec![("Content-Type", "text/plain; charset=utf-8".into()), ("Cache-Control", "no-store".into())];
        Reply { status, fields, body: format!("{text}\n").into_bytes() }
    }

    /// As an API error.
    fn error(status: u16, text: &str) -> Reply {
        Reply::of(api::Response {
            status,
            kind: "application/json",
            body: serde_json::json!({ "error": text }).to_string().into_bytes(),
            cookie: None,
        })
    }

    fn of(response: api::Response) -> Reply {
        let mut fields = vec![("Content-Type", response.kind.to_string()), ("Cache-Control", "no-store".into())];
        fields.extend(response.cookie.map(|cookie| ("Set-Cookie", cookie)));
        Reply { status: response.status, fields, body: response.body }
    }

    /// Text of some length travels compressed. Nothing secret stands in an answer beside what a stranger chose, so the
    /// length tells nothing.
    fn compressed(mut self, request: &tiny_http::Request) -> Reply {
        let is_packed = self.fields.iter().any(|(name, _)| *name == "Content-Encoding");
        if !is_packed && self.body.len() > 1024 && pages::takes_gzip(field(request, "Accept-Encoding")) {
            self.body = pages::gzip(&self.body, 4);
            self.fields.push(("Content-Encoding", "gzip".into()));
        }
        self
    }

    fn into_response(self) -> Response<io::Cursor<Vec<u8>>> {
        let mut response = Response::from_data(self.body).with_status_code(self.status);
        let always = pages::FIELDS.into_iter().map(|(name, value)| (name, value.to_string()));
        for (name, value) in always.chain(self.fields) {
            if let Ok(header) = Header::from_bytes(name, value) {
                response.add_header(header);
            }
        }
        // The front and the command line want a length, not chunks.
        response.with_chunked_threshold(usize::MAX)
    }
}

fn answer(request: &mut tiny_http::Request, api: &Api) -> Reply {
    let mut body = Vec::new();
    let too_large = request.body_length().is_some_and(|length| length as u64 > MAX_BODY);
    if too_large || request.as_reader().take(MAX_BODY).read_to_end(&mut body).is_err() {
        return Reply::text(413, "the request is too large");
    }
    let (method, target) = (request.method().as_str().to_string(), request.url().to_string());
    let Some(path) = target.strip_prefix("/api/v1/") else { return page(request, &method, &target) };
    let peer = match field(request, PEER_FIELD).map(str::parse::<IpAddr>) {
        None => None,
        Some(Ok(peer)) => Some(peer),
        Some(Err(_)) => return Reply::text(400, "bad request"),
    };
    let carried = Carried {
        method: &method,
        kind: field(request, "Content-Type"),
        cookie: field(request, "Cookie"),
        token: field(request, "X-CSRF-Token"),
        background: field(request, "X-Background").is_some(),
    };
    let caller = match peer.map_or(Ok(Caller::Owner), |peer| caller(api, peer, &carried)) {
        Ok(caller) => caller,
        Err(why) => return Reply::error(403, why),
    };
    let response = async_io::block_on(api.handle(api::Request { method: &method, path, body: &body, caller, peer }));
    Reply::of(response).compressed(request)
}

/// A file of the page. It has nothing in it that a stranger may not see.
fn page(request: &tiny_http::Request, method: &str, target: &str) -> Reply {
    let Some(page) = pages::page(target) else { return Reply::text(404, "there is nothing here") };
    if !matches!(method, "GET" | "HEAD") {
        return Reply::text(405, "this can only be looked at");
    }
    let mut fields = vec![("Content-Type", page.kind.into()), ("Cache-Control", page.cache.into())];
    fields.push(("ETag", page.tag.clone()));
    fields.push(("Vary", "Accept-Encoding".into()));
    if field(request, "If-None-Match") == Some(page.tag.as_str()) {
        return Reply { status: 304, fields, body: Vec::new() };
    }
    if pages::takes_gzip(field(request, "Accept-Encoding")) {
        fields.push(("Content-Encoding", "gzip".into()));
        return Reply { status: 200, fields, body: page.packed.clone() };
    }
    Reply { status: 200, fields, body: page.bytes.to_vec() }
}

fn field<'a>(request: &'a tiny_http::Request, name: &str) -> Option<&'a str> {
    let found = request.headers().iter().find(|header| header.field.as_str().as_str().eq_ignore_ascii_case(name));
    found.map(|header| header.value.as_str())
}
