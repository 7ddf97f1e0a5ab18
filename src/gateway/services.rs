//! Starts the services as tasks and keeps them running.

use std::future::Future;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smol::future::FutureExt;

use crate::config::Published;
use crate::hooks::Hooks;
use crate::intake::Intake;
use crate::live::{Board, LogFiles, Signals, Stop, Wishes};
use crate::net::dns::Resolver;
use crate::net::tls::ServerTls;
use crate::net::{Tasks, now_ms};
use crate::policy::{Logins, Pop3Logins, Watch};
use crate::store::Store;
use crate::{collect, connect, notify, send, serve, web};

use super::listeners::{Bound, Service};
use super::{memory, name_servers, pulse, scheduler};

/// What the services are made of.
pub struct Parts {
    pub tasks: Tasks,
    pub intake: Intake,
    pub logins: Logins,
    pub watch: Watch,
    pub wishes: Wishes,
    pub resolver: Resolver,
    tls: ServerTls,
    stop: Stop,
}

impl Parts {
    pub fn new(store: Store, config: Published, board: Board, hooks: Hooks, tls: ServerTls, stop: Stop) -> Parts {
        let servers = name_servers::servers(&config.current());
        let tasks = Tasks::default();
        Parts {
            watch: Watch::new(store.clone(), tasks.clone()),
            tasks,
            intake: Intake { store, config, board, signals: Signals::default(), hooks },
            logins: Logins::default(),
            wishes: Wishes::default(),
            resolver: Resolver::new(servers),
            tls,
            stop,
        }
    }

    /// SMTP first: it is what waits for us.
    pub fn spawn_all(&self, bound: Vec<Bound>) -> Vec<smol::Task<()>> {
        let Intake { store, config, board, signals, .. } = self.intake.clone();
        let connecting = connect::Context::new(config, signals, board, store, self.stop.clone());
        connect::prepare(&connecting);
        let context = self.serving();
        let mut services = self.spawn_listeners(&context, bound);
        let sending = send::Context {
            tasks: self.tasks.clone(),
            store: self.intake.store.clone(),
            config: self.intake.config.clone(),
            signals: self.intake.signals.clone(),
            board: self.intake.board.clone(),
            hooks: self.intake.hooks.clone(),
            resolver: self.resolver.clone(),
            mx_port: send::MX_PORT,
            stop: self.stop.clone(),
        };
        services.push(self.supervise("sending", move || send::run(sending.clone())));
        let (intake, stop) = (self.intake.clone(), self.stop.clone());
        services.push(self.supervise("notifications", move || notify::run(intake.clone(), stop.clone())));
        let parts = (self.tasks.clone(), self.intake.clone(), self.resolver.clone(), self.stop.clone());
        let serve: collect::Serve =
            Arc::new(move |stream, peer| Box::pin(serve::smtp::reversed(context.clone(), stream, peer)));
        services.push(self.supervise("collecting", move || {
            let (tasks, intake, resolver, stop) = parts.clone();
            collect::run(tasks, intake, resolver, serve.clone(), collect::Limits::default(), stop)
        }));
        let watching = connecting.clone();
        services.push(self.supervise("the schedule", move || connect::run(connecting.clone())));
        services.push(self.supervise("error reports", move || connect::report_errors(watching.clone())));
        let follow = (self.intake.config.clone(), self.resolver.clone(), self.stop.clone());
        services.push(self.supervise("name servers", move || {
            let (config, resolver, stop) = follow.clone();
            name_servers::follow(config, resolver, stop)
        }));
        let tested = (self.intake.config.clone(), self.resolver.clone(), self.intake.board.clone(), self.stop.clone());
        services.push(self.supervise("the DNS test", move || {
            let (config, resolver, board, stop) = tested.clone();
            name_servers::test(config, resolver, board, stop)
        }));
        let scheduled = (self.intake.hooks.clone(), self.intake.config.clone(), self.stop.clone());
        services.push(self.supervise("scheduler.lua", move || {
            let (hooks, config, stop) = scheduled.clone();
            scheduler::run(hooks, config, scheduler::Times::default(), stop)
        }));
        let (board, stop) = (self.intake.board.clone(), self.stop.clone());
        services.push(self.supervise("memory", move || memory::trim_when_quiet(board.clone(), stop.clone())));
        services
    }

