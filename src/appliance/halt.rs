//! An orderly end of the whole board.

use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

use super::{clock, console, watchdog::Watchdog};

/// The program has ended. What is left is written, the data partition is closed, the board stops or starts anew. Returns
/// only when the kernel refuses.
pub(super) fn halt(state: &Path, watchdog: Option<Watchdog>, again: bool) {
    if let Err(error) = clock::save(state) {
        log::warn!("clock: {error}");
    }
    nix::unistd::sync();
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    if let Err(error) = mount(None::<&str>, state, None::<&str>, flags, None::<&str>) {
        log::warn!("{}: {error}", state.display());
    }
    if let Some(watchdog) = watchdog {
        watchdog.stop();
    }
    console::print(if again { "starting anew" } else { "stopped; the power may be cut" });
    let mode = if again { RebootMode::RB_AUTOBOOT } else { RebootMode::RB_POWER_OFF };
    let Err(error) = reboot(mode);
    log::error!("the board does not stop: {error}");
}
