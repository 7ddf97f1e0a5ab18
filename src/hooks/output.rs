//! Where a script's words go: what it prints, and what went wrong in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lines that scripts print.
pub const PRINTED: &str = "Lua.out";
/// What goes wrong in scripts.
pub const ERRORS: &str = "Luaerrors.log";

/// Lines kept of one trial, and their length.
const KEPT: usize = 1000;
const LONGEST: usize = 1000;

/// The rest of the program, as far as scripts' words reach it; made by the composition root.
pub trait Outlet: Send + Sync {
    /// Appends a line to a log file of this name.
    fn line(&self, file: &str, text: &str);

    /// Something a person should see.
    fn problem(&self, place: &str, text: &str);
}

/// For where there are no log files: tests and trials.
pub(super) struct Nowhere;

impl Outlet for Nowhere {
    fn line(&self, file: &str, text: &str) {
        log::debug!("{file}: {text}");
    }

    fn problem(&self, place: &str, text: &str) {
        log::debug!("{place}: {text}");
    }
}

/// Where one state prints to. Cheap to clone.
#[derive(Clone)]
pub struct Output {
    outlet: Arc<dyn Outlet>,
    /// For a trial: lines are kept, not written.
    kept: Option<Arc<Mutex<Vec<String>>>>,
}

impl Output {
    pub fn to(outlet: Arc<dyn Outlet>) -> Output {
        Output { outlet, kept: None }
    }

    pub fn kept() -> Output {
        Output { outlet: Arc::new(Nowhere), kept: Some(Arc::default()) }
    }

    pub fn line(&self, text: &str) {
        match self.lines() {
            None => self.outlet.line(PRINTED, text),
            Some(mut lines) if lines.len() < KEPT => lines.push(text.chars().take(LONGEST).collect()),
            Some(_) => {}
        }
    }

    /// A line for a log file; kept where lines are kept.
    pub fn file_line(&self, file: &str, text: &str) {
        match self.kept {
            None => self.outlet.line(file, text),
            Some(_) => self.line(text),
        }
    }

    /// A line for the program's own log.
    pub fn log(&self, text: &str) {
        match self.kept {
            None => log::info!(
                "script: {}",
                text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>()
            ),
            Some(_) => self.line(text),
        }
    }

    /// What was kept so far, taken out.
    pub fn take(&self) -> Vec<String> {
        self.lines().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default()
    }

    fn lines(&self) -> Option<MutexGuard<'_, Vec<String>>> {
        self.kept.as_ref().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
