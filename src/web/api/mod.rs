//! The JSON API under `/api/v1/`: one function a request, the same for the page, the socket and the command line that
//! opens the store itself.
//!
//! | request | does |
//! |---|---|
//! | `GET status` | what listens, sessions, queue, collectors, senders, problems, the store |
//! | `GET queue?after=ID&limit=N` | mails in the outgoing queue |
//! | `POST queue/ID/retry`, `hold`, `release`, `DELETE queue/ID` | one mail; `POST queue/retry` all that are not held |
//! | `POST collect` | collect now |
//! | `GET connections` | Connections and the state of the schedule |
//! | `POST connections/start`, `connections/NAME/start` | run the default Connections, or one, now |
//! | `POST connections/NAME/pause`, `resume` | one Connection; `POST schedule/pause`, `resume` the whole schedule |
//! | `GET config`, `PUT config` | the configuration by sections; secrets are stars, and stay as they are where stars come back |
//! | `GET config/file?secrets=yes`, `PUT config/file` | the same as a TOML file |
//! | `POST config/PAGE/defaults` | the settings of one page as on a new box; tells what it changed |
//! | `GET users`, `POST users`, `PUT users/NAME/password`, `DELETE users/NAME` | people |
//! | `PUT access/SERVICE` | access restrictions in the form of the reference product |
//! | `GET rules/LIST`, `PUT rules/LIST` | download rules and SMTP rules in the form of the reference product |
//! | `POST access/SERVICE/lan` | open to the office and to nobody else |
//! | `GET blocks`, `POST blocks {"network": …, "minutes": N}`, `DELETE blocks/NETWORK` | who is kept out |
//! | `GET events` | what clients did wrong lately |
//! | `GET mappings`, `POST mappings`, `DELETE mappings?address=A&target=T`, `POST mappings/import` (CSV) | addresses |
//! | `GET route?address=A` | where an address leads and why, by each way a mail may come |
//! | `GET lan/rules?server=NAME` | the rules with which another server forwards to this one, TOML |
//! | `GET hooks` | the functions that scripts may have |
//! | `GET hooks/scripts`, `GET`, `PUT` (text), `DELETE hooks/scripts/NAME` | scripts |
//! | `POST hooks/check/NAME` (text) | what is wrong with a script, or looks like a mistake |
//! | `POST hooks/run` | tries a hook on a mail; nothing is sent or stored |
//! | `GET dns`, `POST dns/test` | the name servers in use and what the last test has said of them; a test now |
//! | `POST backup {"to": DIR}` | a copy of everything, while mail goes on |
//! | `GET appliance` | on the flashable image: whether the clock is known, how the last wish went |
//! | `POST appliance/halt`, `restart`, `backup` | stop or restart the board; a backup onto the USB stick |
//!
//! A failure is `{"error": "one line"}` with status 400 (the request), 403, 404, 405, 409 (not in this state) or 500.
//! What comes from the network may look at `status` and `queue`; everything else is for the socket.

mod access;
mod appliance;
mod connections;
mod defaults;
mod dns;
mod hooks;
mod mappings;
mod queue;
mod rules;
mod status;
mod users;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::config::{Config, Invalid, Published};
use crate::hooks::Hooks;
use crate::live::{Board, Signals, Wish, Wishes};
use crate::net::Resolver;
use crate::policy::{Logins, Watch};
use crate::store::{Store, StoreError};

use super::settings::{self, SettingsError};

/// What requests work on. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub store: Store,
    pub config: Published,
    pub board: Board,
    pub signals: Signals,
    pub logins: Logins,
    pub watch: Watch,
    pub hooks: Hooks,
    pub resolver: Resolver,
    /// Whether services run, or only the store is open.
    pub running: bool,
    /// Unix milliseconds.
    pub started_at: i64,
    /// Held while the configuration is read, changed and put in force.
    pub changing: Arc<smol::lock::Mutex<()>>,
    /// Of the board, where the program runs on the appliance.
    pub wishes: Wishes,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Through the socket or in the same process: may do everything.
    Owner,
    /// Through the network: may look.
    Network,
}

/// A request, without what HTTP wraps around it.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Below `/api/v1/`, without a leading slash, with the query.
    pub path: &'a str,
    pub body: &'a [u8],
    pub caller: Caller,
}

/// Status as in HTTP, and JSON.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub json: String,
}

