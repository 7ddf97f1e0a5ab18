//! Mail in whose headers nobody here is named (spec connectors-and-smtp §4.7).

use super::job::Job;
use super::recipients::Recipients;
use crate::config::RoutingErrorAction as Action;
use crate::intake::{Draft, is_automatic};
use crate::mail::{Address, Envelope, Recipient};
use crate::net::now_ms;
use crate::route::{self, Destination};
use crate::store::{
    BodyHandle, Change, DsnAction, MailId, NewMail, NewQueueEntry, QueueEntry, RecipientState, Task, TaskKind,
};

const NOBODY: &str = "None of the addresses in its headers belongs to a user here.";
const UNKNOWN: &str = "550 5.1.1 Nobody here has this address.";

/// Where it goes instead, and what it sets off. At least one of both is something.
pub(super) fn error(
    job: &Job,
    recipients: &Recipients,
    draft: &Draft,
    return_path: Option<&Address>,
) -> (Vec<Destination>, Vec<Change>) {
    let errors = &job.collector.routing_errors;
    let told = |to: &str| (Vec::new(), vec![tell(job, draft.mail_id(), to)]);
    let passed = |to: &str| match route::target(&job.config, to).filter(|found| !found.is_empty()) {
        Some(destinations) => (route::as_error(destinations), Vec::new()),
        // Kept by a task until there is a main administrator again.
        None => told(""),
    };
    let administrator = &job.config.general.main_administrator;
    match errors.action {
        Action::ErrorToAdministrator => told(""),
        Action::MailToAdministrator => passed(administrator),
        Action::ErrorToUser => told(&errors.user),
        Action::MailToUser => passed(&errors.user),
        Action::Bounce | Action::BounceAndMailToAdministrator => {
            // Nothing that no person wrote is answered (RFC 3834 §2).
            let sender = return_path.filter(|_| !is_automatic(draft.header()));
            let bounce = sender.and_then(|sender| bounce(job, recipients, draft, sender));
            let Some(bounce) = bounce else { return passed(administrator) };
            match errors.action {
                Action::Bounce => (Vec::new(), vec![bounce]),
                _ => {
                    let (destinations, mut with) = passed(administrator);
                    with.push(bounce);
                    (destinations, with)
                }
            }
        }
    }
}

fn tell(job: &Job, mail: MailId, to: &str) -> Change {
    task(job, TaskKind::RoutingError { mail, collector: job.collector.id, reason: NOBODY.into(), to: to.into() })
}

fn task(job: &Job, kind: TaskKind) -> Change {
    Change::AddTask(Task { id: job.services.intake.store.task_id(), created_at: now_ms(), kind })
}

/// A delivery status notification to the sender, by a task that keeps the mail until it is written.
fn bounce(job: &Job, recipients: &Recipients, draft: &Draft, sender: &Address) -> Option<Change> {
    let mut unknown = recipients.unknown.clone();
    if unknown.is_empty() {
        // In none of the headers: the mailbox itself is all that is known.
        let login = &job.collector.login.user;
        unknown.extend(Address::parse(login).ok().filter(|address| !address.domain().is_empty()));
    }
    if unknown.is_empty() {
        unknown.extend(Address::parse(&format!("unknown@{}", job.config.general.host_name)).ok());
    }
    let text = job.collector.routing_errors.bounce_text.trim();
    let said = if text.is_empty() { UNKNOWN.to_string() } else { format!("550 5.1.1 {text}") };
    let entry = Box::new(failed(draft.mail_id(), sender, unknown, &said)?);
    let about = (0..entry.recipients.len() as u32).collect();
    Some(task(job, TaskKind::DeliveryStatus { entry, about, action: DsnAction::Failed }))
}

/// What a bounce is written about: as if the mail had been queued for these and refused.
fn failed(mail: MailId, sender: &Address, recipients: Vec<Address>, said: &str) -> Option<QueueEntry> {
    let envelope = Envelope {
        return_path: Some(sender.clone()),
        recipients: recipients.into_iter().map(Recipient::new).collect(),
        ..Envelope::default()
    };
    let now = now_ms();
    let queue = Some(NewQueueEntry::now(envelope, now));
    let body = BodyHandle::Inline(Vec::new().into());
    let as_mail = NewMail { id: mail, body, received_at: now, deliveries: Vec::new(), queue };
    let mut entry = as_mail.queue_entry()?;
    for recipient in &mut entry.recipients {
        recipient.state = RecipientState::Failed;
        recipient.reply = said.to_string();
    }
    Some(entry)
}
