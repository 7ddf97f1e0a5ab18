//! What `POP3CLT.LUA` has to say in a session (spec lua-hooks §8).
//!
//! Asked about each message before it is downloaded, and given each whole message, line by line and as one, before it is
//! kept. Where a script fails or takes too long, all is as without it. Nothing here costs anything where there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deliver;
use super::examine::header_lines;
use super::job::Job;
use super::leave::Told;
use super::plan::{Fetch, Orders};
use super::recipients::Recipients;
use super::rules::Verdict;
use crate::hooks::datum::Raw;
use crate::hooks::scripts::pop3_client::{
    DownloadRules, End, EndMessage, MessageLine, MessageLineRaw, ProcessMessage, Start, StartMessage,
};
use crate::hooks::scripts::process_message::MessageActions;
use crate::hooks::{Instance, Script, message};
use crate::intake::{Draft, Refusal};
use crate::mail::modify::with_header_lines;
use crate::mail::{Address, Header};
use crate::route::{self, Destination};

/// All lines of one message together get this much time; the rest is taken as it is.
const LINES: Duration = Duration::from_secs(30);

/// At the start of a session.
pub(super) async fn open(job: &Job) -> Option<Instance> {
    let mut script = job.services.intake.hooks.open(Script::Pop3Client, None, ()).await?;
    script.call(Start { collector: job.collector.name.clone() }).await;
    Some(script)
}

pub(super) async fn end(script: &mut Option<Instance>) {
    if let Some(script) = script {
        script.call(End {}).await;
    }
}

/// Whether each message is asked about before it is downloaded.
pub(super) fn has_rules(script: Option<&Instance>) -> bool {
    script.is_some_and(Instance::defines::<DownloadRules>)
}

/// Whether messages are to be kept for it while they come in.
pub(super) fn wants_messages(script: Option<&Instance>) -> bool {
    script.is_some_and(|script| {
        script.defines::<StartMessage>()
            || script.defines::<EndMessage>()
            || script.defines::<ProcessMessage>()
            || wants_lines(script)
    })
}

fn wants_lines(script: &Instance) -> bool {
    script.defines::<MessageLineRaw>() || script.defines::<MessageLine>()
}

/// What the script wants done with a message; `None`: what the download rules say.
pub(super) async fn verdict(job: &Job, script: &mut Instance, fetch: &Fetch, header: &[u8]) -> Option<Verdict> {
    let asked = DownloadRules {
        uid: fetch.key.clone().unwrap_or_default(),
        size: fetch.size.and_then(|size| i64::try_from(size).ok()).unwrap_or(-1),
        header_lines: header_lines(header),
    };
    let returned = script.call(asked).await;
    let held = fetch.orders.as_ref().is_some_and(|orders| orders.held);
    let orders = Orders { any_size: true, held, ..Orders::default() };
    let target = || targets(job, &[returned.target.clone().unwrap_or_default()]);
    Some(match returned.action.as_deref()?.trim().to_ascii_lowercase().as_str() {
        "download" => Verdict::Download(orders),
        "ignore" | "skip" => Verdict::Ignore,
        "delete" => Verdict::Delete(None),
        "query" => Verdict::Ask(Told { intended: true, ..Told::default() }),
        // To nobody known is as if nothing had been said: mail does not disappear by a wrong name.
        "redirect" => Verdict::Download(Orders { redirect: Some(target()).filter(|to| !to.is_empty()), ..orders }),
        "copy" => Verdict::Download(Orders { copy: target(), ..orders }),
        other => {
            job.log(|| format!("{}: DownloadRules: there is no action {other}", script.name()));
            return None;
        }
    })
}

fn targets(job: &Job, names: &[String]) -> Vec<Destination> {
    let mut found = Vec::new();
    for name in names {
        match route::target(&job.config, name) {
            Some(places) => found.extend(places),
            None => job.log(|| format!("POP3CLT.LUA: {name} is nobody and no address")),
        }
    }
    found
}

/// A message as the script leaves it.
pub(super) struct Left {
    pub draft: Draft,
    /// `Some` where its text was changed: whether that has bytes beyond ASCII.
    pub eight_bit: Option<bool>,
    pub orders: Option<Box<Orders>>,
    /// It is to go to nobody, for this reason.
    pub ignored: Option<String>,
}