/// Why a request is not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Bad(String),
    #[error("only the command line on this host may do that yet")]
    Forbidden,
    #[error("there is no {0}")]
    Unknown(String),
    #[error("{method} is not possible on {path}")]
    Method { method: String, path: String },
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl ApiError {
    fn status(&self) -> u16 {
        match self {
            ApiError::Bad(_) => 400,
            ApiError::Forbidden => 403,
            ApiError::Unknown(_) => 404,
            ApiError::Method { .. } => 405,
            ApiError::Conflict(_) => 409,
            ApiError::Settings(error) if error.is_mistake() => 400,
            ApiError::Settings(_) | ApiError::Store(_) => 500,
        }
    }
}

type Answer = Result<serde_json::Value, ApiError>;

impl Api {
    pub async fn handle(&self, request: Request<'_>) -> Response {
        match self.answer(&request).await {
            Ok(value) => Response { status: 200, json: value.to_string() },
            Err(error) => {
                if error.status() == 500 {
                    log::error!("{} {}: {error}", request.method, request.path);
                }
                Response { status: error.status(), json: json!({ "error": error.to_string() }).to_string() }
            }
        }
    }

    async fn answer(&self, request: &Request<'_>) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
        let steps: Vec<&str> = path.split('/').collect();
        if request.caller == Caller::Network
            && !matches!((request.method, steps.as_slice()), ("GET", ["status" | "queue"]))
        {
            return Err(ApiError::Forbidden);
        }
        match (request.method, steps.as_slice()) {
            ("GET", ["status"]) => self.status().await,
            ("GET", ["queue"]) => self.queue(query).await,
            ("GET", ["queue", mail]) => self.queue_mail(mail).await,
            ("POST", ["queue", "retry"]) => self.retry_all().await,
            ("POST", ["queue", mail, "retry"]) => self.queue_change(mail, queue::Action::Retry).await,
            ("POST", ["queue", mail, "hold"]) => self.queue_change(mail, queue::Action::hold(query)?).await,
            ("POST", ["queue", mail, "priority", number]) => {
                self.queue_change(mail, queue::Action::priority(number)?).await
            }
            ("POST", ["queue", mail, "release"]) => self.queue_change(mail, queue::Action::Release).await,
            ("DELETE", ["queue", mail]) => self.queue_change(mail, queue::Action::Remove).await,
            ("POST", ["collect"]) => self.collect(),
            ("GET", ["connections"]) => self.connections(),
            ("POST", ["connections", "start"]) => self.start_connections(None).await,
            ("POST", ["connections", name, "start"]) => self.start_connections(Some(&decoded(name)?)).await,
            ("POST", ["connections", name, action @ ("pause" | "resume")]) => {
                self.pause(Some(&decoded(name)?), *action == "pause").await
            }
            ("POST", ["schedule", action @ ("pause" | "resume")]) => self.pause(None, *action == "pause").await,
            ("GET", ["config"]) => Ok(self.config.current().to_json_covered()),
            ("PUT", ["config"]) => self.put_sections(read(request.body)?).await,
            ("GET", ["config", "file"]) => Ok(json!({ "toml": self.config.current().to_toml(query == "secrets=yes") })),
            ("PUT", ["config", "file"]) => self.put_file(request.body).await,
            ("POST", ["config", page, "defaults"]) => self.restore_defaults(&decoded(page)?).await,
            ("GET", ["users"]) => Ok(self.users()),
            ("POST", ["users"]) => self.add_user(read(request.body)?).await,
            ("PUT", ["users", name, "password"]) => self.set_password(&decoded(name)?, read(request.body)?).await,
            ("DELETE", ["users", name]) => self.remove_user(&decoded(name)?).await,
            ("PUT", ["access", service]) => self.import_access(&decoded(service)?, request.body).await,
            ("GET", ["rules", list]) => self.export_rules(&decoded(list)?),
            ("PUT", ["rules", list]) => self.import_rules(&decoded(list)?, request.body).await,
            ("POST", ["access", service, "lan"]) => self.access_for_the_lan(&decoded(service)?).await,
            ("GET", ["blocks"]) => self.blocks(),
            ("POST", ["blocks"]) => self.add_block(read(request.body)?).await,
            ("DELETE", ["blocks", network]) => self.remove_block(&decoded(network)?).await,
            ("GET", ["events"]) => self.events(),
            ("GET", ["mappings"]) => Ok(self.mappings()),
            ("POST", ["mappings"]) => self.add_mapping(read(request.body)?).await,
            ("DELETE", ["mappings"]) => self.remove_mapping(query).await,
            ("POST", ["mappings", "import"]) => self.import_mappings(request.body).await,
            ("GET", ["route"]) => self.route(query),
            ("GET", ["lan", "rules"]) => self.lan_rules(query),
            ("GET", ["hooks"]) => Ok(self.hooks()),
            ("GET", ["hooks", "scripts"]) => self.scripts(),
            ("GET", ["hooks", "scripts", name]) => self.script(&decoded(name)?),
            ("PUT", ["hooks", "scripts", name]) => self.save_script(&decoded(name)?, request.body).await,
            ("DELETE", ["hooks", "scripts", name]) => self.remove_script(&decoded(name)?).await,
            ("POST", ["hooks", "check", name]) => self.check_script(&decoded(name)?, request.body).await,
            ("POST", ["hooks", "run"]) => self.try_script(read(request.body)?).await,
            ("GET", ["dns"]) => self.name_servers(),
            ("POST", ["dns", "test"]) => self.test_name_servers().await,
            ("POST", ["backup"]) => self.backup(read(request.body)?).await,
            ("GET", ["appliance"]) => self.appliance(),
            ("POST", ["appliance", "halt"]) => self.wish(Wish::Halt),
            ("POST", ["appliance", "restart"]) => self.wish(Wish::Restart),
            ("POST", ["appliance", "backup"]) => self.wish(Wish::Backup),
            (
                method,
                [
                    "status" | "queue" | "collect" | "connections" | "schedule" | "config" | "users" | "backup"
                    | "access" | "rules" | "blocks" | "events" | "mappings" | "route" | "lan" | "hooks" | "appliance"
                    | "dns",
                    ..,
                ],
            ) => Err(ApiError::Method { method: method.into(), path: path.into() }),
            _ => Err(ApiError::Unknown(path.into())),
        }
    }

