//! Scripts at the start: those of the store, those that somebody has put into the data directory; and where their words go.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Published;
use crate::hooks::{Hooks, LONGEST_SCRIPT, Outlet, name_is_good, script_text};
use crate::live::{Board, LogFiles};
use crate::net::now_ms;
use crate::store::{Change, SavedScript, Store, StoreError};

/// In the data directory.
const FOLDER: &str = "scripts";
/// Files that are taken in at a start, at most.
const MOST: usize = 500;

struct Words {
    logs: LogFiles,
    board: Board,
}

impl Outlet for Words {
    fn line(&self, file: &str, text: &str) {
        self.logs.write(file, text);
    }

    fn problem(&self, place: &str, text: &str) {
        if self.board.problem(now_ms(), place, text) {
            log::warn!("{place}: {text}");
        }
    }
}

/// Scripts print to `Lua.out`, and what goes wrong in them stands in `Luaerrors.log` and on the status page.
pub fn hooks(store: &Store, config: &Published, board: &Board) -> Result<Hooks, StoreError> {
    let words = Words { logs: LogFiles::below(store.dir()), board: board.clone() };
    let hooks = Hooks::new(config.clone(), Arc::new(words));
    hooks.load(store)?;
    Ok(hooks)
}

/// Takes `scripts/*.lua` and `scripts/USER/*.lua` of the data directory into the store. Each is `NAME.old` afterwards.
pub fn take_in(store: &Store) -> Result<(), StoreError> {
    let folder = store.dir().join(FOLDER);
    let (mut files, users) = look(&folder);
    for user in users {
        files.extend(look(&user).0);
    }
    let mut taken = Vec::new();
    let mut changes = Vec::new();
    for file in files.into_iter().take(MOST) {
        let name = file.strip_prefix(&folder).unwrap_or(&file).to_string_lossy().into_owned();
        match read(&file) {
            Some(text) if name_is_good(&name) => {
                changes.push(Change::ScriptSaved(SavedScript { name, text, saved_at: now_ms() }));
                taken.push(file);
            }
            _ => log::warn!("scripts: {} is too long, cannot be read, or has no good name", file.display()),
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    smol::block_on(async {
        store.commit(changes).await?;
        store.settled().await
    })?;
    for file in taken {
        let mut old = file.clone().into_os_string();
        old.push(".old");
        match fs::rename(&file, &old) {
            Ok(()) => log::info!("scripts: {} is in the store now", file.display()),
            Err(error) => log::warn!("scripts: {} is in the store now, and still there: {error}", file.display()),
        }
    }
    Ok(())
}

/// Scripts in a folder, and the folders in it.
fn look(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return Default::default() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let is_script = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("lua"));
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    (files.into_iter().filter(is_script).collect(), folders)
}

fn read(file: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(file).ok()?.take(LONGEST_SCRIPT as u64 + 1).read_to_end(&mut bytes).ok()?;
    script_text(&bytes)
}
