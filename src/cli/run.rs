//! `pillarbox run`: starts the program, waits for a signal, stops it.

use anyhow::Context;
use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

use crate::gateway::{Gateway, Options};

use super::print;

pub fn run(options: &Options) -> anyhow::Result<()> {
    start_log("info");
    // First, so that a signal during the start is answered with a clean stop after it.
    let mut signals = Signals::new([Signal::Term, Signal::Int]).context("signals")?;
    let gateway = Gateway::start(options)?;
    if options.appliance {
        // Not left behind when the keeper ends: the next one starts it anew. Becoming another user forgot an earlier wish.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM)).context("keeper")?;
    }
    // Nobody may be reading; that is no reason to stop.
    let _ = print(&gateway.table());
    let failed = async_io::block_on(async {
        let store = gateway.store().clone();
        let told = async {
            signals.next().await;
            None
        };
        // Only a new start mends it, and whoever watches over the program will see to that.
        let failed = smol::future::or(told, async { Some(store.failure().await) }).await;
        log::info!("stopping");
        let stopped = async { gateway.stop().await };
        let at_once = async {
            signals.next().await;
            log::warn!("stopped at once");
            std::process::exit(1)
        };
        smol::future::or(stopped, at_once).await.map(|()| failed)
    })?;
    failed.map_or(Ok(()), |error| Err(anyhow::Error::new(error).context("stopped, since nothing can be kept any more")))
}

/// To standard error, as RUST_LOG says, else from `level` on.
pub fn start_log(level: &str) {
    let environment = env_logger::Env::default().default_filter_or(level);
    let _ = env_logger::Builder::from_env(environment).try_init();
}
