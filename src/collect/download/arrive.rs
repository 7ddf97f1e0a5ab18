//! The end of a message's way in: its commit begins, and what comes of it. `DELE` follows the commit, never goes before it.

use super::{COMMITS, Coming, Download, Refused};
use crate::collect::deliver::{Arrived, deliver};
use crate::collect::duplicates;
use crate::collect::leave::{self, Header, Told};
use crate::collect::listing::header_key;
use crate::collect::plan::Fetch;
use crate::collect::recipients::Recipients;
use crate::collect::script;
use crate::collect::trouble::Trouble;
use crate::intake::Refusal;
use crate::net::now_ms;
use crate::store::body::INLINE_LIMIT;
use crate::store::{Change, JournalRow};

/// Messages that intake may fail at for internal reasons before the run is given up.
const PATIENCE: u32 = 5;

pub(super) struct Committed {
    number: u32,
    key: String,
    marks: Vec<String>,
    delete: bool,
    size: u64,
    result: Result<(), Refusal>,
}

impl Download<'_> {
    /// A message has come to its end: commits it, or says why not.
    pub(super) async fn arrived(&mut self) -> Result<(), Trouble> {
        // An empty message has had no bytes to begin it.
        if self.coming().is_none() {
            return Ok(());
        }
        let Some(coming) = self.coming.take() else { return Ok(()) };
        let Coming { mut fetch, size, mut eight_bit, draft, text } = coming;
        let mut draft = match draft {
            Ok(draft) => draft,
            Err(Refused::TooLarge(header)) => {
                self.outcome.too_large += 1;
                return self.too_large(&fetch, size, &header).await;
            }
            Err(Refused::ByIntake(refusal)) => return self.not_taken(fetch.key.as_deref(), fetch.number, refusal),
        };
        let key = match fetch.key {
            Some(key) => key,
            None => header_key(draft.header()),
        };
        self.memory.arrived(&key);
        if let Some(at) = self.seen.get(&key) {
            // Known by its header only now. One that this run has brought waits for the next to be deleted.
            if self.job.rules().expired(*at) && *at > 0 {
                self.plan.delete.push_back(fetch.number);
            }
            return Ok(());
        }
        let mut ignored = None;
        if self.keeps
            && let Some(script) = self.script.as_deref_mut()
        {
            match script::process(self.job, script, draft, text, fetch.orders.take()).await {
                Ok(left) => {
                    eight_bit = left.eight_bit.unwrap_or(eight_bit);
                    (draft, fetch.orders, ignored) = (left.draft, left.orders, left.ignored);
                }
                Err(refusal) => return self.not_taken(Some(&key), fetch.number, refusal),
            }
        }
        let mut message = Arrived {
            number: fetch.number,
            key,
            size,
            eight_bit,
            draft,
            orders: fetch.orders,
            recipients: None,
            marks: Vec::new(),
        };
        if let Some(reason) = ignored {
            self.job.log(|| format!("message {} is ignored: {reason}", message.number));
            return self.ignore(message, reason).await;
        }
        if self.job.collector.skip_duplicates && self.is_duplicate(&mut message) {
            return self.skip(message).await;
        }
        self.seen.insert(message.key.clone(), 0);
        while self.committing >= COMMITS {
            match self.done.1.recv().await {
                Ok(committed) => self.committed(committed)?,
                Err(_) => break,
            }
        }
        self.commit(message);
        Ok(())
    }

    /// Takes from the message's destinations those that have a copy already. `true`: that were all.
    fn is_duplicate(&mut self, message: &mut Arrived) -> bool {
        let header = message.draft.header();
        let Some(fingerprint) = duplicates::fingerprint(header) else { return false };
        let mut recipients = Recipients::of(self.job, header);
        let destinations = &mut recipients.found.destinations;
        let known = destinations.len();
        destinations.retain(|destination| {
            let mark = duplicates::mark(&fingerprint, destination);
            let is_new = !self.seen.contains_key(&mark) || message.marks.contains(&mark);
            if is_new && self.seen.insert(mark.clone(), now_ms()).is_none() {
                message.marks.push(mark);
            }
            is_new
        });
        let is_duplicate = known > 0 && destinations.is_empty();
        message.recipients = Some(recipients);
        is_duplicate
    }

    /// A duplicate: treated at the provider as if it had been taken.
    async fn skip(&mut self, message: Arrived) -> Result<(), Trouble> {
        let Arrived { number, key, .. } = message;
        self.outcome.duplicates += 1;
        let (collector, at) = (self.job.collector.id, now_ms());
        if self.job.collector.leave_days == 0 {
            self.plan.delete.push_back(number);
        } else {
            let seen = Change::SeenUid { collector, uid: key.clone(), at };
            self.job.services.intake.store.post(vec![seen]).await?;
        }
        self.seen.insert(key, at);
        Ok(())
    }

    /// By a script: treated at the provider as if it had been taken, with a line in the journal.
    async fn ignore(&mut self, message: Arrived, reason: String) -> Result<(), Trouble> {
        let Arrived { number, key, orders, .. } = message;
        let (collector, at) = (self.job.collector.id, now_ms());
        let detail = format!("collected by {}, for nobody: {reason}", self.job.collector.name);
        let (from, to) = (String::new(), String::new());
        let row = JournalRow { at, mail: None, event: "ignored".into(), from, to, detail };
        let mut changes = vec![Change::SeenUid { collector, uid: key.clone(), at }, Change::Journal(row)];
        if orders.as_ref().is_some_and(|orders| orders.held) {
            changes.push(Change::ReleaseMessages { collector, uids: vec![key.clone()] });
        }
        self.job.services.intake.store.commit(changes).await?;
        if self.job.collector.leave_days == 0 || orders.is_some_and(|orders| orders.delete) {
            self.plan.delete.push_back(number);
        }
        self.seen.insert(key, at);
        Ok(())
    }

    /// Larger than announced.
    async fn too_large(&mut self, fetch: &Fetch, size: u64, header: &[u8]) -> Result<(), Trouble> {
        let Some(key) = fetch.key.as_deref().filter(|_| fetch.orders.is_none()) else { return Ok(()) };
        let told = Told { intended: true, ..Told::default() };
        let header = Header { size: Some(size), block: header };
        if let Some(changes) = leave::ask(self.job, key, &header, &told, None) {
            self.job.services.intake.store.commit(changes.into()).await?;
            self.job.services.intake.signals.task_added();
        }
        Ok(())
    }

    fn commit(&mut self, message: Arrived) {
        let held = message.size.min(INLINE_LIMIT as u64);
        self.committing += 1;
        self.committing_bytes += held;
        let (job, done) = (self.job.clone(), self.done.0.clone());
        let work = async move {
            let (number, key, marks) = (message.number, message.key.clone(), message.marks.clone());
            let delete = job.collector.leave_days == 0 || message.orders.as_ref().is_some_and(|orders| orders.delete);
            let result = deliver(job, message).await;
            // Nobody listens when the run was stopped; the commit stands all the same.
            let _ = done.send(Committed { number, key, marks, delete, size: held, result }).await;
        };
        self.job.services.tasks.spawn(work).detach();
    }

    pub(super) fn committed(&mut self, committed: Committed) -> Result<(), Trouble> {
        let Committed { number, key, marks, delete, size, result } = committed;
        self.committing -= 1;
        self.committing_bytes = self.committing_bytes.saturating_sub(size);
        match result {
            Ok(()) => {
                self.outcome.collected += 1;
                self.seen.insert(key, now_ms());
                if delete {
                    self.plan.delete.push_back(number);
                }
                Ok(())
            }
            Err(refusal) => {
                self.seen.remove(&key);
                for mark in &marks {
                    self.seen.remove(mark);
                }
                self.not_taken(Some(&key), number, refusal)
            }
        }
    }

    /// The server would not give it: the others go on.
    pub(super) fn refused(&mut self, number: u32, text: &str) {
        let key = self.next_flying().and_then(|fetch| fetch.key).unwrap_or_default();
        self.outcome.skipped += 1;
        if self.memory.withheld(&key) {
            self.job.problem(format!("Your provider does not give out message {number}: {text}. The others go on."));
        }
    }

    fn not_taken(&mut self, key: Option<&str>, number: u32, refusal: Refusal) -> Result<(), Trouble> {
        self.outcome.skipped += 1;
        if refusal == Refusal::NoRoom {
            return Err(Trouble::NoRoom);
        }
        if refusal.is_temporary() {
            self.failures += 1;
            return if self.failures >= PATIENCE { Err(Trouble::Intake(refusal)) } else { Ok(()) };
        }
        let news = key.is_none_or(|key| self.memory.refuse(key, refusal.to_string()));
        if news {
            self.job.problem(format!("Message {number} is not taken: {refusal}. It stays at the provider."));
        }
        Ok(())
    }
}
