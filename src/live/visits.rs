//! SMTP sessions from certain addresses, counted for whoever waits for them. Costs nothing where nobody does.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event_listener::{Event, EventListener};

/// What has come since [`super::Board::watch`].
pub struct Visits {
    from: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    began: AtomicU64,
    ended: AtomicU64,
    mails: AtomicU64,
    changed: Event,
}

/// One session; ended when dropped.
pub(super) struct Visit(Arc<Visits>);

impl Visits {
    pub(super) fn new(from: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Arc<Visits> {
        let [began, ended, mails] = Default::default();
        Arc::new(Visits { from: Box::new(from), began, ended, mails, changed: Event::new() })
    }

    pub(super) fn begin(self: Arc<Self>, peer: IpAddr) -> Option<Visit> {
        if !(self.from)(peer.to_canonical()) {
            return None;
        }
        self.began.fetch_add(1, Ordering::AcqRel);
        self.changed.notify(usize::MAX);
        Some(Visit(self))
    }

    /// A session has begun; it may be over.
    pub fn has_begun(&self) -> bool {
        self.began.load(Ordering::Acquire) > 0
    }

    pub fn is_under_way(&self) -> bool {
        self.began.load(Ordering::Acquire) > self.ended.load(Ordering::Acquire)
    }

    /// Mails taken in these sessions.
    pub fn mails(&self) -> u64 {
        self.mails.load(Ordering::Acquire)
    }

    /// Resolves when a session begins or ends after this call.
    pub fn on_change(&self) -> EventListener {
        self.changed.listen()
    }
}

impl Visit {
    pub fn mail(&self) {
        self.0.mails.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
        self.0.changed.notify(usize::MAX);
    }
}
