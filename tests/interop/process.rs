//! Programs under test: found or said to be missing, started, waited for, and stopped when the test is over.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// For everything that should take a moment, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether all these programs are installed. Says which is not.
pub fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| find(program).is_none());
    if let Some(program) = missing {
        eprintln!("skipped: {program} is not installed");
    }
    missing.is_none()
}

/// Postfix and Dovecot change their user, which only root may.
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/lib/postfix/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|dir| dir.join(program)).find(|file| file.is_file())
}

pub fn command(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| program.into()));
    command.stdin(Stdio::null());
    command
}

/// A port of loopback that is free now.
pub fn free_port() -> u16 {
    // The system may name a port again that nobody has taken yet.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

/// Waits until `ready`, or fails naming what was waited for.
pub fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits until the server greets on this port; fails with what it said when it ends before.
pub fn wait_for_greeting(server: &mut Server, port: u16) {
    wait_for_greeting_at(server, "127.0.0.1", port);
}

pub fn wait_for_greeting_at(server: &mut Server, address: &str, port: u16) {
    wait_for(&format!("a greeting on {address} port {port}"), || {
        if let Ok(Some(status)) = server.child.try_wait() {
            panic!("ended with {status}: {}", std::fs::read_to_string(&server.log).unwrap_or_default());
        }
        let Ok(mut stream) = TcpStream::connect((address, port)) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read(&mut [0; 512]).is_ok_and(|read| read > 0)
    });
}

/// A server that runs as long as the test.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// What it says goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Server {
        let out = std::fs::File::create(log).unwrap();
        let child = command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        Server { child, log: log.to_path_buf() }
    }

    /// Ends it as an administrator would.
    pub fn stop(mut self) -> ExitStatus {
        self.terminate()
    }

    fn terminate(&mut self) -> ExitStatus {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.terminate();
        }
    }
}

/// Runs a program to its end; the test fails with all it said unless it succeeds.
pub fn run(command: &mut Command) -> Output {
    run_to(command, &[0])
}

/// As [`run`], for a program that ends in good order with any of these codes.
pub fn run_to(command: &mut Command, codes: &[i32]) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.code().is_some_and(|code| codes.contains(&code)),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
