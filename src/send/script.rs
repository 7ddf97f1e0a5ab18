//! `mxout.lua` and `relayout.lua`: what is sent in a run, how, and with which return path (spec lua-hooks §1, §3). One state
//! a session; without the script nothing is made or read. What fails or says nothing changes nothing.

use crate::config::RelayEncryption;
use crate::hooks::datum::{Fields, Named};
use crate::hooks::scripts::mxout::{self, ConnectionGlobals, ModifyReturnPath, ServerDetails};
use crate::hooks::scripts::relayout::{self, RelayGlobals, SenderGlobals, ServerConnected, Start};
use crate::hooks::{Instance, Script, local_time};
use crate::mail::header::lines;
use crate::mail::{Address, Header};
use crate::proto::smtp::client::{Reply, Session};
use crate::store::{QueueEntry, QueueRecipient};

use super::Shared;
use super::lane::{Lane, Way};
use super::line::{Line, Method};
use super::lines::read_header;

/// Attempts looked at for when a mail was tried last.
const ATTEMPTS: usize = 20_000;

/// The script of one session.
pub struct RunScript {
    instance: Instance,
    method: Method,
    limits: RelayGlobals,
}

/// What is decided about a mail.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    Send,
    /// If it fails, it goes back.
    SendLastTime,
    /// Not now, for this reason.
    Skip(String),
}

impl RunScript {
    /// `None` where there is none, or nothing it may do counts here.
    pub async fn open(shared: &Shared, line: &Line) -> Option<RunScript> {
        let script = match line.method {
            Method::Direct => Script::MxOut,
            Method::Relay => Script::RelayOut,
            Method::Lan => return None,
        };
        if !shared.hooks.has(script) {
            return None;
        }
        let (id, name) = (Some(line.id.into()), Some(line.name.clone()));
        let mut limits = RelayGlobals::default();
        let instance = match line.method {
            Method::Direct => shared.hooks.open(script, None, ConnectionGlobals { id, name }).await?,
            Method::Relay | Method::Lan => {
                let mut instance =
                    shared.hooks.open(script, None, SenderGlobals { id, name, connected_server: None }).await?;
                limits = instance.globals::<RelayGlobals>().await.unwrap_or_default().or(set_to(line));
                instance.set(limits.clone());
                if let (_, Some(read)) = instance.call_reading::<Start, RelayGlobals>(Start {}).await {
                    limits = read.or(limits);
                }
                instance
            }
        };
        Some(RunScript { instance, method: line.method, limits })
    }

    /// A smarthost is connected.
    pub async fn connected(&mut self, server: &str) {
        if !self.instance.defines::<ServerConnected>() {
            return;
        }
        self.instance.set(SenderGlobals { connected_server: Some(server.to_string()), ..SenderGlobals::default() });
        let (_, read) = self.instance.call_reading::<ServerConnected, RelayGlobals>(ServerConnected {}).await;
        if let Some(read) = read {
            self.limits = read.or(self.limits.clone());
        }
    }

    /// Messages and recipients of a session, recipients of a transaction: what the script wants of a relay. 0 is no limit.
    pub fn limits(&self) -> [Option<u32>; 3] {
        let limit = |value: Option<i64>| value.map(|value| u32::try_from(value.max(0)).unwrap_or(u32::MAX));
        let RelayGlobals { max_messages_per_connection, max_recipients_per_connection, .. } = self.limits;
        [
            limit(max_messages_per_connection),
            limit(max_recipients_per_connection),
            limit(self.limits.max_recipients_per_message),
        ]
    }

    /// How a server is talked to, by the mail that is to go first.
    pub async fn server(
        &mut self,
        shared: &Shared,
        lane: &Lane,
        server: &str,
        before: mxout::ServerActions,
    ) -> mxout::ServerActions {
        if self.method != Method::Direct || !self.instance.defines::<ServerDetails>() {
            return before;
        }
        let Some(entry) = lane.first() else { return before };
        let line = &lane.line;
        let domain = match &lane.way {
            Way::Domain(domain) => domain.to_string(),
            _ => entry.recipients.first().map(|first| first.address.domain().to_string()).unwrap_or_default(),
        };
        let parameters = mxout::ServerParameters {
            auth_sender: Some(entry.auth_user.clone().unwrap_or_default()),
            originator: Some(path(&entry)),
            server: Some(server.to_string()),
            domain: Some(domain),
            length: Some(size(&entry)),
            connnid: Some(line.id.into()),
            connid: Some(line.id.into()),
            connection: Some(line.name.clone()),
        };
        let header_lines = lines(&read_header(&shared.store, &entry));
        let details = ServerDetails { parameters, header_lines, actions: before.clone() };
        self.instance.call(details).await.actions.unwrap_or_default().or(before)
    }

