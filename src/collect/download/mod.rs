//! The download: many messages asked for at once, several commits under way at once, `DELE` only after a commit.
//!
//! Bounds: [`WINDOW`] commands and about [`WINDOW_BYTES`] of announced size are out at a time; at most [`COMMITS`] commits
//! with [`COMMIT_BYTES`] of mail are under way, beyond which nothing is read. What the server sends meanwhile waits in the
//! socket. Small windows of mail make the commits share their flushes.

mod arrive;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smol::channel::{Receiver, Sender};
use smol::future::FutureExt;

use super::job::{Job, Memory, Outcome};
use super::link::{Input, Link};
use super::plan::{Fetch, Plan};
use super::script;
use super::trouble::Trouble;
use crate::hooks::{Instance, message};
use crate::intake::{Draft, Refusal};
use crate::proto::pop3::client::{Command, Event};
use arrive::Committed;

/// Commands out at a time, where the server takes them so.
const WINDOW: usize = 1024;
const WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// A message whose size was not announced counts as this much.
const USUAL_SIZE: u64 = 16 * 1024;
const COMMITS: usize = 256;
const COMMIT_BYTES: u64 = 2 * 1024 * 1024;
/// For what was asked for, when the session ends for another Connection.
const GRACE: Duration = Duration::from_secs(120);
/// `DELE`s are sent in such lots while there is more to fetch.
const DELETE_LOT: usize = 32;

/// The message that is coming in.
struct Coming {
    fetch: Fetch,
    size: u64,
    eight_bit: bool,
    /// `Err` once it is not wanted any more; its bytes are then read and dropped.
    draft: Result<Draft, Refused>,
    /// The message itself, where a script wants it and it is not too large for that.
    text: Option<Vec<u8>>,
}

enum Refused {
    ByIntake(Refusal),
    /// Above the size limit, whatever was announced; with its header.
    TooLarge(Vec<u8>),
}

pub(super) struct Download<'a> {
    job: &'a Arc<Job>,
    link: Link,
    plan: Plan,
    seen: HashMap<String, i64>,
    memory: &'a mut Memory,
    outcome: &'a mut Outcome,
    script: Option<&'a mut Instance>,
    /// Messages are kept for it while they come in.
    keeps: bool,
    /// Asked for, in the order of the replies to come.
    flying: VecDeque<Fetch>,
    flying_bytes: u64,
    coming: Option<Coming>,
    committing: usize,
    committing_bytes: u64,
    done: (Sender<Committed>, Receiver<Committed>),
    failures: u32,
    quitting: bool,
    over: bool,
    /// Since when it comes to its end for another Connection.
    yielding: Option<Instant>,
}

