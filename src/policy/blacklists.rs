//! Realtime blacklists: whether a client's address is listed (spec connectors-and-smtp §8.6).
//!
//! All zones are asked at once. A zone that does not answer in time, or answers with an error, lists nobody: a list that
//! is down must not stop the mail.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::net::dns::Resolver;
use crate::net::timeout;
use crate::proto::dns::reverse_name;
use crate::rules::zone::Zone;

/// How long all of them have.
const PATIENCE: Duration = Duration::from_secs(8);

/// The first zone of the list that has the client.
pub async fn listed(resolver: &Resolver, zones: &[Zone], client: IpAddr) -> Option<String> {
    let reversed = reverse_name(client);
    let reversed = reversed.strip_suffix(".in-addr.arpa").or(reversed.strip_suffix(".ip6.arpa"))?;
    let mut questions: Vec<Question<'_>> =
        zones.iter().map(|zone| Question::Asked(Box::pin(ask(resolver, zone, reversed, client)))).collect();
    // What is found before the time is up counts.
    let _late = timeout(PATIENCE, poll_fn(|cx| poll_all(&mut questions, cx))).await;
    let first = questions.iter().zip(zones).find(|(question, _)| matches!(question, Question::Answered(true)));
    first.map(|(_, zone)| zone.name().to_string())
}

enum Question<'a> {
    Asked(Pin<Box<dyn Future<Output = bool> + Send + 'a>>),
    Answered(bool),
}

fn poll_all(questions: &mut [Question<'_>], cx: &mut std::task::Context<'_>) -> Poll<()> {
    let mut all = Poll::Ready(());
    for question in questions {
        if let Question::Asked(answer) = question {
            match answer.as_mut().poll(cx) {
                Poll::Ready(found) => *question = Question::Answered(found),
                Poll::Pending => all = Poll::Pending,
            }
        }
    }
    all
}

async fn ask(resolver: &Resolver, zone: &Zone, reversed: &str, client: IpAddr) -> bool {
    let found = match resolver.v4(&format!("{reversed}.{}", zone.name())).await {
        Ok(answers) => answers.into_iter().any(|answer| zone.lists(answer)),
        Err(error) => {
            if error.is_temporary() {
                log::info!("blacklist {}: {error}", zone.name());
            }
            false
        }
    };
    log::debug!("blacklist {}: {client} {}", zone.name(), if found { "found" } else { "not found" });
    found
}