    /// Whether a mail is sent in this run.
    pub async fn check(&mut self, shared: &Shared, entry: &QueueEntry) -> Decision {
        let defined = match self.method {
            Method::Direct => self.instance.defines::<mxout::CheckFile>(),
            Method::Relay | Method::Lan => self.instance.defines::<relayout::CheckFile>(),
        };
        if !defined {
            return Decision::Send;
        }
        let header = read_header(&shared.store, entry);
        let zone = shared.config.current().time_zone();
        let (filename, size, creation_time) =
            (entry.mail.to_string(), size(entry), local_time(entry.accepted_at, &zone));
        let (return_path, recipients) = (path(entry), addresses(&entry.recipients));
        let (header_data, header_lines) = (fields(&header), lines(&header));
        let (skip, last, reason) = if self.method == Method::Direct {
            let actions = mxout::CheckFileActions {
                force_last_try: Some(false),
                skip_send: Some(false),
                priority: Some(50),
                reason: Some(String::new()),
            };
            let last_try = last_try(shared, entry).await;
            let last_try_time = last_try.map(|at| local_time(at, &zone)).unwrap_or_default();
            let retries = entry.tries().into();
            let check = mxout::CheckFile {
                filename,
                actions,
                size,
                creation_time,
                retries,
                last_try_time,
                return_path,
                recipients,
                header_data,
                header_lines,
            };
            let back = self.instance.call(check).await.actions.unwrap_or_default();
            (back.skip_send, back.force_last_try, back.reason)
        } else {
            let actions =
                relayout::CheckFileActions { skip_send: Some(false), priority: Some(50), reason: Some(String::new()) };
            let check = relayout::CheckFile {
                filename,
                actions,
                size,
                creation_time,
                return_path,
                recipients,
                header_data,
                header_lines,
            };
            let back = self.instance.call(check).await.actions.unwrap_or_default();
            (back.skip_send, None, back.reason)
        };
        match (skip, last) {
            (Some(true), _) => Decision::Skip(reason.unwrap_or_default()),
            (_, Some(true)) => Decision::SendLastTime,
            _ => Decision::Send,
        }
    }

    /// Each reply is to be shown to the script.
    pub fn judges_replies(&self) -> bool {
        match self.method {
            Method::Direct => self.instance.defines::<mxout::ReturnCodeHandler>(),
            Method::Relay | Method::Lan => self.instance.defines::<relayout::ReturnCodeHandler>(),
        }
    }

    /// Settles what the session asks about replies.
    pub async fn judge(&mut self, session: &mut Session) {
        while let Some((last_command, reply)) = session.question() {
            let lines = reply.lines();
            let (full_response, last_line) = (lines.join("\r\n"), lines.last().cloned().unwrap_or_default());
            let returned = if self.method == Method::Direct {
                self.instance.call(mxout::ReturnCodeHandler { last_command, full_response }).await.response
            } else {
                let handler = relayout::ReturnCodeHandler { last_command, full_response, last_line };
                self.instance.call(handler).await.response
            };
            let instead = returned.as_deref().map(Reply::written);
            let readable = !matches!(instead, Some(None));
            if !(session.decide(instead.flatten()) && readable) {
                let name = self.instance.name();
                log::warn!(
                    "send: {name} wants a reply that cannot stand in place of the server's; it is left as it was"
                );
            }
        }
    }

    /// The return path of a transaction, where the script wants another one. The null one stays, or notifications would
    /// run in circles (RFC 5321 §4.5.5).
    pub async fn return_path(
        &mut self,
        shared: &Shared,
        line: &Line,
        entry: &QueueEntry,
        places: &[u32],
    ) -> Option<String> {
        if entry.return_path.is_none() || !self.instance.defines::<ModifyReturnPath>() {
            return None;
        }
        let header = read_header(&shared.store, entry);
        let zone = shared.config.current().time_zone();
        let of = |place: &u32| entry.recipients.get(usize::try_from(*place).ok()?).cloned();
        let these: Vec<QueueRecipient> = places.iter().filter_map(of).collect();
        let modify = ModifyReturnPath {
            computed_mail_from: line.return_path(entry.return_path.as_ref()).to_string(),
            mail_from: path(entry),
            original_mail_from: path(entry),
            auth_sender: entry.auth_user.clone().unwrap_or_default(),
            recipients: addresses(&these),
            creation_time: local_time(entry.accepted_at, &zone),
            headers: lines(&header),
            size: size(entry),
            sender_ip_address: entry.client.map(|client| client.to_string()).unwrap_or_default(),
            subject: Header::of(&header).first("Subject").map(|field| field.decoded()).unwrap_or_default(),
            all_recipients: addresses(&entry.recipients),
        };
        let wanted = self.instance.call(modify).await.return_path?;
        let good = wanted.is_empty() || (wanted.is_ascii() && Address::parse(&wanted).is_ok());
        if !good {
            log::warn!("send: {} wants a return path that is no address; it is left as it was", self.instance.name());
        }
        good.then_some(wanted)
    }
}

fn set_to(line: &Line) -> RelayGlobals {
    RelayGlobals {
        use_batv: Some(false),
        max_messages_per_connection: Some(line.sender.max_messages_per_session.into()),
        max_recipients_per_connection: Some(line.sender.max_recipients_per_session.into()),
        max_recipients_per_message: Some(line.sender.max_recipients.into()),
        verify_certificate: Some(matches!(line.sender.encryption, RelayEncryption::Ssl | RelayEncryption::Starttls)),
    }
}

fn path(entry: &QueueEntry) -> String {
    entry.return_path.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn size(entry: &QueueEntry) -> i64 {
    i64::try_from(entry.size).unwrap_or(i64::MAX)
}

fn addresses(recipients: &[QueueRecipient]) -> Vec<String> {
    recipients.iter().map(|recipient| recipient.address.to_string()).collect()
}

/// When it was tried last, Unix milliseconds; `None` where it was not, or that is among the attempts no more.
async fn last_try(shared: &Shared, entry: &QueueEntry) -> Option<i64> {
    if entry.tries() == 0 {
        return None;
    }
    let (store, mail) = (shared.store.clone(), entry.mail);
    smol::unblock(move || store.last_attempt(mail, ATTEMPTS)).await.unwrap_or_else(|error| {
        log::error!("send: when mail {mail} was tried cannot be read: {error}");
        None
    })
}

/// Of repeated fields the first.
fn fields(header: &[u8]) -> Named<String> {
    let mut named: Vec<(String, String)> = Vec::new();
    for field in Header::of(header).fields() {
        if !named.iter().any(|(name, _)| name == field.name) {
            named.push((field.name.to_string(), field.unfolded().trim().to_string()));
        }
    }
    Named(named)
}
