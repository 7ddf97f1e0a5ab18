//! `queue`: the mails that wait to go out, and what the administrator does to them (spec connectors-and-smtp §5.11).

use std::collections::HashSet;
use std::io::Read;

use mail_parser::MessageParser;
use serde::Serialize;
use serde_json::json;

use crate::net::now_ms;
use crate::store::{Body, Change, Hold, JournalRow, MailId, QueueEntry, RecipientState};

use super::operation::{Gives, Operation, PLAIN};
use super::{Answer, Api, ApiError, value};

const CHANGED: Gives = Gives::Object("changed:integer");

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "queue",
        summary: "Mails in the outgoing queue, in the order in which they came",
        query: &[("after", "The mail after which the list begins"), ("limit", "Mails at most, 100")],
        gives: Gives::Object("length:integer mails:array"),
        run: |api, call| {
            Box::pin(async move {
                let after = call.query("after").map(mail_id).transpose()?;
                api.queue(after, call.number("limit")?.unwrap_or(ROWS)).await
            })
        },
        ..PLAIN
    },
    Operation {
        path: "queue/{mail}",
        summary: "One mail, with what was tried for it",
        gives: Gives::Object("mail:object attempts:array"),
        run: |api, call| Box::pin(async move { api.queue_mail(call.step(0)).await }),
        ..PLAIN
    },
    Operation {
        path: "queue/{mail}/source",
        summary: "The mail as it is",
        gives: Gives::File("message/rfc822"),
        run: |api, call| {
            Box::pin(async move {
                let mail = mail_id(call.step(0))?;
                api.store.settled().await?;
                if api.store.queue_entry(mail)?.is_none() {
                    return Err(ApiError::Unknown(format!("mail {mail} in the queue")));
                }
                call.extra.borrow_mut().file = Some(("message/rfc822", super::source::of(api, mail, "").await?));
                Ok(serde_json::Value::Null)
            })
        },
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "queue/retry",
        summary: "All mails that are not held are tried now",
        gives: CHANGED,
        run: |api, _| Box::pin(async { api.retry_all().await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "queue/{mail}/retry",
        summary: "The mail is tried now",
        gives: CHANGED,
        run: |api, call| Box::pin(async move { api.queue_change(call.step(0), Action::Retry).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "queue/{mail}/hold",
        summary: "The mail stays until it is released",
        query: &[("for", "For so many minutes only")],
        gives: CHANGED,
        run: |api, call| {
            Box::pin(async move { api.queue_change(call.step(0), Action::hold(call.query("for"))?).await })
        },
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "queue/{mail}/release",
        summary: "The mail is held no longer",
        gives: CHANGED,
        run: |api, call| Box::pin(async move { api.queue_change(call.step(0), Action::Release).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "queue/{mail}/priority/{number}",
        summary: "From 1, which goes first, to 100",
        gives: CHANGED,
        run: |api, call| Box::pin(async move { api.queue_change(call.step(0), Action::priority(call.step(1))?).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "queue/{mail}/delete-after/{minutes}",
        summary: "The mail is deleted in so many minutes, sent or not; with never, it is not",
        gives: CHANGED,
        run: |api, call| {
            Box::pin(async move { api.queue_change(call.step(0), Action::delete_after(call.step(1))?).await })
        },
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: "queue/{mail}",
        summary: "The mail is deleted, and nobody is told",
        gives: CHANGED,
        run: |api, call| Box::pin(async move { api.queue_change(call.step(0), Action::Remove).await }),
        ..PLAIN
    },
];

/// Rows of one answer: by default, and at most.
const ROWS: usize = 100;
const MAX_ROWS: usize = 1000;
/// Attempts looked through for those of one mail.
const ATTEMPTS: usize = 20_000;

/// The subject is looked for in this much of the mail.
const HEAD: u64 = 16 * 1024;

/// The columns of the queue page. Times are Unix milliseconds.
#[derive(Serialize)]
struct Row {
    id: String,
    /// `held`, `held on a timer`, `not held` or `being sent`.
    state: &'static str,
    /// The end of a timed hold.
    held_until: Option<i64>,
    /// The submitting host, `unknown` if the box wrote the mail itself.
    ip: String,
    auth: String,
    priority: u8,
    to: Vec<RowRecipient>,
    /// Empty for the null return path.
    from: String,
    subject: String,
    sent: i64,
    size: u64,
    due: Option<i64>,
    tries: u32,
    /// When it is deleted, sent or not.
    delete_after: Option<i64>,
}

#[derive(Serialize)]
struct RowRecipient {
    address: String,
    /// `pending`, `relayed`, `failed`.
    state: &'static str,
    /// The last reply or reason; empty before the first try.
    reply: String,
    /// Where it goes without a sender: `LAN server 192.168.1.5:25`.
    way: Option<String>,
    due: i64,
    tries: u32,
}

#[derive(Clone, Copy)]
enum Action {
    Retry,
    /// For so many minutes; `None`: until it is released.
    Hold(Option<i64>),
    Release,
    Priority(u8),
    /// In so many minutes, sent or not; `None`: as long as it takes.
    DeleteAfter(Option<i64>),
    Remove,
}

/// The longest time until something happens to a mail, minutes: ten years.
const LONGEST: i64 = 10 * 366 * 24 * 60;

impl Action {
    /// For so many minutes, or until it is released.
    fn hold(time: Option<&str>) -> Result<Action, ApiError> {
        let Some(text) = time else { return Ok(Action::Hold(None)) };
        Ok(Action::Hold(Some(minutes(text)?)))
    }

    /// Minutes, or `never`.
    fn delete_after(text: &str) -> Result<Action, ApiError> {
        let time = if text == "never" { None } else { Some(minutes(text)?) };
        Ok(Action::DeleteAfter(time))
    }

    /// From 1, which goes first, to 100.
    fn priority(text: &str) -> Result<Action, ApiError> {
        let priority = text.parse().ok().filter(|priority| (1..=100).contains(priority));
        priority.map(Action::Priority).ok_or_else(|| ApiError::Bad(format!("{text} is no priority from 1 to 100")))
    }
}

impl Api {
    async fn queue(&self, after: Option<MailId>, limit: usize) -> Answer {
        self.store.settled().await?;
        let entries = self.store.queue_list(after, limit.clamp(1, MAX_ROWS))?;
        let under_way = self.board.under_way();
        let rows: Vec<Row> = entries.iter().map(|entry| self.row(entry, &under_way)).collect();
        value(json!({ "length": self.store.queue_len()?, "mails": value(rows)? }))
    }

    fn row(&self, entry: &QueueEntry, under_way: &HashSet<MailId>) -> Row {
        Row {
            id: entry.mail.to_string(),
            state: match entry.hold {
                _ if under_way.contains(&entry.mail) => "being sent",
                Hold::Until(time) if time > now_ms() => "held on a timer",
                Hold::No | Hold::Until(_) => "not held",
                Hold::ByAdministrator => "held",
            },
            held_until: match entry.hold {
                Hold::Until(time) => Some(time),
                Hold::No | Hold::ByAdministrator => None,
            },
            ip: entry.client.map_or_else(|| "unknown".into(), |client| client.to_string()),
            auth: entry.auth_user.clone().unwrap_or_default(),
            priority: entry.priority,
            to: entry.recipients.iter().map(recipient).collect(),
            from: entry.return_path.as_ref().map(|path| path.as_str().to_string()).unwrap_or_default(),
            subject: self.subject(entry.mail),
            sent: entry.accepted_at,
            size: entry.size,
            due: entry.wakes(),
            tries: entry.tries(),
            delete_after: entry.delete_after,
        }
    }

    /// One mail, with what was tried for it lately, newest first.
    async fn queue_mail(&self, mail: &str) -> Answer {
        let mail = mail_id(mail)?;
        self.store.settled().await?;
        let Some(entry) = self.store.queue_entry(mail)? else {
            return Err(ApiError::Unknown(format!("mail {mail} in the queue")));
        };
        let attempts = self.store.attempts(ATTEMPTS)?.into_iter().filter(|attempt| attempt.mail == mail);
        let attempts = attempts.take(ROWS).map(|attempt| {
            json!({
                "server": attempt.server,
                "starttime": attempt.at,
                "recipients": attempt.recipients,
                "result": attempt.result,
            })
        });
        let attempts: Vec<serde_json::Value> = attempts.collect();
        value(json!({ "mail": value(self.row(&entry, &self.board.under_way()))?, "attempts": attempts }))
    }

    /// Empty where there is none, or where the mail has just gone.
    fn subject(&self, mail: MailId) -> String {
        let head = match self.store.body(mail) {
            Ok(Some(Body::Inline(bytes))) => bytes.to_vec(),
            Ok(Some(Body::File { file, .. })) => {
                let mut head = Vec::new();
                if file.take(HEAD).read_to_end(&mut head).is_err() {
                    return String::new();
                }
                head
            }
            Ok(None) | Err(_) => return String::new(),
        };
        let parsed = MessageParser::default().parse_headers(&head);
        parsed.and_then(|message| message.subject().map(str::to_string)).unwrap_or_default()
    }

    async fn queue_change(&self, mail: &str, action: Action) -> Answer {
        let mail = mail_id(mail)?;
        self.store.settled().await?;
        let Some(entry) = self.store.queue_entry(mail)? else {
            return Err(ApiError::Unknown(format!("mail {mail} in the queue")));
        };
        let now = now_ms();
        let changes = match action {
            Action::Retry => vec![Change::QueueRetry { mail, due: now }],
            Action::Hold(None) => vec![Change::QueueHold { mail, hold: Hold::ByAdministrator }],
            Action::Hold(Some(minutes)) => {
                vec![Change::QueueHold { mail, hold: Hold::Until(now + minutes * 60_000) }]
            }
            Action::Priority(priority) => vec![Change::QueuePriority { mail, priority }],
            Action::DeleteAfter(minutes) => {
                let time = minutes.map(|minutes| now + minutes * 60_000);
                vec![Change::QueueDeleteAfter { mail, time }]
            }
            Action::Release => vec![Change::QueueHold { mail, hold: Hold::No }],
            Action::Remove => vec![Change::QueueRemove { mail }, Change::Journal(removed(&entry, now))],
        };
        self.store.commit(changes).await?;
        self.store.settled().await?;
        self.signals.queue_changed();
        Ok(json!({ "changed": 1 }))
    }

    /// All that are not held are due now.
    pub(super) async fn retry_all(&self) -> Answer {
        self.store.settled().await?;
        let (mut after, mut changed) = (None, 0);
        loop {
            let entries = self.store.queue_list(after, MAX_ROWS)?;
            let Some(last) = entries.last() else { break };
            after = Some(last.mail);
            let due = now_ms();
            let waiting = entries.iter().filter(|entry| !entry.is_held(now_ms()));
            let changes: Vec<Change> = waiting.map(|entry| Change::QueueRetry { mail: entry.mail, due }).collect();
            changed += changes.len();
            if !changes.is_empty() {
                self.store.commit(changes).await?;
            }
        }
        self.store.settled().await?;
        self.signals.queue_changed();
        Ok(json!({ "changed": changed }))
    }
}

fn recipient(recipient: &crate::store::QueueRecipient) -> RowRecipient {
    RowRecipient {
        address: recipient.address.as_str().to_string(),
        state: match recipient.state {
            RecipientState::Pending => "pending",
            RecipientState::Relayed => "relayed",
            RecipientState::Failed => "failed",
        },
        reply: recipient.reply.clone(),
        way: recipient.lan.as_ref().map(|server| server.to_string()),
        due: recipient.due,
        tries: recipient.tries,
    }
}

fn removed(entry: &QueueEntry, at: i64) -> JournalRow {
    let to: Vec<&str> = entry.recipients.iter().map(|recipient| recipient.address.as_str()).take(10).collect();
    JournalRow {
        at,
        mail: Some(entry.mail),
        event: "removed".into(),
        from: entry.return_path.as_ref().map(|path| path.as_str().to_string()).unwrap_or_default(),
        to: to.join(", "),
        detail: "by the administrator".into(),
    }
}

fn minutes(text: &str) -> Result<i64, ApiError> {
    let minutes = text.parse().ok().filter(|minutes| (1..=LONGEST).contains(minutes));
    minutes.ok_or_else(|| ApiError::Bad(format!("{text} is no number of minutes")))
}

pub(super) fn mail_id(text: &str) -> Result<MailId, ApiError> {
    let number =
        u64::from_str_radix(text, 16).map_err(|_| ApiError::Bad(format!("{text} is not the name of a mail")))?;
    Ok(MailId(number))
}
