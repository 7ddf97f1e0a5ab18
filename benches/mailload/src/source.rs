//! The SMTP client that makes load.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::message::{Sizes, message};
use crate::options::Options;
use crate::stats::Times;
use crate::wire::Wire;

struct Load {
    to: String,
    from: String,
    recipients: Vec<String>,
    login: Option<String>,
    sizes: Sizes,
    per_connection: usize,
    pipelining: bool,
    /// Messages wanted in all, and begun so far.
    wanted: usize,
    begun: AtomicUsize,
    deadline: Option<Instant>,
    run: u32,
}

#[derive(Default)]
struct Outcome {
    greeting: Times,
    dot: Times,
    bytes: u64,
    failed: usize,
    last_error: Option<String>,
}

pub fn run(mut options: Options) -> Result<(), String> {
    let connections: usize = options.number("connections")?.unwrap_or(10);
    let messages: Option<usize> = options.number("messages")?;
    let seconds: Option<f64> = options.number("seconds")?;
    let seconds = seconds.or(messages.is_none().then_some(10.0));
    let mut recipients = options.texts("rcpt");
    if recipients.is_empty() {
        recipients.push("bob@sink.test".to_string());
    }
    let started = Instant::now();
    let load = Load {
        to: options.needed("to")?,
        from: options.text("from").unwrap_or_else(|| "load@source.test".to_string()),
        recipients,
        login: options.text("login"),
        sizes: Sizes::parse(&options.text("size").unwrap_or_else(|| "4096".to_string()))?,
        per_connection: options.number("per-connection")?.unwrap_or(10).max(1),
        pipelining: options.switch("pipelining"),
        wanted: messages.unwrap_or(usize::MAX),
        begun: AtomicUsize::new(0),
        deadline: seconds.map(|seconds| started + Duration::from_secs_f64(seconds.clamp(0.1, 86_400.0))),
        run: std::process::id(),
    };
    options.done()?;
    let mut all = Outcome::default();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections.max(1)).map(|_| scope.spawn(|| load.client())).collect();
        for client in clients {
            if let Ok(one) = client.join() {
                all.greeting.append(one.greeting);
                all.dot.append(one.dot);
                all.bytes += one.bytes;
                all.failed += one.failed;
                all.last_error = one.last_error.or(all.last_error.take());
            }
        }
    });
    report(all, started.elapsed())
}

fn report(mut all: Outcome, took: Duration) -> Result<(), String> {
    all.greeting.sort();
    all.dot.sort();
    let seconds = took.as_secs_f64();
    let (rate, mib) = (all.dot.len() as f64 / seconds, all.bytes as f64 / seconds / 1_048_576.0);
    println!("accepted {}, failed {}, in {seconds:.2} s: {rate:.1}/s, {mib:.2} MiB/s", all.dot.len(), all.failed);
    println!("connect to 220   {}", all.greeting);
    println!("last dot to 250  {}", all.dot);
    match all.last_error {
        Some(error) if all.dot.len() == 0 => Err(format!("nothing was accepted: {error}")),
        Some(error) => {
            println!("last failure     {error}");
            Ok(())
        }
        None => Ok(()),
    }
}

impl Load {
    /// Connection after connection, until enough was sent or a hundred attempts in a row have failed.
    fn client(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut in_a_row = 0;
        while !self.is_over() && in_a_row < 100 {
            match self.connection(&mut outcome) {
                Ok(()) => in_a_row = 0,
                Err(error) => {
                    in_a_row += 1;
                    outcome.failed += 1;
                    outcome.last_error = Some(error.to_string());
                }
            }
        }
        outcome
    }

    fn is_over(&self) -> bool {
        self.begun.load(Ordering::Relaxed) >= self.wanted || self.deadline.is_some_and(|at| Instant::now() >= at)
    }

    fn connection(&self, outcome: &mut Outcome) -> io::Result<()> {
        let started = Instant::now();
        let mut wire = Wire::connect(&self.to)?;
        wire.reply(b'2')?;
        outcome.greeting.add(started.elapsed());
        wire.send(b"EHLO mailload.invalid\r\n")?;
        wire.reply(b'2')?;
        if let Some((user, password)) = self.login.as_deref().and_then(|login| login.split_once(':')) {
            wire.send(format!("AUTH PLAIN {}\r\n", base64(format!("\0{user}\0{password}").as_bytes())).as_bytes())?;
            wire.reply(b'2')?;
        }
        for _ in 0..self.per_connection {
            if self.deadline.is_some_and(|at| Instant::now() >= at) {
                break;
            }
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            if number >= self.wanted {
                break;
            }
            self.transaction(&mut wire, number, outcome)?;
        }
        wire.send(b"QUIT\r\n")?;
        wire.reply(b'2')
    }

    fn transaction(&self, wire: &mut Wire, number: usize, outcome: &mut Outcome) -> io::Result<()> {
        let id = format!("{}.{number}", self.run);
        let first = self.recipients.first().map_or("", String::as_str);
        let mut body = message(&id, &self.from, first, self.sizes.of(number));
        let size = body.len() as u64;
        let mut commands = vec![format!("MAIL FROM:<{}>\r\n", self.from)];
        commands.extend(self.recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>\r\n")));
        if self.pipelining {
            wire.send(format!("{}DATA\r\n", commands.concat()).as_bytes())?;
            for _ in &commands {
                wire.reply(b'2')?;
            }
        } else {
            for command in &commands {
                wire.send(command.as_bytes())?;
                wire.reply(b'2')?;
            }
            wire.send(b"DATA\r\n")?;
        }
        wire.reply(b'3')?;
        body.extend_from_slice(b".\r\n");
        wire.send(&body)?;
        let sent = Instant::now();
        wire.reply(b'2')?;
        outcome.dot.add(sent.elapsed());
        outcome.bytes += size;
        Ok(())
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = three >> (18 - 6 * place) & 63;
            text.push(if place > chunk.len() { '=' } else { char::from(ALPHABET[sextet as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
