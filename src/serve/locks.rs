//! Which mailboxes have a session: a POP3 session has its mailbox for itself (RFC 1939 §4).
//!
//! One registry for all services, since a mailbox is the same over port 110 and port 995.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::store::MailboxId;

/// Cheap to clone; all clones are one registry.
#[derive(Clone, Default)]
pub struct Locks {
    held: Arc<Mutex<HashSet<MailboxId>>>,
}

/// Gives its mailbox free when dropped.
pub struct MailboxLock {
    locks: Locks,
    mailbox: MailboxId,
}

impl Locks {
    /// `None` while another session has the mailbox.
    pub fn take(&self, mailbox: MailboxId) -> Option<MailboxLock> {
        self.held().insert(mailbox).then(|| MailboxLock { locks: self.clone(), mailbox })
    }

    fn held(&self) -> MutexGuard<'_, HashSet<MailboxId>> {
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for MailboxLock {
    fn drop(&mut self) {
        self.locks.held().remove(&self.mailbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_one_session_at_a_time() {
        let locks = Locks::default();
        let first = locks.take(MailboxId::inbox(1)).expect("free");
        assert!(locks.clone().take(MailboxId::inbox(1)).is_none());
        assert!(locks.take(MailboxId::inbox(2)).is_some());
        drop(first);
        assert!(locks.take(MailboxId::inbox(1)).is_some());
    }
}
