//! Passwords come from a prompt without echo, or from standard input; never from the command line, where others see it.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::config::Secret;

/// Longer ones are a mistake.
const MAX: usize = 1024;

/// Asks twice on a terminal; otherwise, or with `from_stdin`, takes the first line of standard input.
pub fn new_password(name: &str, from_stdin: bool) -> anyhow::Result<Secret> {
    if from_stdin || !io::stdin().is_terminal() {
        return line();
    }
    let quiet = Quiet::start()?;
    let first = ask(&format!("Password for {name}: "))?;
    let second = ask("Once more: ")?;
    drop(quiet);
    if first != second {
        bail!("the two are not the same; nothing changed");
    }
    Ok(first)
}

fn ask(prompt: &str) -> anyhow::Result<Secret> {
    let mut out = io::stderr();
    write!(out, "{prompt}").and_then(|()| out.flush())?;
    let password = line();
    let _ = writeln!(out);
    password
}

fn line() -> anyhow::Result<Secret> {
    let mut line = String::new();
    io::Read::take(io::stdin().lock(), MAX as u64 + 2).read_line(&mut line).context("standard input")?;
    let text = line.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("the password is empty; nothing changed");
    }
    if text.len() > MAX {
        bail!("the password is longer than {MAX} bytes");
    }
    Ok(Secret::new(text))
}

/// The terminal without echo, as it was before when dropped.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn start() -> anyhow::Result<Quiet> {
        let before = tcgetattr(io::stdin()).context("terminal")?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        quiet.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet).context("terminal")?;
        Ok(Quiet { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
    }
}
