//! What the program and the keeper of the appliance tell each other: whether the program works, and what the
//! administrator wants of the board. One line of JSON on a socket each time the keeper asks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Where the keeper asks, in the data directory.
pub fn pulse_path(data: &Path) -> PathBuf {
    data.join("pulse.sock")
}

/// Of the running program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pulse {
    /// What does not work, in plain words. None: mail is taken, kept and moved.
    pub trouble: Option<String>,
    /// It works, but somebody should look at the page.
    pub attention: bool,
    /// To be done once.
    pub wish: Option<Wish>,
    /// Without `.local`.
    pub local_name: String,
    pub announce: bool,
    pub time_servers: Vec<String>,
    pub use_given_time_servers: bool,
    /// What to announce: service type such as `_smtp._tcp`, port.
    pub services: Vec<(String, u16)>,
}

/// Of the keeper, for the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Time servers have told the time since the start; before, the clock is only not before the last time known.
    pub clock_known: bool,
    /// How the last wish went, in plain words; empty when there was none.
    pub last: String,
    /// Whether it went well, or is under way.
    pub ok: bool,
}

/// What only the keeper can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Stop everything, so that the power may be cut.
    Halt,
    /// Stop everything and start the board anew.
    Restart,
    /// A backup onto the USB stick.
    Backup,
}

/// Wishes on their way to the keeper. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Wishes {
    inner: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    wish: Option<Wish>,
    report: Option<Report>,
}

impl Wishes {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the keeper said last. None: there is no keeper, this is not the appliance.
    pub fn report(&self) -> Option<Report> {
        self.state().report.clone()
    }

    /// The newest counts. `false` when nobody is there to fulfil it.
    pub fn want(&self, wish: Wish) -> bool {
        let mut state = self.state();
        if state.report.is_some() {
            state.wish = Some(wish);
        }
        state.report.is_some()
    }

    /// For the keeper: each once.
    pub fn take(&self, report: Report) -> Option<Wish> {
        let mut state = self.state();
        state.report = Some(report);
        state.wish.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_fulfilled_once_and_only_where_there_is_a_keeper() {
        let wishes = Wishes::default();
        assert!(!wishes.want(Wish::Halt), "nobody would");
        assert_eq!((wishes.report(), wishes.take(Report::default())), (None, None));
        assert!(wishes.report().is_some() && wishes.want(Wish::Restart) && wishes.want(Wish::Halt));
        assert_eq!(wishes.take(Report::default()), Some(Wish::Halt));
        assert_eq!(wishes.take(Report::default()), None);
    }

    #[test]
    fn an_older_program_says_less() {
        assert_eq!(serde_json::from_str::<Pulse>("{}").unwrap(), Pulse::default());
        let pulse = Pulse { wish: Some(Wish::Halt), services: vec![("_smtp._tcp".into(), 25)], ..Pulse::default() };
        assert_eq!(serde_json::from_str::<Pulse>(&serde_json::to_string(&pulse).unwrap()).unwrap(), pulse);
    }
}
