//! Randomness over a power cut: a seed on the data partition, given to the kernel at the start and replaced before
//! anything uses it, so that none counts twice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::kernel::{SEED, add_entropy};

const FILE: &str = "seed";

/// Gives the kernel the seed and writes the next. Without one (the first start) the board's own source has to do.
pub(super) fn use_and_replace(state: &Path) -> io::Result<()> {
    let random = OpenOptions::new().write(true).open("/dev/urandom")?;
    if let Some(seed) = read(state) {
        add_entropy(&random, &seed)?;
    }
    replace(state)
}

fn read(state: &Path) -> Option<[u8; SEED]> {
    let mut seed = [0; SEED];
    File::open(state.join(FILE)).ok()?.read_exact(&mut seed).ok()?;
    Some(seed)
}

/// From the kernel, which waits until it has enough. Whole or not at all, also in a power cut.
fn replace(state: &Path) -> io::Result<()> {
    let mut seed = [0; SEED];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let new = state.join("seed.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&seed)?;
    file.sync_all()?;
    fs::rename(&new, state.join(FILE))?;
    File::open(state)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seed_is_another() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), None);
        replace(dir.path()).unwrap();
        let first = read(dir.path()).unwrap();
        replace(dir.path()).unwrap();
        assert_ne!(read(dir.path()).unwrap(), first);
        fs::write(dir.path().join(FILE), b"half").unwrap();
        assert_eq!(read(dir.path()), None, "what is not whole does not count");
    }
}
