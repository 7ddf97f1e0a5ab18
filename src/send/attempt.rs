//! One try of one parcel: its recipients in groups of as many as a transaction may have, and what became of each.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::mail::{BodyType, Notify, Ret, dsn};
use crate::net::now_ms;
use crate::proto::smtp::client::{Mail, Recipient, Unsendable, Verdict};
use crate::store::{QueueEntry, RecipientState, RecipientUpdate};

use super::lane::Parcel;
use super::line::Line;
use super::open::Peer;

pub struct Attempt {
    /// Its places are those that are to be tried.
    pub parcel: Parcel,
    /// Unix milliseconds.
    began_at: i64,
    /// How many of the places are to be tried.
    end: usize,
    /// How many of the places have gone into transactions.
    begun: usize,
    /// Where in the places the transactions under way end, in order.
    under_way: VecDeque<usize>,
    /// How many of the places are answered or given back.
    closed: usize,
    updates: Vec<RecipientUpdate>,
    /// Some recipients were not looked at.
    untouched: bool,
    /// If it fails, there is no other one.
    pub is_last: bool,
}

/// A try that is over.
pub struct Tried {
    pub entry: Arc<QueueEntry>,
    pub line: Arc<Line>,
    /// In the entry's order. Recipients put off stand in it as pending.
    pub updates: Vec<RecipientUpdate>,
    /// None is put off, but some were not tried: they may be at once.
    pub at_once: bool,
    /// The server took the wishes of RFC 3461 over, and will tell of success itself.
    pub wishes_passed: bool,
    /// The server; empty where none was reached.
    pub host: Arc<str>,
    /// When it began, Unix milliseconds; `None`: nothing was tried, it was only put off.
    pub began_at: Option<i64>,
    /// What failed in it has failed for good.
    pub is_last: bool,
}

impl Attempt {
    pub fn new(parcel: Parcel) -> Attempt {
        let updates = Vec::with_capacity(parcel.places.len());
        let (end, under_way) = (parcel.places.len(), VecDeque::new());
        Attempt {
            parcel,
            began_at: now_ms(),
            end,
            begun: 0,
            under_way,
            closed: 0,
            updates,
            untouched: false,
            is_last: false,
        }
    }

    /// The places of the next transaction's recipients; empty when all are under way.
    pub fn next_group(&self, max: usize) -> &[u32] {
        let rest = self.parcel.places.get(self.begun..).unwrap_or_default();
        rest.get(..max).unwrap_or(rest)
    }

    pub fn has_more(&self) -> bool {
        self.begun < self.end
    }

    /// The next group of `count` has gone into a transaction.
    pub fn begin(&mut self, count: usize) {
        self.begun += count;
        self.under_way.push_back(self.begun);
    }

    /// The verdicts on the transaction that was begun first.
    pub fn finished(&mut self, peer: &Peer, verdicts: Vec<Verdict>) {
        let host = &peer.host;
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
                Verdict::Unanswered(why) => (RecipientState::Pending, format!("The {} {why}", peer.name)),
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
        let places = self.parcel.places.get(self.closed..end).unwrap_or_default().to_vec();
        self.closed = end;
        places
    }

    /// All groups are begun and answered.
    pub fn is_over(&self) -> bool {
        self.closed >= self.end
    }

    /// Those not begun stay untried, for now.
    pub fn leave_rest(&mut self) {
        self.end = self.begun;
        self.untouched = true;
    }

    /// For those not begun, before any is: this is what becomes of them all, for now or for good.
    pub fn fail_rest(&mut self, state: RecipientState, reply: &str) {
        let rest = self.parcel.places.get(self.begun..).unwrap_or_default();
        let reply = dsn::bounded(reply.to_string());
        let updates = rest.iter().map(|&index| update(index, state, reply.clone()));
        self.updates.extend(updates);
        self.begun = self.end;
        if self.under_way.is_empty() {
            self.closed = self.begun;
        }
    }

    /// `Err`: nothing of it was tried, the parcel is as it was.
    pub fn outcome(self, line: &Arc<Line>, peer: &Peer, wishes_passed: bool) -> Result<Tried, Parcel> {
        if self.updates.is_empty() {
            return Err(self.parcel);
        }
        let put_off = self.updates.iter().any(|update| update.state == RecipientState::Pending);
        let at_once = !put_off && (self.untouched || self.closed < self.parcel.places.len());
        Ok(Tried {
            entry: self.parcel.entry,
            line: line.clone(),
            updates: self.updates,
            at_once,
            wishes_passed,
            host: peer.host.clone(),
            began_at: Some(self.began_at),
            is_last: self.is_last,
        })
    }
}

impl Tried {
    /// All recipients of the parcel as pending, or failed, for the same reason. `tried`: just now, and in vain.
    pub fn all(line: &Arc<Line>, parcel: Parcel, state: RecipientState, reason: &str, tried: bool) -> Tried {
        let mut attempt = Attempt::new(parcel);
        attempt.fail_rest(state, reason);
        Tried {
            entry: attempt.parcel.entry,
            line: line.clone(),
            updates: attempt.updates,
            at_once: false,
            wishes_passed: false,
            host: "".into(),
            began_at: tried.then_some(attempt.began_at),
            is_last: false,
        }
    }

    /// All recipients of the parcel kept until this time, Unix milliseconds, without a try.
    pub fn held(line: &Arc<Line>, parcel: Parcel, reason: &str, due: i64) -> Tried {
        let mut held = Tried::all(line, parcel, RecipientState::Pending, reason, false);
        held.updates.iter_mut().for_each(|update| (update.due, update.tried) = (due, false));
        held
    }

    /// All recipients of the parcel put off for the same reason.
    pub fn put_off(line: &Arc<Line>, parcel: Parcel, reason: &str) -> Tried {
        Tried::all(line, parcel, RecipientState::Pending, reason, false)
    }
}

/// The recorder says when it is due again.
fn update(index: u32, state: RecipientState, reply: String) -> RecipientUpdate {
    RecipientUpdate { index, state, reply, due: 0, tried: true, delay_notified: false }
}

/// The entry as the session wants it. `utf8`: an address or the header needs SMTPUTF8.
pub fn mail<'a>(line: &'a Line, entry: &'a QueueEntry, utf8: bool) -> Mail<'a> {
    Mail {
        return_path: line.return_path(entry.return_path.as_ref()),
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
pub fn unsendable(peer: &Peer, why: Unsendable) -> String {
    format!("{why} ({})", peer.name)
}
