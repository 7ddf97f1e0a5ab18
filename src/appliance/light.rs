//! The board's light, where it has one: quick blinking while it starts, steady when all is fine, slow blinking when somebody
//! should look at the page, a short flash now and then when it has failed.

use std::fs;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Fine,
    Attention,
    Failed,
}

impl State {
    /// Milliseconds on and off; none is steady.
    fn rhythm(self) -> Option<(u32, u32)> {
        match self {
            State::Starting => Some((120, 120)),
            State::Fine => None,
            State::Attention => Some((1000, 1000)),
            State::Failed => Some((100, 2900)),
        }
    }
}

pub(super) struct Light {
    dir: Option<PathBuf>,
    shown: Option<State>,
}

/// Green, on all boards; the second is what old kernels call it.
const NAMES: [&str; 2] = ["ACT", "led0"];

impl Light {
    /// `lights` is /sys/class/leds.
    pub(super) fn of(lights: &str) -> Light {
        let dir = NAMES.iter().map(|name| PathBuf::from(lights).join(name)).find(|dir| dir.is_dir());
        Light { dir, shown: None }
    }

    pub(super) fn show(&mut self, state: State) {
        if self.shown == Some(state) {
            return;
        }
        self.shown = Some(state);
        let Some(dir) = &self.dir else { return };
        let write = |file: &str, text: &str| fs::write(dir.join(file), text);
        let written = match state.rhythm() {
            // The files for the rhythm are there once the kernel blinks by itself.
            Some((on, off)) => write("trigger", "timer")
                .and_then(|()| write("delay_on", &on.to_string()))
                .and_then(|()| write("delay_off", &off.to_string())),
            None => write("trigger", "none").and_then(|()| write("brightness", "1")),
        };
        if let Err(error) = written {
            log::debug!("light: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rhythms_are_written_once_each() {
        let dir = tempfile::tempdir().unwrap();
        let act = dir.path().join("ACT");
        fs::create_dir(&act).unwrap();
        let mut light = Light::of(dir.path().to_str().unwrap());
        light.show(State::Attention);
        let read = |file: &str| fs::read_to_string(act.join(file)).unwrap();
        assert_eq!(
            (read("trigger"), read("delay_on"), read("delay_off")),
            ("timer".into(), "1000".into(), "1000".into())
        );
        fs::remove_file(act.join("trigger")).unwrap();
        light.show(State::Attention);
        assert!(!act.join("trigger").exists(), "nothing new, nothing written");
        light.show(State::Fine);
        assert_eq!((read("trigger"), read("brightness")), ("none".into(), "1".into()));
    }

    #[test]
    fn a_board_without_a_light() {
        let dir = tempfile::tempdir().unwrap();
        Light::of(dir.path().to_str().unwrap()).show(State::Failed);
    }
}
