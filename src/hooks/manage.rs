//! `VPOP3.GetFolders` and `VPOP3.GetMessages`: what lies in a mailbox (spec lua-hooks §23.4). They look and change nothing.

use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_parser::{Addr, Address, MessageParser, MimeHeaders};
use mlua::{Lua, Table};

use super::limits::Meter;
use crate::config::Published;
use crate::net::timeout;
use crate::store::{Body, MailboxId, MessageRow, Store};

/// The one folder of a mailbox.
const INBOX: &str = "INBOX";
/// Messages of one answer.
const MOST: usize = 10_000;
/// What of a message is looked at, bytes.
const HEADER: u64 = 64 * 1024;
/// For the newest deliveries to be readable.
const SETTLING: Duration = Duration::from_secs(5);

/// Where mailboxes are looked up. Empty until scripts are loaded from a store.
#[derive(Clone, Default)]
pub(super) struct Mailboxes {
    pub store: Arc<OnceLock<Store>>,
    pub config: Published,
}

impl Mailboxes {
    fn of(&self, user: &str) -> Option<(&Store, MailboxId)> {
        let user = self.config.current().user_named(user)?.id;
        let store = self.store.get()?;
        // What was delivered just now counts; should that take too long, there is no answer.
        let settled = smol::block_on(timeout(SETTLING, store.settled()));
        settled.is_ok().then_some((store, MailboxId::inbox(user)))
    }
}

/// Puts the functions into the table `VPOP3`.
pub(super) fn install(lua: &Lua, table: &Table, mailboxes: &Mailboxes, meter: &Arc<Meter>) -> mlua::Result<()> {
    let here = mailboxes.clone();
    let folders = move |lua: &Lua, user: String| {
        let answer = lua.create_table()?;
        let Some((store, mailbox)) = here.of(&user) else { return Ok(answer) };
        let all = store.mailboxes().map_err(mlua::Error::external)?;
        let found = all.iter().find(|summary| summary.mailbox == mailbox);
        let (messages, bytes) = found.map_or((0, 0), |summary| (summary.messages, summary.bytes));
        let folder = lua.create_table()?;
        folder.set("Count", messages)?;
        folder.set("Size", bytes)?;
        // Nothing is marked as read here.
        folder.set("Unread", messages)?;
        answer.set(INBOX, folder)?;
        Ok(answer)
    };
    table.set("GetFolders", lua.create_function(folders)?)?;
    let (here, meter) = (mailboxes.clone(), meter.clone());
    let messages = move |lua: &Lua, (user, folder): (String, Option<String>)| {
        let answer = lua.create_table()?;
        if folder.is_some_and(|folder| !folder.eq_ignore_ascii_case(INBOX)) {
            return Ok(answer);
        }
        let Some((store, mailbox)) = here.of(&user) else { return Ok(answer) };
        for row in store.messages(mailbox).map_err(mlua::Error::external)?.into_iter().take(MOST) {
            if meter.is_over() {
                return Err(mlua::Error::runtime("GetMessages: the script has taken too long"));
            }
            answer.set(row.uid, message(lua, store, &row)?)?;
        }
        Ok(answer)
    };
    table.set("GetMessages", lua.create_function(messages)?)
}

fn message(lua: &Lua, store: &Store, row: &MessageRow) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for flag in ["Hold", "Read", "Draft", "Answered", "Flagged", "Deleted"] {
        table.set(flag, false)?;
    }
    table.set("New", true)?;
    table.set("Size", row.size)?;
    table.set("Spam", 0)?;
    table.set("InternalTime", iso(row.received_at / 1000))?;
    let start = start_of(store, row);
    let parsed = MessageParser::default().parse(&start);
    let parsed = parsed.as_ref();
    let first = |list: Option<&Address<'_>>| {
        let entry: Option<Addr<'_>> = list.and_then(|list| list.first()).cloned();
        let entry = entry.unwrap_or(Addr { name: None, address: None });
        (entry.address.unwrap_or_default().into_owned(), entry.name.unwrap_or_default().into_owned())
    };
    let (from, reply_to) = (first(parsed.and_then(|m| m.from())), first(parsed.and_then(|m| m.reply_to())));
    table.set("Subject", parsed.and_then(|m| m.subject()).unwrap_or_default())?;
    table.set("FromAddr", from.0)?;
    table.set("FromName", from.1)?;
    table.set("ReplyToAddr", reply_to.0)?;
    table.set("ReplyToName", reply_to.1)?;
    let to = parsed.and_then(|m| m.to()).into_iter().flat_map(|list| list.iter()).filter_map(|entry| entry.address());
    table.set("ToList", to.take(100).collect::<Vec<_>>().join(", "))?;
    table.set("MessageTime", parsed.and_then(|m| m.date()).map(|date| iso(date.to_timestamp())).unwrap_or_default())?;
    let mixed = parsed.and_then(|m| m.content_type()).is_some_and(|kind| kind.subtype() == Some("mixed"));
    table.set("Attachments", u8::from(mixed))?;
    Ok(table)
}

/// Empty where it cannot be read.
fn start_of(store: &Store, row: &MessageRow) -> Vec<u8> {
    match store.body(row.mail) {
        Ok(Some(Body::Inline(bytes))) => bytes.to_vec(),
        Ok(Some(Body::File { file, .. })) => {
            let mut start = Vec::new();
            match file.take(HEADER).read_to_end(&mut start) {
                Ok(_) => start,
                Err(_) => Vec::new(),
            }
        }
        Ok(None) | Err(_) => Vec::new(),
    }
}

/// ISO 8601, UTC.
fn iso(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
