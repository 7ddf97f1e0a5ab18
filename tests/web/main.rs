//! The status page from the network: what the front lets through, what it refuses, and who may look.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use pillarbox::config::{Config, Published};
use pillarbox::live::{Board, Signals, StopSource};
use pillarbox::net::dns::Resolver;
use pillarbox::net::tls::{ClientTls, ServerTls};
use pillarbox::net::{Stream, Tasks};
use pillarbox::policy::{Logins, Watch};
use pillarbox::store::Store;
use pillarbox::web::{self, Api, Control, Front, Limits, control_path};
use smol::io::{AsyncReadExt, AsyncWriteExt};

mod login;

const PATIENCE: Duration = Duration::from_secs(20);

/// The page on a free port, with short limits.
struct Site {
    address: SocketAddr,
    store: Store,
    control: Option<Control>,
    _stop: StopSource,
    _end: StopSource,
    _dir: tempfile::TempDir,
}

impl Site {
    fn start(users: &str) -> Site {
        let short = Duration::from_millis(400);
        Site::with(users, Limits { head: short, body: short, idle: short, handshake: short, ..Limits::default() })
    }

    fn with(users: &str, limits: Limits) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (stop, stopping) = StopSource::new();
        let (end, ended) = StopSource::new();
        let config = Published::new(Config::fresh().from_toml(users).unwrap());
        let tasks = Tasks::default();
        let watch = Watch::new(store.clone(), tasks.clone());
        let api = Api {
            store: store.clone(),
            config: config.clone(),
            board: Board::default(),
            signals: Signals::default(),
            logins: Logins::default(),
            hooks: pillarbox::hooks::Hooks::default(),
            watch: watch.clone(),
            running: true,
            started_at: 0,
            changing: Arc::default(),
            wishes: Default::default(),
            sessions: web::Sessions::default(),
            by: web::OWNER.into(),
            resolver: Resolver::new(Vec::new()),
        };
        let control = Some(Control::start(dir.path(), api).unwrap());
        let tls = ServerTls::self_signed(dir.path(), "box.example").unwrap();
        let control_socket = control_path(dir.path());
        let front = Front {
            config,
            watch,
            tasks: tasks.clone(),
            tls,
            control: control_socket,
            stop: stopping,
            limits,
            send_on_to: None,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        tasks.spawn(web::front(front, listener)).detach();
        std::thread::spawn(move || async_io::block_on(tasks.run(ended.stopping())));
        Site { address, store, control, _stop: stop, _end: end, _dir: dir }
    }

    async fn connect(&self) -> std::io::Result<Stream> {
        let tcp = Async::<TcpStream>::connect(self.address).await?;
        Stream::plain(tcp)?.connect_tls(&ClientTls::opportunistic(), "box.example").await
    }

    /// Sends `bytes`, gives everything that comes back until the box closes.
    fn send(&self, bytes: &[u8]) -> String {
        within(async {
            let mut stream = self.connect().await.unwrap();
            // The box may refuse, and close, before it has all.
            let _ = stream.write_all(bytes).await;
            let _ = stream.flush().await;
            let mut reply = Vec::new();
            let _ = stream.read_to_end(&mut reply).await;
            String::from_utf8_lossy(&reply).into_owned()
        })
    }

    fn get(&self, path: &str, fields: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n{fields}\r\n").as_bytes())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(control) = self.control.take() {
            control.stop();
        }
        self.store.close().unwrap();
    }
}

fn within<T>(work: impl Future<Output = T>) -> T {
    smol::block_on(smol::future::or(work, async {
        Timer::after(PATIENCE).await;
        panic!("this takes too long");
    }))
}

fn status(reply: &str) -> &str {
    reply.split_whitespace().nth(1).unwrap_or("nothing")
}

/// The body of a reply, as JSON.
fn json(reply: &str) -> serde_json::Value {
    let body = reply.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {reply}"))
}

