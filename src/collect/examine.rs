//! Messages that are decided about by their header (`TOP n 0`), before they are downloaded: those without a unique-id that
//! may be known, those above the size limit, and all unseen ones where download rules are on.
//!
//! Many are asked for at once; of each header no more is kept than the decision needs. What a decision leaves behind
//! (questions, warnings) is committed before anything is deleted at the provider.

use std::collections::HashMap;

use super::job::Job;
use super::leave::{self, Header, Told};
use super::link::Link;
use super::listing::{HASHED_HEADER, header_key};
use super::plan::{Fetch, Plan};
use super::trouble::Trouble;
use crate::proto::pop3::client::{Command, Event};
use crate::store::{Change, Held};

/// Headers asked for at once.
const WINDOW: usize = 256;
/// Changes in one commit, at about.
const BATCH: usize = 100;

/// What is known of the messages at the provider.
pub(super) struct Known<'a> {
    pub seen: &'a HashMap<String, i64>,
    pub held: &'a HashMap<String, Held>,
}

/// Decides about all of `plan.examine`.
pub(super) async fn examine(job: &Job, link: &mut Link, plan: &mut Plan, known: Known<'_>) -> Result<(), Trouble> {
    if plan.examine.is_empty() {
        return Ok(());
    }
    let mut examination = Examination { job, known, plan, changes: Vec::new(), asked: false };
    if !link.session.capabilities().may_top() {
        while let Some(fetch) = examination.plan.examine.pop_front() {
            examination.without_header(fetch);
        }
        return Ok(());
    }
    let mut numbers = std::mem::take(&mut examination.plan.examine);
    let mut waiting = std::collections::VecDeque::new();
    let mut header = Vec::new();
    while !numbers.is_empty() || link.session.in_flight() > 0 {
        while link.session.in_flight() < WINDOW
            && let Some(fetch) = numbers.pop_front()
        {
            link.session.ask(Command::Top(fetch.number));
            waiting.push_back(fetch);
        }
        link.exchange(true).await?;
        let mut rest = link.input.filled();
        while let Some(event) = link.session.next(&mut rest)? {
            match event {
                Event::Body(_, bytes) => {
                    let room = HASHED_HEADER.saturating_sub(header.len());
                    header.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                }
                Event::Done(Command::Top(_)) => {
                    if let Some(fetch) = waiting.pop_front() {
                        examination.decide(fetch, &header);
                    }
                    header.clear();
                }
                Event::Refused(Command::Top(_), _) => {
                    if let Some(fetch) = waiting.pop_front() {
                        examination.without_header(fetch);
                    }
                    header.clear();
                }
                _ => {}
            }
        }
        let left = rest.len();
        link.input.keep(left);
        if examination.changes.len() >= BATCH {
            examination.commit().await?;
        }
    }
    examination.commit().await
}

struct Examination<'a> {
    job: &'a Job,
    known: Known<'a>,
    plan: &'a mut Plan,
    changes: Vec<Change>,
    /// There is a task among the changes.
    asked: bool,
}

impl Examination<'_> {
    fn decide(&mut self, fetch: Fetch, header: &[u8]) {
        let rules = self.job.rules();
        if fetch.key.is_none()
            && let Some(at) = self.known.seen.get(&header_key(header))
        {
            match rules.expired(*at) {
                true => self.plan.delete.push_back(fetch.number),
                false => self.plan.left += 1,
            }
            return;
        }
        if fetch.size.is_some_and(|size| rules.too_large(size)) {
            self.plan.too_large += 1;
            let told = Told { intended: true, ..Told::default() };
            return self.ask(&fetch, header, &told, None);
        }
        self.plan.fetch.push_back(fetch);
    }

    /// The server does not give its header.
    fn without_header(&mut self, fetch: Fetch) {
        match fetch.size.is_some_and(|size| self.job.rules().too_large(size)) {
            true => self.plan.too_large += 1,
            false => self.plan.fetch.push_back(fetch),
        }
    }

    /// Once for each message. One without a unique-id could not be recognised when the answer comes.
    fn ask(&mut self, fetch: &Fetch, header: &[u8], told: &Told, rule: Option<&str>) {
        let Some(key) = &fetch.key else { return };
        if self.known.held.get(key).is_some_and(|held| held.question.is_some()) {
            return;
        }
        let header = Header { size: fetch.size, block: header };
        if let Some(changes) = leave::ask(self.job, key, &header, told, rule) {
            self.changes.extend(changes);
            self.asked = true;
        }
    }

    async fn commit(&mut self) -> Result<(), Trouble> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let intake = &self.job.services.intake;
        intake.store.commit(std::mem::take(&mut self.changes)).await?;
        if std::mem::take(&mut self.asked) {
            intake.signals.task_added();
        }
        Ok(())
    }
}
