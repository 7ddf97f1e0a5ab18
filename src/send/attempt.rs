//! One try of one queue entry: its pending recipients in groups of as many as a transaction may have, and what became of
//! each.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::mail::{BodyType, Notify, Ret, dsn};
use crate::proto::smtp::client::{Mail, Recipient, Unsendable, Verdict};
use crate::store::{QueueEntry, RecipientState, RecipientUpdate};

pub struct Attempt {
    pub entry: Arc<QueueEntry>,
    /// Places in the entry's list.
    pending: Vec<u32>,
    /// How many of `pending` have gone into transactions.
    begun: usize,
    /// Where in `pending` the transactions under way end, in order.
    under_way: VecDeque<usize>,
    /// How many of `pending` are answered or given back.
    closed: usize,
    updates: Vec<RecipientUpdate>,
    /// Some recipients were not looked at.
    untouched: bool,
}

/// A try that is over.
pub struct Tried {
    pub entry: Arc<QueueEntry>,
    /// In the entry's order. Recipients put off stand in it as pending.
    pub updates: Vec<RecipientUpdate>,
    /// None is put off, but some were not tried: they may be at once.
    pub at_once: bool,
    /// The relay took the wishes of RFC 3461 over, and will tell of success itself.
    pub wishes_passed: bool,
    /// The relay; empty where none was reached.
    pub host: Arc<str>,
}

impl Attempt {
    pub fn new(entry: Arc<QueueEntry>) -> Attempt {
        let places = (0u32..).zip(&entry.recipients);
        let pending: Vec<u32> =
            places.filter(|(_, r)| r.state == RecipientState::Pending).map(|(place, _)| place).collect();
        let updates = Vec::with_capacity(pending.len());
        Attempt { entry, pending, begun: 0, under_way: VecDeque::new(), closed: 0, updates, untouched: false }
    }

    /// The places of the next transaction's recipients; empty when all are under way.
    pub fn next_group(&self, max: usize) -> &[u32] {
        let rest = self.pending.get(self.begun..).unwrap_or_default();
        rest.get(..max).unwrap_or(rest)
    }

    pub fn has_more(&self) -> bool {
        self.begun < self.pending.len()
    }

    /// The next group of `count` has gone into a transaction.
    pub fn begin(&mut self, count: usize) {
        self.begun += count;
        self.under_way.push_back(self.begun);
    }

    /// The verdicts on the transaction that was begun first.
    pub fn finished(&mut self, host: &str, verdicts: Vec<Verdict>) {
        let places = self.close_group();
        for (index, verdict) in places.into_iter().zip(verdicts) {
            let (state, reply) = match verdict {
                // Where all goes well the words stand in the journal.
                Verdict::Accepted(reply) => (RecipientState::Relayed, reply.to_string()),
                Verdict::Refused(reply) => (RecipientState::Failed, dsn::said(host, &reply.to_string())),
                Verdict::Surplus => {
                    self.untouched = true;
                    continue;
                }
                Verdict::Deferred(reply) => (RecipientState::Pending, dsn::said(host, &reply.to_string())),
                Verdict::Unanswered(why) => (RecipientState::Pending, format!("The relay {host} {why}")),
            };
            self.updates.push(update(index, state, dsn::bounded(reply)));
        }
    }

    /// The transaction that was begun first never took place.
    pub fn untouched(&mut self) {
        self.close_group();
        self.untouched = true;
    }

    fn close_group(&mut self) -> Vec<u32> {
        let end = self.under_way.pop_front().unwrap_or(self.closed);
        let places = self.pending.get(self.closed..end).unwrap_or_default().to_vec();
        self.closed = end;
        places
    }

    /// All groups are begun and answered.
    pub fn is_over(&self) -> bool {
        self.closed >= self.pending.len()
    }

    /// For those not begun, before any is: this is what becomes of them all, for now or for good.
    pub fn fail_rest(&mut self, state: RecipientState, reply: &str) {
        let rest = self.pending.get(self.begun..).unwrap_or_default();
        let reply = dsn::bounded(reply.to_string());
        let updates = rest.iter().map(|&index| update(index, state, reply.clone()));
        self.updates.extend(updates);
        self.begun = self.pending.len();
        if self.under_way.is_empty() {
            self.closed = self.begun;
        }
    }

    /// `Err`: nothing of it was tried, the entry is as it was.
    pub fn outcome(self, host: &Arc<str>, wishes_passed: bool) -> Result<Tried, Arc<QueueEntry>> {
        if self.updates.is_empty() && !self.pending.is_empty() {
            return Err(self.entry);
        }
        let put_off = self.updates.iter().any(|update| update.state == RecipientState::Pending);
        let at_once = !put_off && (self.untouched || self.closed < self.pending.len());
        Ok(Tried { entry: self.entry, updates: self.updates, at_once, wishes_passed, host: host.clone() })
    }
}

impl Tried {
    /// All pending recipients put off for the same reason.
    pub fn put_off(entry: Arc<QueueEntry>, reason: &str) -> Tried {
        let mut attempt = Attempt::new(entry);
        attempt.fail_rest(RecipientState::Pending, reason);
        Tried { entry: attempt.entry, updates: attempt.updates, at_once: false, wishes_passed: false, host: "".into() }
    }
}

/// The recorder says when it is due again.
fn update(index: u32, state: RecipientState, reply: String) -> RecipientUpdate {
    RecipientUpdate { index, state, reply, due: 0, tried: true, delay_notified: false }
}

/// The entry as the session wants it. `utf8`: an address or the header needs SMTPUTF8.
pub fn mail(entry: &QueueEntry, utf8: bool) -> Mail<'_> {
    Mail {
        return_path: entry.return_path.as_ref().map_or("", |address| address.as_str()),
        size: entry.size,
        eight_bit: entry.body == BodyType::EightBitMime,
        smtputf8: utf8,
        ret: entry.ret.map(|ret| match ret {
            Ret::Full => "FULL",
            Ret::Headers => "HDRS",
        }),
        envid: entry.envid.as_deref(),
    }
}

pub fn recipients<'a>(entry: &'a QueueEntry, places: &'a [u32]) -> impl Iterator<Item = Recipient<'a>> {
    let found = places.iter().filter_map(|&place| entry.recipients.get(usize::try_from(place).ok()?));
    found.map(|recipient| Recipient {
        address: recipient.address.as_str(),
        notify: notify(&recipient.notify),
        orcpt: recipient.orcpt.as_deref(),
    })
}

fn notify(wish: &Notify) -> Option<&'static str> {
    wish.given.then_some(match (wish.success, wish.failure, wish.delay) {
        (false, false, false) => "NEVER",
        (true, false, false) => "SUCCESS",
        (false, true, false) => "FAILURE",
        (false, false, true) => "DELAY",
        (true, true, false) => "SUCCESS,FAILURE",
        (true, false, true) => "SUCCESS,DELAY",
        (false, true, true) => "FAILURE,DELAY",
        (true, true, true) => "SUCCESS,FAILURE,DELAY",
    })
}

/// The words for a mail that this server cannot take.
pub fn unsendable(host: &str, why: Unsendable) -> String {
    format!("{why} (relay {host})")
}