    /// Tells a keeper how the program does.
    pub fn spawn_pulse(&self) -> smol::Task<()> {
        let vitals = pulse::Vitals {
            store: self.intake.store.clone(),
            config: self.intake.config.clone(),
            board: self.intake.board.clone(),
            signals: self.intake.signals.clone(),
            wishes: self.wishes.clone(),
        };
        let stop = self.stop.clone();
        self.supervise("the pulse", move || pulse::run(vitals.clone(), pulse::listen(&vitals), stop.clone()))
    }

    fn serving(&self) -> serve::Context {
        serve::Context {
            tasks: self.tasks.clone(),
            config: self.intake.config.clone(),
            intake: self.intake.clone(),
            logins: self.logins.clone(),
            watch: self.watch.clone(),
            pop3_logins: Pop3Logins::default(),
            resolver: self.resolver.clone(),
            logs: LogFiles::below(self.intake.store.dir()),
            board: self.intake.board.clone(),
            tls: self.tls.clone(),
            stop: self.stop.clone(),
            locks: serve::Locks::default(),
            services: serve::Services::default(),
        }
    }

    fn spawn_listeners(&self, context: &serve::Context, bound: Vec<Bound>) -> Vec<smol::Task<()>> {
        let mut services = Vec::with_capacity(bound.len());
        let page = bound.iter().find(|bound| bound.wanted.service == Service::Web).map(|bound| bound.address.port());
        for Bound { wanted, listener, .. } in bound {
            let again = self.kept(listener);
            services.push(match wanted.service {
                Service::Smtp(index) => {
                    let context = context.clone();
                    self.listen(wanted.name, again, move |l| serve::smtp::run(context.clone(), index, l))
                }
                Service::Pop3(index) => {
                    let context = context.clone();
                    self.listen(wanted.name, again, move |l| serve::pop3::run(context.clone(), index, l))
                }
                service @ (Service::Web | Service::WebRedirect) => {
                    let front = web::Front {
                        config: self.intake.config.clone(),
                        watch: self.watch.clone(),
                        tasks: self.tasks.clone(),
                        tls: self.tls.clone(),
                        control: web::control_path(self.intake.store.dir()),
                        stop: self.stop.clone(),
                        limits: web::Limits::default(),
                        send_on_to: page.filter(|_| service == Service::WebRedirect),
                    };
                    self.listen(wanted.name, again, move |l| web::front(front.clone(), l))
                }
            });
        }
        services
    }

    /// Another handle of the listener each time a service starts. None is left open once the stop has begun, or clients
    /// would still connect, to nobody.
    fn kept(&self, listener: TcpListener) -> impl Fn() -> std::io::Result<TcpListener> + Send + Sync + 'static {
        let kept = Arc::new(Mutex::new(Some(listener)));
        let (closing, stop) = (kept.clone(), self.stop.clone());
        let close = async move {
            stop.stopping().await;
            closing.lock().unwrap_or_else(PoisonError::into_inner).take();
        };
        self.tasks.spawn(close).detach();
        move || match &*kept.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(listener) => listener.try_clone(),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        }
    }

    fn listen<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: String,
        listener: impl Fn() -> std::io::Result<TcpListener> + Send + Sync + 'static,
        run: impl Fn(TcpListener) -> F + Send + Sync + 'static,
    ) -> smol::Task<()> {
        let run = Arc::new(run);
        self.supervise(name, move || {
            let (listener, run) = (listener(), run.clone());
            async move {
                match listener {
                    Ok(listener) => run(listener).await,
                    Err(error) => log::error!("listener: {error}"),
                }
            }
        })
    }

    /// Runs a service until the stop; one that ends before it, or panics, is noted and started again.
    fn supervise<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: impl Into<String>,
        service: impl Fn() -> F + Send + 'static,
    ) -> smol::Task<()> {
        let (name, stop, board) = (name.into(), self.stop.clone(), self.intake.board.clone());
        self.tasks.spawn(async move {
            loop {
                let ended = std::panic::AssertUnwindSafe(service()).catch_unwind().await;
                if stop.is_stopping() {
                    return;
                }
                let how = if ended.is_err() { "failed" } else { "ended" };
                log::error!("{name} {how} unexpectedly and is started again");
                board.problem(now_ms(), name.as_str(), format!("{how} unexpectedly and was started again"));
                let _ = crate::net::timeout(Duration::from_secs(1), stop.stopping()).await;
            }
        })
    }
}