#[test]
fn the_page_is_there_for_everybody_and_kept_by_browsers() {
    let site = Site::start("");
    let page = site.get("/", "");
    assert_eq!(status(&page), "200");
    assert!(page.contains("Content-Security-Policy: default-src 'none'") && page.contains("<!doctype html>"), "{page}");
    assert!(page.contains("Cache-Control: no-cache"), "{page}");
    let files: Vec<&str> = page.split('"').filter(|name| name.starts_with("/w/")).collect();
    assert!(files.len() > 4, "{page}");
    for file in &files {
        let reply = site.get(file, "");
        let body = reply.split_once("\r\n\r\n").unwrap().1;
        assert!(status(&reply) == "200" && body.len() > 100, "{file}: {reply}");
        assert!(reply.contains("Cache-Control: public, max-age=31536000, immutable"), "{reply}");
        assert!(site.get(file, "Accept-Encoding: gzip\r\n").contains("Content-Encoding: gzip"), "{file}");
    }
    let tag = page.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
    assert_eq!(status(&site.get("/", &format!("If-None-Match: {tag}\r\n"))), "304");
    assert_eq!(status(&site.get("/etc/passwd", "")), "404");
    assert_eq!(status(&site.get("/../src/main.rs", "")), "404");
    assert_eq!(status(&site.send(b"POST / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")), "405");
}

#[test]
fn requests_the_front_refuses() {
    let site = Site::start("");
    let long = format!("GET / HTTP/1.1\r\nX-Long: {}\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
    for (request, expected) in [
        (long.as_str(), "431"),
        (&many, "431"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411"),
        ("POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nabcd", "411"),
        ("POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: -4\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: 524289\r\n\r\n", "413"),
        ("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "400"),
        ("PRI * HTTP/2.0\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\r\n\r\n", "400"),
    ] {
        let reply = site.send(request.as_bytes());
        assert_eq!(status(&reply), expected, "{:.60}", request);
        assert!(reply.contains("Connection: close"), "{reply}");
    }
    assert_eq!(status(&site.get("/", "")), "200", "the box is still there");
}

#[test]
fn one_request_after_the_other_on_one_connection() {
    let site = Site::start("");
    let three = "GET /index.html HTTP/1.1\r\nHost: b\r\n\r\nHEAD /index.html HTTP/1.1\r\nHost: b\r\n\r\n\
                 GET /api/v1/session HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    let reply = site.send(three.as_bytes());
    assert_eq!(reply.matches("HTTP/1.1 200 OK").count(), 3, "{reply}");
    assert_eq!(reply.matches("Connection: keep-alive").count(), 2, "{reply}");
    assert_eq!(reply.matches("<!doctype html>").count(), 1, "HEAD has no body: {reply}");
    assert!(reply.contains("application/json"), "{reply}");
}

#[test]
fn clients_that_are_slow_or_silent_are_left() {
    let site = Site::start("");
    let began = Instant::now();
    for start in ["GET / HT", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", ""] {
        assert_eq!(site.send(start.as_bytes()), "", "{start}");
    }
    // No handshake at all.
    within(async {
        let mut tcp = Async::<TcpStream>::connect(site.address).await.unwrap();
        assert_eq!(tcp.read(&mut [0; 10]).await.unwrap_or(0), 0);
    });
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(status(&site.get("/", "")), "200");
}

#[test]
fn one_address_cannot_take_all_connections() {
    let site = Site::with("", Limits { per_address: 3, ..Limits::default() });
    within(async {
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(site.connect().await.unwrap());
        }
        assert!(site.connect().await.is_err(), "a fourth is closed");
        open.pop();
        // The place is free as soon as the box has seen the client leave.
        while site.connect().await.is_err() {
            Timer::after(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn the_page_is_closed_to_addresses_that_are_not_allowed() {
    let open = Site::start("[web]\naccess = [{ network = \"local-networks\" }]\n");
    assert_eq!(status(&open.get("/", "")), "200");
    let closed = Site::start("[web]\naccess = [{ network = \"192.0.2.0/24\" }]\n");
    assert!(within(closed.connect()).is_err());
}
