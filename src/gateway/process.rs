//! What the program is towards the system: its descriptor limit, and whom it runs as.
//!
//! Started as root it works on its data as the service user from the beginning, is root only to bind ports, and then
//! gives root up for good, which is verified.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{self, Gid, Uid, User};

/// Whom the program runs as when it is started as root and no other is named.
pub const DEFAULT_USER: &str = "pillarbox";

/// Descriptors asked for: some thousand sessions, and a reserve. The type is narrower on 32-bit boards.
const DESCRIPTORS: libc::rlim_t = 65_536;

#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    uid: Uid,
    gid: Gid,
}

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("there is no user {0} on this system")]
    NoUser(String),
    #[error("--user needs the program to be started as root")]
    NotRoot,
    #[error("cannot become user {user}: {source}")]
    Become { user: String, source: nix::Error },
    #[error("cannot work on files as user {0}")]
    Files(String),
    #[error("root could be got back after becoming user {0}; not going on")]
    RootRegained(String),
    #[error("{dir} belongs neither to root nor to {user}")]
    Foreign { dir: String, user: String },
    #[error("{path}: {source}")]
    Data { path: String, source: io::Error },
}

/// As high as allowed; failing is no reason not to run.
pub fn raise_descriptor_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    // Root may raise the hard limit too.
    if setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS.max(soft), DESCRIPTORS.max(hard)).is_err() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS.min(hard).max(soft), hard);
    }
}

/// The account to run as: `None` to stay who we are (not root, or root where the default user does not exist).
pub fn service_account(name: Option<&str>) -> Result<Option<Account>, ProcessError> {
    if !unistd::geteuid().is_root() {
        return match name {
            Some(name) if User::from_uid(unistd::geteuid()).ok().flatten().is_none_or(|user| user.name != name) => {
                Err(ProcessError::NotRoot)
            }
            _ => Ok(None),
        };
    }
    if name.is_none() && !is_in_passwd(DEFAULT_USER) {
        return Ok(None);
    }
    match (User::from_name(name.unwrap_or(DEFAULT_USER)), name) {
        (Ok(Some(user)), _) if user.uid.is_root() => Ok(None),
        (Ok(Some(user)), _) => Ok(Some(Account { name: user.name, uid: user.uid, gid: user.gid })),
        (_, Some(name)) => Err(ProcessError::NoUser(name.into())),
        (_, None) => Ok(None),
    }
}

/// Whether the local user file has this name. Asking the C library for a name that is not there loads every name service
/// of the system, which takes as long as the rest of the start.
fn is_in_passwd(name: &str) -> bool {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    users.lines().any(|line| line.split(':').next() == Some(name))
}

/// Gives the data directory, made by root, to the service's account where there is one.
pub fn hand_over(dir: &Path) -> Result<(), ProcessError> {
    prepare_data_dir(dir, service_account(None)?.as_ref())
}

/// The account that owns `dir`, where we are root and it is not ours: what a tool run by root has to act as, so that
/// the service can still read what it writes.
pub fn owner_of(dir: &Path) -> Option<Account> {
    let owner = fs::metadata(dir).ok()?;
    (unistd::geteuid().is_root() && owner.uid() != 0).then(|| Account {
        name: owner.uid().to_string(),
        uid: Uid::from_raw(owner.uid()),
        gid: Gid::from_raw(owner.gid()),
    })
}

/// Makes the data directory (mode 0700) and gives it, with what is in it, from root to the account.
pub fn prepare_data_dir(dir: &Path, account: Option<&Account>) -> Result<(), ProcessError> {
    let fail = |path: &Path| {
        let path = path.display().to_string();
        move |source| ProcessError::Data { path, source }
    };
    if !dir.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fail(dir))?;
    }
    let Some(account) = account else { return Ok(()) };
    match fs::metadata(dir).map_err(fail(dir))?.uid() {
        owner if owner == account.uid.as_raw() => Ok(()),
        0 => give(dir, account),
        _ => Err(ProcessError::Foreign { dir: dir.display().to_string(), user: account.name.clone() }),
    }
}

/// Links are given themselves, never followed.
fn give(path: &Path, account: &Account) -> Result<(), ProcessError> {
    let fail = |source| ProcessError::Data { path: path.display().to_string(), source };
    std::os::unix::fs::lchown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw())).map_err(fail)?;
    if fs::symlink_metadata(path).map_err(fail)?.is_dir() {
        for entry in fs::read_dir(path).map_err(fail)? {
            give(&entry.map_err(fail)?.path(), account)?;
        }
    }
    Ok(())
}

/// Does `work` with the account's rights to files, and comes back.
///
/// Of all ids, that for files belongs to the thread alone: threads that `work` starts keep it, so that none of them
/// ever makes a file as root, also not between `work` and the moment when root is given up.
pub fn with_files_of<T>(account: Option<&Account>, work: impl FnOnce() -> T) -> Result<T, ProcessError> {
    let Some(account) = account else { return Ok(work()) };
    set_file_ids(account.uid, account.gid).map_err(|()| ProcessError::Files(account.name.clone()))?;
    let result = work();
    set_file_ids(Uid::from_raw(0), Gid::from_raw(0)).map_err(|()| ProcessError::Files(account.name.clone()))?;
    Ok(result)
}

fn set_file_ids(uid: Uid, gid: Gid) -> Result<(), ()> {
    // These calls tell what was before, never whether they worked; a second one does.
    unistd::setfsgid(gid);
    unistd::setfsuid(uid);
    if unistd::setfsgid(gid) == gid && unistd::setfsuid(uid) == uid { Ok(()) } else { Err(()) }
}

/// Gives root up for good: further groups, group, user, in this order, in all threads.
pub fn give_up_root(account: &Account) -> Result<(), ProcessError> {
    let fail = |source| ProcessError::Become { user: account.name.clone(), source };
    unistd::setgroups(&[]).map_err(fail)?;
    unistd::setresgid(account.gid, account.gid, account.gid).map_err(fail)?;
    unistd::setresuid(account.uid, account.uid, account.uid).map_err(fail)?;
    let back = unistd::setuid(Uid::from_raw(0)).is_ok() || unistd::setgid(Gid::from_raw(0)).is_ok();
    if back || unistd::geteuid() != account.uid || unistd::getuid() != account.uid {
        return Err(ProcessError::RootRegained(account.name.clone()));
    }
    Ok(())
}
