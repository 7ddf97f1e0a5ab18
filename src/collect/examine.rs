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
use super::plan::{DAY, Fetch, Plan};
use super::rules::{Judge, Verdict};
use super::script;
use super::trouble::Trouble;
use crate::hooks::Instance;
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

/// The rule by whose name people are told of a script's decision.
const BY_SCRIPT: &str = "POP3CLT.LUA";

/// The lines of a header block, without their ends; folded ones as they are.
pub(super) fn header_lines(header: &[u8]) -> Vec<String> {
    let lines = header.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines = lines.take_while(|line| !line.is_empty());
    lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

/// Decides about all of `plan.examine`.
pub(super) async fn examine(
    job: &Job,
    link: &mut Link,
    plan: &mut Plan,
    known: Known<'_>,
    script: Option<&mut Instance>,
) -> Result<(), Trouble> {
    if plan.examine.is_empty() {
        return Ok(());
    }
    let judge = Judge::new(job);
    let script = script.filter(|script| script::has_rules(Some(&**script)));
    let mut examination = Examination { job, judge, script, known, plan, changes: Vec::new(), asked: false };
    if !link.session.capabilities().may_top() {
        if job.uses_rules() {
            job.problem("The provider does not give headers alone (TOP), so download rules cannot be applied.");
        }
        while let Some(fetch) = examination.plan.examine.pop_front() {
            examination.without_header(fetch).await;
        }
        return examination.commit().await;
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
        let mut replied = false;
        let mut rest = link.input.filled();
        while let Some(event) = link.session.next(&mut rest)? {
            match event {
                Event::Body(_, bytes) => {
                    let room = HASHED_HEADER.saturating_sub(header.len());
                    header.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                }
                Event::Done(Command::Top(_)) => {
                    replied = true;
                    if let Some(fetch) = waiting.pop_front() {
                        examination.decide(fetch, &header).await;
                    }
                    header.clear();
                }
                Event::Refused(Command::Top(_), _) => {
                    if let Some(fetch) = waiting.pop_front() {
                        examination.without_header(fetch).await;
                    }
                    header.clear();
                }
                _ => {}
            }
        }
        let left = rest.len();
        link.input.keep(left);
        if replied {
            link.replied();
        }
        if examination.changes.len() >= BATCH {
            examination.commit().await?;
        }
    }
    examination.commit().await
}

struct Examination<'a> {
    job: &'a Job,
    judge: Option<Judge<'a>>,
    /// One that has rules.
    script: Option<&'a mut Instance>,
    known: Known<'a>,
    plan: &'a mut Plan,
    changes: Vec<Change>,
    /// There is a task among the changes.
    asked: bool,
}

impl Examination<'_> {
    async fn decide(&mut self, fetch: Fetch, header: &[u8]) {
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
        if let Some(script) = &mut self.script
            && let Some(verdict) = script::verdict(self.job, script, &fetch, header).await
        {
            return self.by_rule(fetch, header, BY_SCRIPT, verdict);
        }
        if let Some(judge) = &self.judge
            && let Some(rule) = judge.rule(&fetch, header)
        {
            let verdict = judge.verdict(rule, &fetch);
            // What stays is decided about in each run; it is news once.
            if !self.is_held(&fetch) {
                judge.note(rule, &fetch, header);
            }
            return self.by_rule(fetch, header, &rule.name, verdict);
        }
        if fetch.size.is_some_and(|size| rules.too_large(size)) {
            self.plan.too_large += 1;
            let told = Told { intended: true, ..Told::default() };
            return self.ask(&fetch, header, &told, None);
        }
        self.plan.fetch.push_back(fetch);
    }

    fn is_held(&self, fetch: &Fetch) -> bool {
        fetch.key.as_ref().is_some_and(|key| self.known.held.contains_key(key))
    }

    fn by_rule(&mut self, mut fetch: Fetch, header: &[u8], rule: &str, verdict: Verdict) {
        match verdict {
            Verdict::Download(orders) => {
                fetch.orders = Some(Box::new(orders));
                self.plan.fetch.push_back(fetch);
            }
            Verdict::Ask(told) => {
                self.plan.kept_by_rule += 1;
                self.ask(&fetch, header, &told, Some(rule));
            }
            Verdict::Ignore => self.ignore(&fetch),
            Verdict::Delete(told) => {
                self.plan.deleted_by_rule += 1;
                if let Some(told) = told {
                    let header = Header { size: fetch.size, block: header };
                    self.changes.push(leave::warn(self.job, &header, &told, rule));
                    self.asked = true;
                }
                self.delete(&fetch, header);
            }
        }
    }

    /// Left until its days are over; where mail is not left at the provider, for good.
    fn ignore(&mut self, fetch: &Fetch) {
        let (collector, rules) = (self.job.collector.id, self.job.rules());
        let held = fetch.key.as_ref().and_then(|key| Some((key, self.known.held.get(key)?)));
        match (held, &fetch.key) {
            (Some((_, held)), _) if rules.leave_days > 0 && rules.expired(held.since) => {
                self.plan.deleted_by_rule += 1;
                return self.delete(fetch, &[]);
            }
            (None, Some(key)) => {
                let hold = Change::HoldMessage { collector, uid: key.clone(), at: rules.now, question: None };
                self.changes.push(hold);
            }
            _ => {}
        }
        self.plan.kept_by_rule += 1;
    }

    /// Noted as seen and expired, so that one whose DELE does not come through is only deleted in the next run.
    fn delete(&mut self, fetch: &Fetch, header: &[u8]) {
        let (collector, rules) = (self.job.collector.id, self.job.rules());
        let uid = fetch.key.clone().unwrap_or_else(|| header_key(header));
        if self.is_held(fetch) {
            self.changes.push(Change::ReleaseMessages { collector, uids: vec![uid.clone()] });
        }
        let at = rules.now - i64::from(rules.leave_days) * DAY;
        self.changes.push(Change::SeenUid { collector, uid, at });
        self.plan.delete.push_back(fetch.number);
    }

    /// The server does not give its header.
    async fn without_header(&mut self, fetch: Fetch) {
        if let Some(script) = &mut self.script
            && let Some(verdict) = script::verdict(self.job, script, &fetch, &[]).await
        {
            return self.by_rule(fetch, &[], BY_SCRIPT, verdict);
        }
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
