//! Runs the binary under test.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

pub const BINARY: &str = env!("CARGO_BIN_EXE_pillarbox");
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A box for an office with one user, on free ports, whose sender is paused.
pub const OFFICE: &str = r#"
[general]
host_name = "box.office.example"
default_domain = "office.example"
local_domains = ["office.example"]
main_administrator = "anna"

[[smtp]]
listen = ["127.0.0.1:0"]

[[pop3]]
listen = ["127.0.0.1:0"]

[web]
listen = ["127.0.0.1:0"]

[[users]]
name = "anna"

[[connections]]
name = "Provider"
paused = true
[connections.sender]
hosts = [{ host = "127.0.0.1", port = 9 }]
encryption = "none"
"#;

/// Directories and files of one test.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A command on this place's data, to its end.
    pub fn ask(&self, words: &[&str]) -> Output {
        self.ask_with(words, "")
    }

    /// The same with something on standard input.
    pub fn ask_with(&self, words: &[&str], input: &str) -> Output {
        let mut child = Command::new(BINARY)
            .args(words)
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub fn answer(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, words: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.answer(&[words, &["--json"]].concat())).unwrap()
    }

    /// The one line of a command that must fail with `status`.
    pub fn refusal(&self, words: &[&str], status: i32) -> String {
        refusal(&self.ask(words), status)
    }

    pub fn start(&self, config: &str) -> Program {
        let file = self.write("office.toml", config);
        Program::start(&self.data(), &["--config", file.to_str().unwrap()])
    }
}

pub fn refusal(output: &Output, status: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "one line is wanted: {text}");
    lines[0].strip_prefix("pillarbox: ").expect("begins with the program's name").to_string()
}

/// Options of `run` for tests: root stays root, so that everybody can read the test's directories.
pub fn run_options() -> Vec<&'static str> {
    if nix::unistd::geteuid().is_root() { vec!["run", "--user", "root"] } else { vec!["run"] }
}

/// A running box; killed when dropped.
pub struct Program {
    pub child: Child,
    /// The start table.
    pub table: String,
}

impl Program {
    pub fn start(data: &Path, options: &[&str]) -> Program {
        Program::start_as(&run_options(), data, options)
    }

    pub fn start_as(run: &[&str], data: &Path, options: &[&str]) -> Program {
        let mut command = Command::new(BINARY);
        command.args(run).arg("--data").arg(data).args(options);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut table = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // The last line names the status page; where the start fails, the output ends.
        while !table.contains("status page https") {
            if out.read_line(&mut table).unwrap() == 0 {
                let mut errors = String::new();
                child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
                panic!("the program did not start: {table}{errors}");
            }
        }
        Program { child, table }
    }

    /// Where the service whose row starts with `name` listens.
    pub fn address(&self, name: &str) -> SocketAddr {
        let row = self.table.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        row.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for the end.
    pub fn end(mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the program does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn stop(self) -> ExitStatus {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        self.end()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A conversation: each command after the reply before it. Gives the replies' last lines.
pub fn talk(address: SocketAddr, commands: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let reply = |reader: &mut BufReader<TcpStream>| loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the box closed the connection");
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_string();
        }
    };
    let mut replies = vec![reply(&mut reader)];
    for command in commands {
        reader.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        replies.push(reply(&mut reader));
    }
    replies
}

/// Sends a mail from the office to the outside.
pub fn send(smtp: SocketAddr, subject: &str) {
    let mail = format!("From: anna@office.example\r\nSubject: {subject}\r\n\r\nhello\r\n.");
    let commands =
        ["EHLO desk", "MAIL FROM:<anna@office.example>", "RCPT TO:<customer@example.net>", "DATA", &mail, "QUIT"];
    let replies = talk(smtp, &commands);
    assert!(replies[5].starts_with("250"), "{replies:?}");
}
