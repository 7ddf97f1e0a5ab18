//! The end of a message's way in: its commit begins, and what comes of it. `DELE` follows the commit, never goes before it.

use super::{COMMITS, Coming, Download, Refused};
use crate::collect::deliver::{Arrived, deliver};
use crate::collect::listing::header_key;
use crate::collect::trouble::Trouble;
use crate::intake::Refusal;
use crate::net::now_ms;
use crate::store::body::INLINE_LIMIT;

/// Messages that intake may fail at for internal reasons before the run is given up.
const PATIENCE: u32 = 5;

pub(super) struct Committed {
    number: u32,
    key: String,
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
        let Some(Coming { fetch, size, eight_bit, draft }) = self.coming.take() else { return Ok(()) };
        let draft = match draft {
            Ok(draft) => draft,
            Err(Refused::TooLarge) => {
                self.outcome.too_large += 1;
                return Ok(());
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
        self.seen.insert(key.clone(), 0);
        while self.committing >= COMMITS {
            match self.done.1.recv().await {
                Ok(committed) => self.committed(committed)?,
                Err(_) => break,
            }
        }
        self.commit(Arrived { number: fetch.number, key, size, eight_bit, draft });
        Ok(())
    }

    fn commit(&mut self, message: Arrived) {
        let held = message.size.min(INLINE_LIMIT as u64);
        self.committing += 1;
        self.committing_bytes += held;
        let (job, done) = (self.job.clone(), self.done.0.clone());
        let work = async move {
            let (number, key) = (message.number, message.key.clone());
            let result = deliver(job, message).await;
            // Nobody listens when the run was stopped; the commit stands all the same.
            let _ = done.send(Committed { number, key, size: held, result }).await;
        };
        self.job.services.tasks.spawn(work).detach();
    }

    pub(super) fn committed(&mut self, committed: Committed) -> Result<(), Trouble> {
        let Committed { number, key, size, result } = committed;
        self.committing -= 1;
        self.committing_bytes = self.committing_bytes.saturating_sub(size);
        match result {
            Ok(()) => {
                self.outcome.collected += 1;
                self.seen.insert(key, now_ms());
                if self.job.collector.leave_days == 0 {
                    self.plan.delete.push_back(number);
                }
                Ok(())
            }
            Err(refusal) => {
                self.seen.remove(&key);
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
