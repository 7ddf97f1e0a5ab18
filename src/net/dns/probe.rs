//! The DNS test: each server that is in use is asked for a name that exists and for one that does not.
//!
//! Beside the cache, all servers at once. A server that finds even the name that cannot exist is one that leads people
//! who mistype to advertisements; for mail that is harmful.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::connect::reason;
use super::{DnsError, NameServer, Resolver, exchange};
use crate::proto::dns::{Judged, Question, RecordType};

/// Letters of a name that nobody has.
const UNHEARD_OF: usize = 20;

/// How a server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub server: NameServer,
    pub existing: Asked,
    pub missing: Asked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub name: String,
    pub took: Duration,
    pub answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Exists,
    DoesNotExist,
    /// How it failed, about the server: `refused to answer`, `does not answer`.
    Failed(String),
}

impl Resolver {
    /// One line a server in use; takes 12 s at most. `existing` is a name that is known to exist; the other is made up, in
    /// the same top-level domain.
    pub async fn probe(&self, existing: &str) -> Result<Vec<Probe>, DnsError> {
        let bad = |_| DnsError::BadName(existing.to_string());
        let made_up: String = (0..UNHEARD_OF).map(|_| fastrand::lowercase()).collect();
        let top = existing.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        // What the box asks most: the mail servers of a domain, and whether a blacklist has an address.
        let existing = Question::new(existing, RecordType::Mx).map_err(bad)?;
        let missing = Question::new(&format!("{made_up}.{top}"), RecordType::A).map_err(bad)?;
        let probes = self.current().into_iter().map(|server| {
            let (existing, missing) = (existing.clone(), missing.clone());
            async move {
                let (existing, missing) =
                    smol::future::zip(ask(server.address, existing), ask(server.address, missing)).await;
                Probe { server, existing, missing }
            }
        });
        Ok(all(probes).await)
    }
}

async fn ask(server: SocketAddr, question: Question) -> Asked {
    let since = Instant::now();
    let mut answer = once(server, &question, true).await;
    if let Answer::Failed(_) = answer {
        answer = once(server, &question, false).await;
    }
    Asked { name: question.name().to_string(), took: since.elapsed(), answer }
}

async fn once(server: SocketAddr, question: &Question, edns: bool) -> Answer {
    match exchange::ask(server, question, edns).await {
        Ok(Judged::Found { .. } | Judged::Alias { .. } | Judged::NoData { .. }) => Answer::Exists,
        Ok(Judged::NoName { .. }) => Answer::DoesNotExist,
        Ok(Judged::Failed(failure)) => Answer::Failed(failure.to_string()),
        Ok(Judged::Foreign | Judged::Truncated) => Answer::Failed("answers other questions".into()),
        Err(error) if error.kind() == ErrorKind::TimedOut => Answer::Failed("does not answer".into()),
        Err(error) => Answer::Failed(format!("cannot be reached: {}", reason(&error))),
    }
}

/// The results of all, in order, once the last is there.
async fn all<T>(work: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = work.map(|work| (Box::pin(work), None)).collect();
    poll_fn(|cx| {
        let mut over = true;
        for (work, result) in running.iter_mut().filter(|(_, result)| result.is_none()) {
            match work.as_mut().poll(cx) {
                Poll::Ready(value) => *result = Some(value),
                Poll::Pending => over = false,
            }
        }
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, result)| result).collect()
}
