//! ETRN: a host asks for the mail that waits here for its domain (RFC 1985).
//!
//! The mails become due at once; the queue runner sends them as it sends all mail. What is on hold stays.

use crate::intake::Intake;
use crate::net::now_ms;
use crate::proto::smtp::server::{Queue, Reply};
use crate::store::{Change, Hold, QueueEntry, RecipientState, StoreError};

/// Entries read at a time.
const PAGE: usize = 500;
/// Entries made due by one command.
const MOST: usize = 10_000;

pub(super) async fn start(intake: &Intake, queue: &Queue) -> Reply {
    let node = &queue.domain;
    match retry(intake, queue).await {
        Ok(0) => Reply::nothing_queued(node),
        Ok(count) => Reply::queue_started(node, count),
        Err(error) => {
            log::error!("ETRN {node}: {error}");
            Reply::cannot_queue(node)
        }
    }
}

async fn retry(intake: &Intake, queue: &Queue) -> Result<usize, StoreError> {
    let store = &intake.store;
    store.settled().await?;
    let (mut after, mut count) = (None, 0);
    while count < MOST {
        let entries = store.queue_list(after, PAGE)?;
        let Some(last) = entries.last() else { break };
        after = Some(last.mail);
        let waiting = entries.iter().filter(|entry| entry.hold == Hold::No && is_for(entry, queue));
        let due = now_ms();
        let changes: Vec<Change> = waiting.map(|entry| Change::QueueRetry { mail: entry.mail, due }).collect();
        if !changes.is_empty() {
            count += changes.len();
            store.commit(changes).await?;
        }
    }
    if count > 0 {
        store.settled().await?;
        intake.signals.queue_changed();
    }
    Ok(count)
}

fn is_for(entry: &QueueEntry, queue: &Queue) -> bool {
    let pending = entry.recipients.iter().filter(|recipient| recipient.state == RecipientState::Pending);
    pending.into_iter().any(|recipient| is_of(recipient.address.domain(), queue))
}

fn is_of(domain: &str, queue: &Queue) -> bool {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let above = || domain.strip_suffix(queue.domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
    domain == queue.domain || (queue.with_subdomains && above())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdomains_count_where_they_are_asked_for() {
        let queue = |with_subdomains| Queue { domain: "branch.example".into(), with_subdomains };
        assert!(is_of("Branch.Example", &queue(false)));
        assert!(!is_of("a.branch.example", &queue(false)));
        assert!(is_of("a.branch.example", &queue(true)));
        assert!(!is_of("mybranch.example", &queue(true)));
    }
}
