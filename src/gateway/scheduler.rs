//! `scheduler.lua`: one script for as long as the program runs, called now and then (spec lua-hooks §22).
//!
//! Calls come one after another. One that takes long puts off the next, and what would have been due meanwhile is called
//! once. A script that is saved takes over from the one before; one that had to be left behind begins anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::Published;
use crate::hooks::scripts::scheduler::{Reload, Sched1Day, Sched1Hour, Sched1Min, Sched5Min, Start, Unload};
use crate::hooks::{Hooks, Instance, Script, Stored};
use crate::live::Stop;
use crate::net::{is_plausible, now_ms, timeout};

const MINUTE: Duration = Duration::from_secs(60);

/// When things are due.
#[derive(Clone, Copy)]
pub struct Times {
    /// Between two looks for a saved script.
    pub look: Duration,
    /// What counts as a minute.
    pub minute: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times { look: Duration::from_secs(5), minute: MINUTE }
    }
}

struct Running {
    stored: Arc<Stored>,
    /// `None`: it could not be loaded.
    script: Option<Instance>,
}

/// Until the stop.
pub async fn run(hooks: Hooks, config: Published, times: Times, stop: Stop) {
    let mut running: Option<Running> = None;
    let mut first = true;
    let began = Instant::now();
    let periods = [times.minute, times.minute * 5, times.minute * 60];
    let mut due = periods.map(|period| began + period);
    let mut day = today(&config);
    while timeout(times.look, stop.stopping()).await.is_err() {
        follow(&hooks, &mut running, &mut first).await;
        let now_is = today(&config);
        let new_day = day.is_some() && now_is.is_some() && now_is != day;
        day = now_is.or(day);
        for (which, period) in periods.into_iter().enumerate() {
            let Some(at) = due.get_mut(which).filter(|at| **at <= Instant::now()) else { continue };
            if let Some(script) = running.as_mut().and_then(|running| running.script.as_mut()) {
                match which {
                    0 => {
                        let _ = script.call(Sched1Min {}).await;
                    }
                    1 => {
                        let _ = script.call(Sched5Min {}).await;
                    }
                    _ => {
                        let _ = script.call(Sched1Hour {}).await;
                    }
                }
            }
            *at = Instant::now() + period;
        }
        if new_day && let Some(script) = running.as_mut().and_then(|running| running.script.as_mut()) {
            script.call(Sched1Day {}).await;
        }
    }
}

/// Takes up a script that was saved, or lets go of one that was removed.
async fn follow(hooks: &Hooks, running: &mut Option<Running>, first: &mut bool) {
    if running.is_none() && !hooks.has(Script::Scheduler) {
        return;
    }
    let stored = hooks.shelf().of(Script::Scheduler, None).cloned();
    let same = match (&*running, &stored) {
        (Some(running), Some(stored)) => Arc::ptr_eq(&running.stored, stored),
        (None, None) => true,
        _ => false,
    };
    let lost = running.as_ref().and_then(|running| running.script.as_ref()).is_some_and(Instance::is_lost);
    if same && !lost {
        return;
    }
    let mut data = String::new();
    if let Some(mut old) = running.take().and_then(|running| running.script) {
        data = old.call(Unload {}).await.data.unwrap_or_default();
    }
    let Some(stored) = stored else { return };
    let mut script = hooks.open(Script::Scheduler, None, ()).await;
    if let Some(script) = &mut script {
        match std::mem::replace(first, false) || lost {
            true => {
                let _ = script.call(Start {}).await;
            }
            false => {
                let _ = script.call(Reload { data }).await;
            }
        }
    }
    *running = Some(Running { stored, script });
}

/// `None` while the clock is not set.
fn today(config: &Published) -> Option<Date> {
    let now = now_ms();
    let time = Timestamp::from_millisecond(now).ok().filter(|_| is_plausible(now))?;
    Some(time.to_zoned(config.current().time_zone()).date())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::hooks::{Outlet, Shelf};
    use crate::live::StopSource;

    #[derive(Default)]
    struct Printed(Mutex<Vec<String>>);

    impl Outlet for Printed {
        fn line(&self, _: &str, text: &str) {
            self.0.lock().unwrap().push(text.to_string());
        }

        fn problem(&self, _: &str, _: &str) {}
    }

    #[test]
    fn one_script_lives_on_and_is_followed_by_the_next() {
        let printed = Arc::new(Printed::default());
        let hooks = Hooks::new(Published::default(), printed.clone());
        let saved = |text: &str| hooks.put(Shelf::new([Arc::new(Stored::new("scheduler.lua", text))]));
        let lines = |count: usize| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while printed.0.lock().unwrap().len() < count {
                assert!(Instant::now() < deadline, "{:?}", printed.0.lock().unwrap());
                std::thread::yield_now();
            }
            printed.0.lock().unwrap().clone()
        };
        let (stop, stopping) = StopSource::new();
        let times = Times { look: Duration::from_millis(5), minute: Duration::from_millis(20) };
        let (inside, config) = (hooks.clone(), Published::default());
        let thread = std::thread::spawn(move || smol::block_on(run(inside, config, times, stopping)));
        saved(
            "n = 0 function Start() print('start') end function Unload() return 'n is more' end
             function Sched1Min() n = n + 1 if n <= 2 then print('minute ' .. n) end end",
        );
        assert_eq!(lines(3), ["start", "minute 1", "minute 2"]);
        saved(
            "function Reload(data) print('reload ' .. data) end function Sched5Min() if not x then x = 1 print('five') end end",
        );
        assert_eq!(lines(5)[3..], ["reload n is more", "five"]);
        // One that fails is tried no more until it is saved again.
        saved("error('no')");
        hooks.put(Shelf::default());
        saved("function Reload(data) print('again ' .. data) end");
        assert!(lines(6).contains(&"again ".to_string()) || lines(7).contains(&"again ".to_string()));
        drop(stop);
        thread.join().unwrap();
    }
}
