//! Boards have no clock that runs while they are off. At the start the clock is set to the newest time known: when the
//! image was built, when the time was last known, when the data were last written. It is never set back by that.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};

/// Its time of change is the time last known.
const FILE: &str = "clock";

/// When the image was built: seconds since 1970 in a file of the image.
pub(super) fn built(file: &Path) -> SystemTime {
    let seconds = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    UNIX_EPOCH + Duration::from_secs(u32::try_from(seconds).map_or(0, u64::from))
}

/// The newest time known. `state` is where [`save`] saves, `data` the program's directory, whose parts change with mail.
pub(super) fn floor(built: SystemTime, state: &Path, data: &Path) -> SystemTime {
    let changed = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    let inside = [data.join("log"), data.join("index")];
    let files = inside.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten().map(|entry| entry.path());
    let known = files.chain([state.join(FILE)]).filter_map(|path| changed(&path));
    // A file from the future was written under a wrong clock; it must not make that clock the right one for ever.
    let latest = built + LONGEST_LIFE;
    known.filter(|time| *time < latest).fold(built, SystemTime::max)
}

/// No board runs longer than this on one image: 20 years.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

pub(super) fn set(time: SystemTime) -> io::Result<()> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(since)).map_err(io::Error::from)
}

/// One small write: at the first answer after the start, and at the end.
pub(super) fn save(state: &Path) -> io::Result<()> {
    let file = File::options().create(true).truncate(false).write(true).open(state.join(FILE))?;
    file.set_modified(SystemTime::now())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_time_known_counts() {
        let dir = tempfile::tempdir().unwrap();
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let (state, data) = (dir.path(), dir.path().join("data"));
        let built = at(1_800_000_000);
        assert_eq!(floor(built, state, &data), built, "nothing is there yet");
        fs::create_dir_all(data.join("log")).unwrap();
        let touch = |path: &Path, time| File::create(path).unwrap().set_modified(time).unwrap();
        touch(&data.join("log/1"), at(1_700_000_000));
        assert_eq!(floor(built, state, &data), built, "data older than the image");
        touch(&data.join("log/2"), at(1_810_000_000));
        assert_eq!(floor(built, state, &data), at(1_810_000_000));
        save(state).unwrap();
        touch(&state.join(FILE), at(1_820_000_000));
        assert_eq!(floor(built, state, &data), at(1_820_000_000));
        touch(&data.join("log/3"), at(4_000_000_000));
        assert_eq!(floor(built, state, &data), at(1_820_000_000), "a file from the far future");
    }

    #[test]
    fn the_time_of_building() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(built(file.path()), UNIX_EPOCH);
        fs::write(file.path(), "1800000000\n").unwrap();
        assert_eq!(built(file.path()), UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        fs::write(file.path(), "99999999999999\n").unwrap();
        assert_eq!(built(file.path()), UNIX_EPOCH);
    }
}
