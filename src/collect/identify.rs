//! Messages without a unique-id that are left at the provider: recognised by their header (`TOP n 0`) before they are
//! downloaded, so that they do not come over the line at each run. Without TOP they do, and are recognised then.

use std::collections::{HashMap, HashSet};

use super::job::Job;
use super::link::Link;
use super::listing::{HASHED_HEADER, header_key};
use super::plan::Plan;
use super::trouble::Trouble;
use crate::proto::pop3::client::{Command, Event};

/// Headers asked for at once.
const WINDOW: usize = 256;

/// Moves what is known out of `plan.fetch`.
pub(super) async fn identify(
    job: &Job,
    link: &mut Link,
    plan: &mut Plan,
    seen: &HashMap<String, i64>,
) -> Result<(), Trouble> {
    // Deleted at once, they are rarely met twice, and a header each would cost more than it saves.
    if job.collector.leave_days == 0 || !link.session.capabilities().may_top() {
        return Ok(());
    }
    let unknown: Vec<u32> = plan.fetch.iter().filter(|fetch| fetch.key.is_none()).map(|fetch| fetch.number).collect();
    let mut known = HashSet::new();
    let rules = job.rules();
    for (number, key) in headers(link, &unknown).await? {
        let Some(at) = key.and_then(|key| seen.get(&key)) else { continue };
        known.insert(number);
        match rules.expired(*at) {
            true => plan.delete.push_back(number),
            false => plan.left += 1,
        }
    }
    plan.fetch.retain(|fetch| !known.contains(&fetch.number));
    Ok(())
}

/// The header keys of these messages; `None` where the server refuses.
async fn headers(link: &mut Link, numbers: &[u32]) -> Result<HashMap<u32, Option<String>>, Trouble> {
    let mut numbers = numbers.iter().copied().peekable();
    let mut keys = HashMap::new();
    let mut header = Vec::new();
    while numbers.peek().is_some() || link.session.in_flight() > 0 {
        while link.session.in_flight() < WINDOW
            && let Some(number) = numbers.next()
        {
            link.session.ask(Command::Top(number));
        }
        link.exchange(true).await?;
        let mut rest = link.input.filled();
        while let Some(event) = link.session.next(&mut rest)? {
            match event {
                Event::Body(_, bytes) => {
                    let room = HASHED_HEADER.saturating_sub(header.len());
                    header.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                }
                Event::Done(Command::Top(number)) => {
                    keys.insert(number, Some(header_key(&header)));
                    header.clear();
                }
                Event::Refused(Command::Top(number), _) => {
                    keys.insert(number, None);
                }
                _ => {}
            }
        }
        let left = rest.len();
        link.input.keep(left);
    }
    Ok(keys)
}
