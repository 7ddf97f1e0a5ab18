//! Settings for a box without a browser: `pillarbox.toml` on the boot partition, which every computer can write to. It is
//! put in force once, then its secrets are replaced by stars there; changed by somebody, it is put in force again.
//!
//! A file with mistakes changes nothing; `pillarbox-result.txt` beside it says what is wrong.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use sha2::{Digest, Sha256};

use crate::config::{read_file, without_secrets};

use super::program::{carry_out, myself};

const FILE: &str = "pillarbox.toml";
const RESULT: &str = "pillarbox-result.txt";
/// In `state`: the sum of the file as it was left.
const APPLIED: &str = "applied";
/// Hashing passwords takes its time on a small board.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came of it, for the console; none when there was nothing to do.
pub(super) fn provision(boot: &Path, state: &Path, data: &Path) -> Option<String> {
    let file = boot.join(FILE);
    let text = match read_file(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(format!("{FILE}: {error}")),
        Ok(text) => text,
    };
    if fs::read_to_string(state.join(APPLIED)).is_ok_and(|applied| applied == sum(&text)) {
        return None;
    }
    let imported = import(&file, data);
    let result = match &imported {
        Ok(()) => "The settings in pillarbox.toml are in force. Its secrets are replaced by stars.\r\n".into(),
        Err(wrong) => format!("pillarbox.toml was not put in force:\r\n{}\r\n", wrong.replace('\n', "\r\n")),
    };
    let left = match imported {
        Ok(()) => without_secrets(&text).unwrap_or_default(),
        Err(_) => text.clone(),
    };
    let written = writable(boot, || {
        if left != text {
            overwrite(&file, &text, &left)?;
        }
        fs::write(boot.join(RESULT), &result)
    });
    // Only after it: a power cut between puts the same file in force again.
    let noted = written.and_then(|()| note(state, &sum(&left)));
    if let Err(error) = noted {
        return Some(format!("{FILE}: the boot partition cannot be written, its secrets are still there: {error}"));
    }
    Some(result.trim().replace("\r\n", " "))
}

fn import(file: &Path, data: &Path) -> Result<(), String> {
    let command = || -> io::Result<_> {
        let mut command = myself(&["config", "import"])?;
        command.arg(file).arg("--data").arg(data);
        Ok(command)
    };
    carry_out(command().map_err(|error| error.to_string())?, PATIENCE)
}

fn sum(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn note(state: &Path, sum: &str) -> io::Result<()> {
    let new: PathBuf = state.join("applied.new");
    let mut file = fs::File::create(&new)?;
    file.write_all(sum.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, state.join(APPLIED))?;
    fs::File::open(state)?.sync_all()
}

/// The partition is mounted so that it cannot be written, but for this moment.
fn writable(boot: &Path, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_REMOUNT;
    let remount = |flags| mount(None::<&str>, boot, None::<&str>, flags, None::<&str>).map_err(io::Error::from);
    remount(flags)?;
    let done = work();
    nix::unistd::sync();
    remount(flags | MsFlags::MS_RDONLY)?;
    done
}

/// First over the old bytes where they lie, so that no secret stays in sectors that are merely given free.
fn overwrite(file: &Path, old: &str, new: &str) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).open(file)?;
    let mut bytes = new.as_bytes().to_vec();
    bytes.resize(old.len().max(new.len()), b'\n');
    out.write_all(&bytes)?;
    out.sync_all()?;
    out.set_len(new.len() as u64)?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_old_text_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        for (old, new) in [("password = \"a long secret\"", "x"), ("p", "longer than before")] {
            fs::write(&file, old).unwrap();
            overwrite(&file, old, new).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), new);
        }
    }

    #[test]
    fn without_a_file_or_with_one_that_is_known_nothing_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let (boot, state) = (dir.path(), dir.path());
        assert_eq!(provision(boot, state, Path::new("/nowhere")), None);
        fs::write(boot.join(FILE), "[general]\n").unwrap();
        note(state, &sum("[general]\n")).unwrap();
        assert_eq!(provision(boot, state, Path::new("/nowhere")), None);
        assert!(!boot.join(RESULT).exists());
    }
}