    async fn put_sections(&self, sections: serde_json::Value) -> Answer {
        let _alone = self.changing.lock().await;
        let before = self.config.current();
        self.put_in_force(smol::unblock(move || before.with(sections)).await).await
    }

    async fn put_file(&self, body: &[u8]) -> Answer {
        let text = std::str::from_utf8(body).map_err(|_| ApiError::Bad("the file is not UTF-8".into()))?.to_string();
        let _alone = self.changing.lock().await;
        let before = self.config.current();
        self.put_in_force(smol::unblock(move || before.from_toml(&text)).await).await
    }

    /// A changed copy of the configuration: checked, passwords hashed, put in force.
    async fn put_changed(&self, changed: Config) -> Answer {
        let before = self.config.current();
        self.put_in_force(smol::unblock(move || changed.prepare(Some(&before))).await).await
    }

    /// Stores and publishes; the caller holds `changing`.
    async fn put_in_force(&self, new: Result<Config, Vec<Invalid>>) -> Answer {
        let new = new.map_err(SettingsError::Wrong)?;
        let before = self.config.current();
        settings::replace(&self.store, &self.config, new).await?;
        let restart = settings::needs_restart(&before, &self.config.current());
        Ok(json!({ "stored": true, "restart": if self.running { restart } else { Vec::new() } }))
    }

    async fn backup(&self, wish: BackupWish) -> Answer {
        if !wish.to.is_absolute() {
            return Err(ApiError::Bad(format!("{} is not a full path", wish.to.display())));
        }
        self.store.backup(wish.to.clone()).await?;
        Ok(json!({ "backup": wish.to }))
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupWish {
    to: PathBuf,
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::Bad(format!("the request: {error}")))
}

fn value(of: impl Serialize) -> Answer {
    serde_json::to_value(of).map_err(|error| ApiError::Bad(error.to_string()))
}

/// A step of a path with its %-escapes undone.
fn decoded(step: &str) -> Result<String, ApiError> {
    let bad = || ApiError::Bad(format!("{step} is not a name"));
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or_else(bad)?;
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// A name as a step of a path.
pub fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for &byte in name.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_path() {
        for name in ["anna", "Jörg Müller", "a/b?c%41", ""] {
            assert_eq!(decoded(&encoded(name)).unwrap(), name);
        }
        assert!(decoded("%4").is_err());
        assert!(decoded("%zz").is_err());
        assert!(decoded("%ff").is_err());
    }
}
