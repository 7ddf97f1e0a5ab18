//! The command line: reads what is wanted, asks the running program (or the store, where none runs), shows the answer.
//!
//! Holds no logic of its own. Exit status 0: done; 1: it failed, one line on standard error says why; 2: the command
//! is not understood. What prints data prints JSON with `--json`.

mod access;
mod addresses;
mod appliance;
mod arguments;
mod client;
mod commands;
mod config;
mod connections;
mod demo;
mod help;
mod hooks;
mod password;
mod rules;
mod run;
mod show;

use std::io::Write;
use std::process::ExitCode;

use arguments::{Arguments, Usage};

pub fn main() -> ExitCode {
    crate::gateway::tune();
    match Arguments::read(lexopt::Parser::from_env()).and_then(|arguments| commands::run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Broken>() => ExitCode::SUCCESS,
        Err(error) => {
            complain(&chain(&error));
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// The error with its causes, each said once: some say their cause themselves.
fn chain(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.ends_with(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words
}

/// Whoever read our output has left (`pillarbox queue list | head`).
#[derive(Debug, thiserror::Error)]
#[error("output is closed")]
struct Broken;

/// Prints to standard output. Never panics, unlike `println!`.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Broken.into()),
        other => Ok(other?),
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "pillarbox: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let source = std::io::Error::from_raw_os_error(libc::EACCES);
        let store = crate::store::StoreError::io("opening x", source);
        let whole = anyhow::Error::new(store).context("the start");
        assert_eq!(chain(&whole).matches("Permission denied").count(), 1, "{}", chain(&whole));
        assert!(chain(&whole).starts_with("the start: opening x: "));
    }
}
