//! The SMTP server that counts: the smarthost's part.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::wire::Wire;

struct Sink {
    delay: Duration,
    extensions: String,
    messages: AtomicU64,
    bytes: AtomicU64,
    connections: AtomicU64,
    begun: AtomicBool,
}

pub fn run(mut options: Options) -> Result<(), String> {
    let listen = options.needed("listen")?;
    let wanted: u64 = options.number("messages")?.unwrap_or(u64::MAX);
    let mut extensions = String::from("250-SIZE 0\r\n250-8BITMIME\r\n");
    if !options.switch("no-pipelining") {
        extensions.push_str("250-PIPELINING\r\n");
    }
    if options.switch("chunking") {
        extensions.push_str("250-CHUNKING\r\n");
    }
    let sink = Arc::new(Sink {
        delay: Duration::from_millis(options.number("delay-ms")?.unwrap_or(0)),
        extensions,
        messages: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        connections: AtomicU64::new(0),
        begun: AtomicBool::new(false),
    });
    options.done()?;
    let listener = TcpListener::bind(&listen).map_err(|error| format!("{listen}: {error}"))?;
    println!("listening on {}", listener.local_addr().map_err(|error| error.to_string())?);
    let accepting = sink.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sink = accepting.clone();
            sink.begun.store(true, Ordering::Relaxed);
            thread::spawn(move || sink.session(stream));
        }
    });
    sink.watch(wanted);
    Ok(())
}

impl Sink {
    /// Prints a line each second in which something came, and the whole at the end.
    fn watch(&self, wanted: u64) {
        while !self.begun.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        let started = Instant::now();
        let (mut told, mut told_at) = (0, started);
        loop {
            let received = self.messages.load(Ordering::Relaxed);
            if received >= wanted {
                let seconds = started.elapsed().as_secs_f64();
                println!("received {received} in {seconds:.2} s: {:.1}/s", received as f64 / seconds);
                return;
            }
            if told_at.elapsed() >= Duration::from_secs(1) {
                if received > told {
                    let rate = (received - told) as f64 / told_at.elapsed().as_secs_f64();
                    let mib = self.bytes.load(Ordering::Relaxed) / (1 << 20);
                    let connections = self.connections.load(Ordering::Relaxed);
                    println!("received {received} ({mib} MiB), {rate:.1}/s, {connections} connections so far");
                }
                (told, told_at) = (received, Instant::now());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn session(&self, stream: TcpStream) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        // A client that leaves in the middle is no matter for a sink.
        let _ = Wire::new(stream).and_then(|wire| self.serve(wire));
    }

    fn serve(&self, mut wire: Wire) -> io::Result<()> {
        wire.send(b"220 sink.test ESMTP\r\n")?;
        let mut replies = Vec::new();
        loop {
            let Some(line) = wire.line()? else { return Ok(()) };
            let line = String::from_utf8_lossy(line).to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default() {
                "EHLO" => {
                    let text = format!("250-sink.test\r\n{}250 ENHANCEDSTATUSCODES\r\n", self.extensions);
                    replies.extend_from_slice(text.as_bytes());
                }
                "DATA" => {
                    replies.extend_from_slice(b"354 go ahead\r\n");
                    wire.send(&std::mem::take(&mut replies))?;
                    self.read_data(&mut wire)?;
                    replies.extend_from_slice(b"250 2.0.0 counted\r\n");
                }
                "BDAT" => {
                    let size = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
                    wire.skip(size)?;
                    self.bytes.fetch_add(size, Ordering::Relaxed);
                    if words.next() == Some("LAST") {
                        self.count();
                    }
                    replies.extend_from_slice(b"250 2.0.0 counted\r\n");
                }
                "QUIT" => {
                    replies.extend_from_slice(b"221 2.0.0 bye\r\n");
                    return wire.send(&replies);
                }
                "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => replies.extend_from_slice(b"250 2.0.0 ok\r\n"),
                _ => replies.extend_from_slice(b"502 5.5.1 not here\r\n"),
            }
            if !wire.has_more() {
                wire.send(&std::mem::take(&mut replies))?;
            }
        }
    }

    fn read_data(&self, wire: &mut Wire) -> io::Result<()> {
        let mut bytes = 0;
        loop {
            match wire.line()? {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(b".") => break,
                Some(line) => bytes += line.len() as u64 + 2,
            }
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.count();
        Ok(())
    }

    fn count(&self) {
        thread::sleep(self.delay);
        self.messages.fetch_add(1, Ordering::Relaxed);
    }
}