impl<'a> Download<'a> {
    pub fn new(
        job: &'a Arc<Job>,
        mut link: Link,
        plan: Plan,
        seen: HashMap<String, i64>,
        memory: &'a mut Memory,
        outcome: &'a mut Outcome,
        script: Option<&'a mut Instance>,
    ) -> Download<'a> {
        if !plan.fetch.is_empty() {
            link.widen();
        }
        Download {
            job,
            link,
            plan,
            seen,
            memory,
            outcome,
            keeps: script::wants_messages(script.as_deref()),
            script,
            flying: VecDeque::new(),
            flying_bytes: 0,
            coming: None,
            committing: 0,
            committing_bytes: 0,
            done: smol::channel::bounded(COMMITS),
            failures: 0,
            quitting: false,
            over: false,
            yielding: None,
        }
    }

    /// Until the server has confirmed QUIT.
    pub async fn run(&mut self) -> Result<(), Trouble> {
        let result = self.turns().await;
        if let (Err(trouble), Some(coming)) = (&result, &self.coming)
            && trouble.is_drop()
            && let Some(key) = &coming.fetch.key
        {
            self.memory.broke_at(key);
        }
        result
    }

    /// Waits for the commits under way, so that what they bring is known before the next session begins.
    pub async fn settle(&mut self) {
        while self.committing > 0 {
            let Ok(committed) = self.done.1.recv().await else { return };
            let _ = self.committed(committed);
        }
        self.show();
    }

    async fn turns(&mut self) -> Result<(), Trouble> {
        while !self.over {
            self.issue();
            let room = self.committing < COMMITS && self.committing_bytes < COMMIT_BYTES;
            let done = self.done.1.clone();
            let commits = async { Ok(done.recv().await.ok()) };
            let bytes = async { self.link.exchange(room).await.map(|()| None) };
            let committed = match commits.or(bytes).await {
                Ok(committed) => committed,
                // All is done but the farewell; what was not deleted for want of it is deleted next time.
                Err(trouble) if self.quitting && trouble.is_drop() => {
                    log::info!("collector {}: QUIT not confirmed: {trouble}", self.job.collector.name);
                    return Ok(());
                }
                Err(trouble) => return Err(trouble),
            };
            if let Some(committed) = committed {
                self.committed(committed)?;
                while let Ok(more) = self.done.1.try_recv() {
                    self.committed(more)?;
                }
            } else {
                let mut input = std::mem::take(&mut self.link.input);
                let taken = self.take_in(&mut input).await;
                self.link.input = input;
                taken?;
                self.show();
                self.yield_to_others();
            }
        }
        Ok(())
    }

    /// Ends for another Connection that has waited long enough: nothing more is asked for, and what was is waited for a
    /// little. Of what then still has not come, the message that is coming in is the last.
    fn yield_to_others(&mut self) {
        if self.yielding.is_none() && self.job.share.is_over() {
            self.outcome.yielded = !self.plan.fetch.is_empty() || !self.flying.is_empty();
            self.plan.fetch.clear();
            self.yielding = Some(Instant::now());
        }
        let waited = self.yielding.is_some_and(|since| since.elapsed() >= GRACE);
        // Without a QUIT: what was deleted is recognised, and deleted by the next session.
        self.over |= waited && self.coming.is_none() && !self.flying.is_empty();
    }

    /// Asks for what the windows allow. Refilled in lots, so that a busy line needs few writes.
    fn issue(&mut self) {
        let pipelining = self.link.session.capabilities().pipelining;
        let limit = if pipelining { WINDOW } else { 1 };
        let nothing_to_fetch = self.plan.fetch.is_empty() && self.flying.is_empty() && self.coming.is_none();
        let idle = nothing_to_fetch && self.committing == 0;
        if idle || (pipelining && self.plan.delete.len() >= DELETE_LOT) {
            while self.link.session.in_flight() < limit
                && let Some(number) = self.plan.delete.pop_front()
            {
                self.link.session.ask(Command::Dele(number));
            }
        }
        if self.flying.len() <= limit / 2 && self.flying_bytes <= WINDOW_BYTES / 2 {
            while self.link.session.in_flight() < limit
                && self.flying_bytes < WINDOW_BYTES
                && let Some(fetch) = self.plan.fetch.pop_front()
            {
                self.link.session.ask(Command::Retr(fetch.number));
                self.flying_bytes += fetch.size.unwrap_or(USUAL_SIZE);
                self.flying.push_back(fetch);
            }
        }
        if idle && self.plan.delete.is_empty() && !self.quitting {
            self.link.session.ask(Command::Quit);
            self.quitting = true;
        }
    }

    /// Works through what was read.
    async fn take_in(&mut self, input: &mut Input) -> Result<(), Trouble> {
        let mut rest = input.filled();
        while let Some(event) = self.link.session.next(&mut rest)? {
            match event {
                Event::Body(_, bytes) => self.body(bytes).await,
                Event::Done(Command::Retr(_)) => {
                    self.link.replied();
                    self.arrived().await?;
                }
                Event::Refused(Command::Retr(number), text) => self.refused(number, &text),
                Event::Done(Command::Dele(_)) => {
                    self.link.replied();
                    self.outcome.deleted += 1;
                }
                Event::Refused(Command::Dele(number), text) => {
                    log::info!("collector {}: message {number} not deleted: {text}", self.job.collector.name);
                }
                Event::Done(Command::Quit) | Event::Refused(Command::Quit, _) => self.over = true,
                _ => {}
            }
        }
        let left = rest.len();
        input.keep(left);
        Ok(())
    }

    /// The message whose reply is coming in, begun when its first bytes are here.
    fn coming(&mut self) -> Option<&mut Coming> {
        if self.coming.is_none() {
            let fetch = self.next_flying()?;
            let draft = self.job.begin();
            let draft = draft.map_err(Refused::ByIntake);
            let text = self.keeps.then(Vec::new);
            self.coming = Some(Coming { fetch, size: 0, eight_bit: false, draft, text });
        }
        self.coming.as_mut()
    }

    fn next_flying(&mut self) -> Option<Fetch> {
        let fetch = self.flying.pop_front()?;
        self.flying_bytes = self.flying_bytes.saturating_sub(fetch.size.unwrap_or(USUAL_SIZE));
        Some(fetch)
    }

    async fn body(&mut self, bytes: &[u8]) {
        let rules = self.job.rules();
        let Some(coming) = self.coming() else { return };
        let Ok(draft) = &mut coming.draft else { return };
        coming.size += bytes.len() as u64;
        coming.eight_bit |= !bytes.is_ascii();
        if let Some(text) = &mut coming.text {
            if text.len() + bytes.len() <= message::LARGEST {
                text.extend_from_slice(bytes);
            } else {
                coming.text = None;
            }
        }
        let any_size = coming.fetch.orders.as_ref().is_some_and(|orders| orders.any_size);
        if rules.too_large(coming.size) && !any_size {
            coming.draft = Err(Refused::TooLarge(draft.header().to_vec()));
        } else if let Err(refusal) = draft.write(bytes).await {
            coming.draft = Err(Refused::ByIntake(refusal));
        }
    }

    fn show(&self) {
        let collected = self.outcome.collected;
        self.job.services.intake.board.collector(self.job.collector.id, |state| state.collected_last = collected);
    }
}
