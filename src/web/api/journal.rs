//! `journal`: what happened to a mail (issue: find a mail). Rows of the last 30 days, the newest first.

use serde_json::{Value, json};

use crate::store::JournalRow;

use super::operation::{Gives, Operation, PLAIN};
use super::{Answer, Api};

/// Rows looked through, and given.
const SEARCHED: usize = 200_000;
const GIVEN: usize = 300;

pub const OPERATIONS: &[Operation] = &[Operation {
    path: "journal",
    summary: "What happened to mails",
    query: &[("search", "Words that must all be in a row: an address, a mail, a reason"), ("mail", "One mail")],
    gives: Gives::Object("rows:array"),
    run: |api, call| Box::pin(async move { api.journal(call.query("search"), call.query("mail")).await }),
    ..PLAIN
}];

impl Api {
    async fn journal(&self, search: Option<&str>, mail: Option<&str>) -> Answer {
        let words: Vec<String> = search.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
        let mail = mail.map(super::queue::mail_id).transpose()?;
        self.store.settled().await?;
        let store = self.store.clone();
        let rows = smol::unblock(move || store.journal(SEARCHED)).await?;
        let fits = |row: &JournalRow| {
            row.event != "changed"
                && mail.is_none_or(|mail| row.mail == Some(mail))
                && (words.is_empty() || {
                    let text = text(row).to_lowercase();
                    words.iter().all(|word| text.contains(word.as_str()))
                })
        };
        let rows: Vec<Value> = rows.iter().filter(|row| fits(row)).take(GIVEN).map(told).collect();
        Ok(json!({ "rows": rows }))
    }
}

fn text(row: &JournalRow) -> String {
    let mail = row.mail.map(|mail| mail.to_string()).unwrap_or_default();
    format!("{mail}\n{}\n{}\n{}\n{}", row.event, row.from, row.to, row.detail)
}

fn told(row: &JournalRow) -> Value {
    json!({
        "at": row.at,
        "mail": row.mail.map(|mail| mail.to_string()),
        "event": row.event,
        "from": row.from,
        "to": row.to,
        "detail": row.detail,
    })
}
