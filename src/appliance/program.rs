//! The program as a child: started, watched, started again when it has ended, later each time it ends soon.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::log::Log;

/// A program that ran so long ended for another reason than one before.
const LONG: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// For an orderly end: the program itself takes 12 s.
const STOP: Duration = Duration::from_secs(20);

pub(super) struct Program {
    data: PathBuf,
    log: Log,
    child: Option<Child>,
    /// Of this start, or when to start again.
    at: Instant,
    /// Ends in a row, each soon after the start.
    failures: u32,
}

impl Program {
    pub(super) fn new(data: &Path, log: Log) -> Program {
        Program { data: data.to_path_buf(), log, child: None, at: Instant::now(), failures: 0 }
    }

    /// Starts it when it is to run and does not. `true` when it has just been started.
    pub(super) fn keep(&mut self) -> bool {
        if let Some(status) = self.ended() {
            self.failures = if self.at.elapsed() >= LONG { 1 } else { self.failures + 1 };
            let pause = Duration::from_secs(1 << self.failures.min(6)).min(LONGEST_PAUSE);
            self.log
                .add(&format!("keeper: the program ended ({status}) and is started again in {} s", pause.as_secs()));
            self.at = Instant::now() + pause;
        }
        if self.child.is_some() || Instant::now() < self.at {
            return false;
        }
        match self.start() {
            Ok(child) => self.child = Some(child),
            Err(error) => {
                self.failures += 1;
                self.log.add(&format!("keeper: the program cannot be started: {error}"));
            }
        }
        self.at = Instant::now();
        true
    }

    /// How often in a row it ended soon after its start.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn forgive(&mut self) {
        self.failures = 0;
    }

    /// Since the last start.
    pub(super) fn age(&self) -> Duration {
        self.at.elapsed()
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        Some(status)
    }

    fn start(&self) -> io::Result<Child> {
        let mut command = myself(&["run", "--appliance", "--data"])?;
        let mut child = command.arg(&self.data).stderr(Stdio::piped()).spawn()?;
        if let Some(stderr) = child.stderr.take() {
            let log = self.log.clone();
            std::thread::Builder::new().name("log".into()).stack_size(128 * 1024).spawn(move || log.take(stderr))?;
        }
        Ok(child)
    }

    /// Asks it to end, waits, and ends it otherwise. `meanwhile` is called several times a second.
    pub(super) fn stop(&mut self, mut meanwhile: impl FnMut()) {
        let Some(mut child) = self.child.take() else { return };
        let Ok(id) = i32::try_from(child.id()) else { return };
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            meanwhile();
            std::thread::sleep(Duration::from_millis(200));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// This program with another command. Nothing of ours goes in or out but what is asked for.
pub(super) fn myself(words: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

/// Carries a command out to its end, `limit` at most; what it said on standard error when it failed.
pub(super) fn carry_out(mut command: Command, limit: Duration) -> Result<(), String> {
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let said = Log::default();
    let reader = child.stderr.take().map(|stderr| {
        let said = said.clone();
        std::thread::spawn(move || said.take(stderr))
    });
    let until = Instant::now() + limit;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() >= until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("took longer than {} s", limit.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    if let Some(reader) = reader {
        let _ = reader.join();
    }
    if status.success() { Ok(()) } else { Err(said.last(20).trim().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn commands_are_carried_out_to_their_end() {
        let limit = Duration::from_secs(20);
        assert_eq!(carry_out(shell("exit 0"), limit), Ok(()));
        assert_eq!(carry_out(shell("echo line 3: wrong >&2; exit 1"), limit), Err("line 3: wrong".into()));
        assert_eq!(carry_out(shell("exec sleep 600"), Duration::from_millis(100)), Err("took longer than 0 s".into()));
    }
}