/// Gives a whole message to the script. `text`: it, where it is not larger than [`message::LARGEST`].
pub(super) async fn process(
    job: &Job,
    script: &mut Instance,
    mut draft: Draft,
    text: Option<Vec<u8>>,
    orders: Option<Box<Orders>>,
) -> Result<Left, Refusal> {
    draft.end_header().await?;
    script.call(StartMessage {}).await;
    let mut changed = None;
    if let Some(text) = text.as_deref().filter(|_| wants_lines(script)) {
        changed = lines(script, text).await;
    }
    script.call(EndMessage {}).await;
    let text: Option<Arc<[u8]>> = changed.clone().or(text).map(Arc::from);
    let mut left = Left { draft, eight_bit: None, orders, ignored: None };
    if script.defines::<ProcessMessage>() {
        let modifiers = actions(job, script, text.as_ref(), &mut left).await;
        match &text {
            Some(text) if !modifiers.is_empty() => changed = Some(with_header_lines(text, &modifiers)),
            None if !modifiers.is_empty() => job.log(|| "the message is too large to change its header".to_string()),
            _ => {}
        }
    }
    if let Some(changed) = changed {
        let mut draft = job.begin()?;
        draft.write(&changed).await?;
        draft.end_header().await?;
        left.eight_bit = Some(!changed.is_ascii());
        left.draft = draft;
    }
    Ok(left)
}

/// The message with the lines that the script has put in the place of others; `None`: as it was.
async fn lines(script: &mut Instance, text: &[u8]) -> Option<Vec<u8>> {
    let began = Instant::now();
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while !rest.is_empty() && wants_lines(script) && began.elapsed() < LINES {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (whole, after) = rest.split_at(end);
        rest = after;
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let raw = script.call(MessageLineRaw { line: Raw(line.to_vec()) }).await.line;
        let now = raw.map_or_else(|| line.to_vec(), |raw| raw.0);
        let now = match script.call(MessageLine { line: Raw(now.clone()) }).await.line {
            Some(line) => line.0,
            None => now,
        };
        if now == line {
            out.extend_from_slice(whole);
        } else {
            changed = true;
            push_lines(&now, &mut out);
        }
    }
    out.extend_from_slice(rest);
    changed.then_some(out)
}

/// One line may have become several; each ends with CR LF.
fn push_lines(text: &[u8], out: &mut Vec<u8>) {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n') {
        out.extend(line.iter().filter(|byte| **byte != b'\r'));
        out.extend_from_slice(b"\r\n");
    }
}

/// What `ProcessMessage` wants done: put into `left`. Gives the header lines that it replaces.
async fn actions(job: &Job, script: &mut Instance, text: Option<&Arc<[u8]>>, left: &mut Left) -> Vec<String> {
    let header = match text {
        Some(text) => crate::mail::header::body_offset(text).and_then(|end| text.get(..end)).unwrap_or(text),
        None => left.draft.header(),
    };
    let sections = text.map(|text| message::sections(text)).unwrap_or_default();
    let before = MessageActions {
        send_to_original_recipients: Some(true),
        delete: Some(left.orders.as_ref().is_some_and(|orders| orders.delete)),
        ignore: Some(false),
        reason: Some(String::new()),
        recipients: Some(Vec::new()),
        header_modifiers: Some(Vec::new()),
    };
    let asked = ProcessMessage {
        mail_from: deliver::return_path(header).as_ref().map(Address::to_string).unwrap_or_default(),
        subject: Header::of(header).first("Subject").map(|field| field.decoded()).unwrap_or_default(),
        recipients: Recipients::of(job, header).names(job),
        actions: before,
        attachments: message::attachments(&sections),
        mime_structure: sections,
        size: text.map_or(left.draft.size(), |text| text.len() as u64).try_into().unwrap_or(i64::MAX),
    };
    script.set_message(text.cloned());
    let returned = script.call(asked).await;
    script.set_message(None);
    if let Some(results) = returned.results.filter(|results| !results.is_empty()) {
        job.log(|| format!("ProcessMessage: {results}"));
    }
    let Some(actions) = returned.actions else { return Vec::new() };
    let wish = |wish: Option<bool>| wish.unwrap_or_default();
    let recipients = actions.recipients.unwrap_or_default();
    let given = targets(job, &recipients);
    let to_original = actions.send_to_original_recipients.unwrap_or(true);
    if wish(actions.ignore) || (!to_original && recipients.is_empty()) {
        left.ignored =
            Some(actions.reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| "by POP3CLT.LUA".into()));
    }
    if wish(actions.delete) || !given.is_empty() {
        let orders = left.orders.get_or_insert_default();
        orders.delete |= wish(actions.delete);
        match &mut orders.redirect {
            _ if given.is_empty() => {}
            Some(redirect) if to_original => redirect.extend(given),
            _ if to_original => orders.copy.extend(given),
            redirect => *redirect = Some(given),
        }
    }
    actions.header_modifiers.unwrap_or_default()
}
