//! `mailboxes`: what lies in whose Inbox (spec users-lists-admin §1.1). For fault finding: subjects and sources, never
//! rendered.

use mail_parser::MessageParser;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::store::{Body, Change, MailboxId, MessageRow};

use super::operation::{Body as Carries, Gives, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, read};

/// Messages of one answer: by default, and at most.
const ROWS: usize = 200;
const MAX_ROWS: usize = 1000;
/// The header is looked for in this much of a message.
const HEAD: usize = 16 * 1024;

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "mailboxes",
        summary: "Messages in the Inbox of each user, and the size of his mailbox",
        gives: Gives::Object("mailboxes:array"),
        run: |api, _| Box::pin(async { api.mailboxes().await }),
        ..PLAIN
    },
    Operation {
        path: "mailboxes/{user}",
        summary: "The newest messages of an Inbox, the newest first",
        query: &[("limit", "Messages at most, 200")],
        gives: Gives::Object("name:string messages:array count:integer"),
        run: |api, call| {
            Box::pin(async move { api.mailbox(call.step(0), call.number("limit")?.unwrap_or(ROWS)).await })
        },
        ..PLAIN
    },
    Operation {
        path: "mailboxes/{user}/{uid}/source",
        summary: "A message as it is",
        gives: Gives::File("message/rfc822"),
        run: |api, call| {
            Box::pin(async move {
                let (mailbox, _) = api.inbox(call.step(0))?;
                api.store.settled().await?;
                let found = api.store.messages(mailbox)?.into_iter().find(|row| row.uid.to_string() == call.step(1));
                let found = found.ok_or_else(|| ApiError::Unknown(format!("message {}", call.step(1))))?;
                let source = super::source::of(api, found.mail, &found.head).await?;
                call.extra.borrow_mut().file = Some(("message/rfc822", source));
                Ok(Value::Null)
            })
        },
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "mailboxes/{user}/delete",
        summary: "Deletes messages for good",
        body: Carries::Json(schema_of::<Chosen>),
        gives: Gives::Object("deleted:integer"),
        run: |api, call| Box::pin(async move { api.delete_messages(call.step(0), read(call.body)?).await }),
        ..PLAIN
    },
];

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Chosen {
    uids: Vec<u32>,
}

impl Api {
    async fn mailboxes(&self) -> Answer {
        self.store.settled().await?;
        let mut rows: Vec<Value> = Vec::new();
        for summary in self.store.mailboxes()? {
            let user = summary.mailbox.user;
            let messages = if summary.mailbox == MailboxId::inbox(user) { summary.messages } else { 0 };
            match rows.iter_mut().find(|row| row.get("user").and_then(Value::as_u64) == Some(user.into())) {
                Some(row) => {
                    add(row, "messages", messages);
                    add(row, "bytes", summary.bytes);
                }
                None => rows.push(json!({ "user": user, "messages": messages, "bytes": summary.bytes })),
            }
        }
        Ok(json!({ "mailboxes": rows }))
    }

    /// By number; also of a user who is switched off.
    fn inbox(&self, user: &str) -> Result<(MailboxId, String), ApiError> {
        let config = self.config.current();
        let found = user.parse().ok().and_then(|id| config.user(id));
        let found = found.ok_or_else(|| ApiError::Unknown(format!("user {user}")))?;
        Ok((MailboxId::inbox(found.id), found.name.clone()))
    }

    async fn mailbox(&self, user: &str, limit: usize) -> Answer {
        let (mailbox, name) = self.inbox(user)?;
        self.store.settled().await?;
        let messages = self.store.messages(mailbox)?;
        let count = messages.len();
        let newest = messages.iter().rev().take(limit.clamp(1, MAX_ROWS));
        let rows: Vec<Value> = newest.map(|row| self.message(row)).collect();
        Ok(json!({ "name": name, "messages": rows, "count": count }))
    }

    fn message(&self, row: &MessageRow) -> Value {
        let head = match self.store.body(row.mail) {
            Ok(Some(Body::Inline(bytes))) => bytes.get(..bytes.len().min(HEAD)).unwrap_or_default().to_vec(),
            Ok(Some(Body::File { file, .. })) => {
                use std::io::Read;
                let mut head = Vec::new();
                let _ = file.take(HEAD as u64).read_to_end(&mut head);
                head
            }
            Ok(None) | Err(_) => Vec::new(),
        };
        let parsed = MessageParser::default().parse_headers(&head);
        let from = parsed.as_ref().and_then(|message| message.from()?.first()?.address().map(str::to_string));
        let subject = parsed.as_ref().and_then(|message| message.subject().map(str::to_string));
        json!({
            "uid": row.uid,
            "mail": row.mail.to_string(),
            "from": from.unwrap_or_default(),
            "subject": subject.unwrap_or_default(),
            "received": row.received_at,
            "size": row.size,
        })
    }

    async fn delete_messages(&self, user: &str, chosen: Chosen) -> Answer {
        let (mailbox, name) = self.inbox(user)?;
        self.store.settled().await?;
        let there: Vec<u32> = self.store.messages(mailbox)?.iter().map(|row| row.uid).collect();
        let uids: Vec<u32> = chosen.uids.into_iter().filter(|uid| there.contains(uid)).collect();
        let deleted = uids.len();
        if deleted > 0 {
            log::info!("{} has deleted {deleted} messages in the Inbox of {name}", self.by);
            self.store.commit(vec![Change::DeleteMessages { mailbox, uids }]).await?;
            self.store.settled().await?;
        }
        Ok(json!({ "deleted": deleted }))
    }
}

fn add(row: &mut Value, name: &str, more: u64) {
    let sum = row.get(name).and_then(Value::as_u64).unwrap_or_default() + more;
    if let Some(row) = row.as_object_mut() {
        row.insert(name.into(), sum.into());
    }
}
