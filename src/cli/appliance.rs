//! `pillarbox appliance …`: what the image's first script calls, not for hands; and what the page may want of the board.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::appliance::{self, Options};

use super::arguments::{Arguments, Usage};
use super::commands::shown;
use super::run::start_log;

pub fn appliance(given: &Arguments, words: &[&str]) -> anyhow::Result<()> {
    start_log("warn");
    match words {
        ["widen", disk, number] => {
            let number = number.parse().map_err(|_| Usage(format!("{number} is no number of a partition")))?;
            appliance::widen(Path::new(disk), number).map(drop).with_context(|| disk.to_string())
        }
        ["grow", mount] => appliance::grow(Path::new(mount)).map(drop).with_context(|| mount.to_string()),
        ["rescue", reason] => appliance::rescue(reason, given.path("log").as_deref()).context("rescue page"),
        ["run"] => {
            let state = given.path("state").unwrap_or_else(|| PathBuf::from("/data"));
            let boot = given.path("boot").unwrap_or_else(|| PathBuf::from("/boot"));
            let options = Options { data: given.data(), state, boot, watchdog: given.has("watchdog") };
            appliance::run(&options).context("keeper")
        }
        [wish @ ("halt" | "restart" | "backup")] => {
            shown(given, "POST", &format!("appliance/{wish}"), |_| "the box does it within seconds\n".into())
        }
        _ => Err(Usage(format!("appliance {} is not a whole command", words.join(" "))).into()),
    }
}
