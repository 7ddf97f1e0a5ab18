//! The configuration file of `run --config`: the way a box is set up without hands.
//!
//! It is put in force at start once each time it has changed, so that what the administrator changed since is not undone
//! by each restart. Which one was applied is remembered by its size and time of change, beside the data.

use std::path::Path;
use std::time::SystemTime;

use crate::config::{Config, Published, read_file};
use crate::store::Store;
use crate::web::settings::{self, SettingsError};

use super::StartError;

const APPLIED: &str = "applied-config";

pub struct Provision {
    file: String,
    text: String,
    mark: String,
}

impl Provision {
    pub fn read(path: &Path) -> Result<Provision, StartError> {
        let file = path.display().to_string();
        let unreadable = |source| StartError::ConfigFile { file: file.clone(), source };
        let text = read_file(path).map_err(unreadable)?;
        let about = std::fs::metadata(path).map_err(unreadable)?;
        let age = about.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let mark = format!("{} {} {file}", text.len(), age.unwrap_or_default().as_nanos());
        Ok(Provision { file, text, mark })
    }

    /// Puts the file in force on top of `config`.
    pub fn apply(self, store: &Store, config: Config) -> Result<Config, StartError> {
        let wrong = |found| StartError::Config { file: self.file.clone(), source: SettingsError::Wrong(found) };
        let new = config.from_toml(&self.text).map_err(wrong)?;
        let published = Published::new(config);
        smol::block_on(settings::replace(store, &published, new, Vec::new()))?;
        self.note_applied(store.dir());
        Ok(Config::clone(&published.current()))
    }

    /// Whether this very file was applied last.
    pub fn is_applied(&self, data: &Path) -> bool {
        std::fs::read_to_string(data.join(APPLIED)).is_ok_and(|mark| mark == self.mark)
    }

    /// Failing only means that the file is applied again.
    fn note_applied(&self, data: &Path) {
        if let Err(error) = std::fs::write(data.join(APPLIED), &self.mark) {
            log::warn!("{APPLIED}: {error}");
        }
    }
}
