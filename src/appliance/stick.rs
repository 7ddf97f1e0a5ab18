//! Backup onto a USB stick, and restore from one: the stick is mounted for that and taken away again, so that it may be
//! pulled out at any other time.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::program::{carry_out, myself};
use crate::net::now_ms;

const MOUNT: &str = "/media/usb";
/// The folder that is restored from.
const RESTORE: &str = "pillarbox-restore";
const PATIENCE: Duration = Duration::from_secs(3600);
/// A stick needs some seconds after the board's start to appear.
const APPEARS: Duration = Duration::from_secs(6);

/// A new folder on the stick with a copy of everything.
pub(super) fn backup(data: &Path) -> Result<String, String> {
    // The program writes, not we.
    let owner = fs::metadata(data).map_err(|error| error.to_string())?;
    let stick = Stick::mount(Some((owner.uid(), owner.gid())))?;
    let name = format!("pillarbox-{}", stamp(now_ms()));
    let to = stick.path.join(&name);
    let mut command = myself(&["backup"]).map_err(|error| error.to_string())?;
    command.arg(&to).arg("--data").arg(data);
    carry_out(command, PATIENCE)?;
    drop(stick);
    Ok(format!("the backup is in {name} on the stick, which may be pulled out"))
}

/// `20261124-1205`, UTC.
fn stamp(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y%m%d-%H%M%S").to_string()
}

/// Puts the folder `pillarbox-restore` of a stick in the place of `data`, which is kept beside it. `None` without such
/// a stick.
pub(super) fn restore(data: &Path) -> Option<Result<String, String>> {
    let until = Instant::now() + APPEARS;
    let stick = loop {
        match Stick::mount(None) {
            Ok(stick) => break stick,
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(200)),
            Err(_) => return None,
        }
    };
    let from = stick.path.join(RESTORE);
    from.is_dir().then(|| restore_from(&from, data))
}

fn restore_from(from: &Path, data: &Path) -> Result<String, String> {
    let text = |error: io::Error| error.to_string();
    // Beside first, so that what is there stays until the copy is whole.
    let new = data.with_extension("restored");
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(text(error)),
        _ => {}
    }
    let mut command = myself(&["restore"]).map_err(text)?;
    command.arg(from).arg("--data").arg(&new);
    carry_out(command, PATIENCE)?;
    if data.exists() {
        let aside = (1..1000).map(|number| data.with_extension(format!("aside-{number}"))).find(|path| !path.exists());
        fs::rename(data, aside.ok_or("too many folders were put aside")?).map_err(text)?;
    }
    fs::rename(&new, data).map_err(text)?;
    nix::unistd::sync();
    Ok("the backup of the stick is restored".into())
}

struct Stick {
    path: PathBuf,
}

impl Stick {
    /// The first partition of the first stick, or the stick itself. FAT or ext4. To be written by `owner`, else to be read.
    fn mount(owner: Option<(u32, u32)>) -> Result<Stick, String> {
        let path = PathBuf::from(MOUNT);
        fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        let mut why = "no USB stick is plugged in".to_string();
        for device in devices() {
            for kind in ["vfat", "ext4"] {
                match mount_as(&device, kind, &path, owner) {
                    Ok(()) => return Ok(Stick { path }),
                    Err(error) => why = format!("the stick cannot be used ({error}); FAT32 and ext4 can"),
                }
            }
        }
        Err(why)
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        nix::unistd::sync();
        if let Err(error) = umount2(&self.path, MntFlags::empty()) {
            log::warn!("{}: {error}", self.path.display());
            let _ = umount2(&self.path, MntFlags::MNT_DETACH);
        }
    }
}

/// Partitions of USB disks, before disks without any.
fn devices() -> Vec<PathBuf> {
    let names = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.starts_with("sd"));
    names.sort_by_key(|name| (!name.ends_with(|last: char| last.is_ascii_digit()), name.clone()));
    names.into_iter().map(|name| PathBuf::from("/dev").join(name)).collect()
}

fn mount_as(device: &Path, kind: &str, at: &Path, owner: Option<(u32, u32)>) -> Result<(), nix::Error> {
    let mut flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NOATIME;
    if owner.is_none() {
        flags |= MsFlags::MS_RDONLY;
    }
    // FAT knows no owners: all is theirs who mounts.
    let options = match (kind, owner) {
        ("vfat", Some((user, group))) => format!("uid={user},gid={group},umask=077"),
        _ => String::new(),
    };
    mount(Some(device), at, Some(kind), flags, Some(options.as_str()))?;
    if let ("ext4", Some((user, group))) = (kind, owner) {
        let _ = std::os::unix::fs::chown(at, Some(user), Some(group));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_by_the_time() {
        assert_eq!(stamp(1_795_521_900_000), "20261124-120500");
    }
}
