//! The JSON API under `/api/v1/`: one function a request, the same for the page, the socket and the command line that
//! opens the store itself.
//!
//! What there is stands in tables of [`Operation`]s, one in each file; `GET openapi.json` tells them. A failure is
//! `{"error": "one line"}` with status 400 (the request), 401 (a login is needed), 403, 404, 405, 409 (not in this
//! state) or 500; where settings are wrong it has `fields`, each with `path` and `message`.
//!
//! Who asks is known before: [`Caller`]. A request that changes settings leaves a line in the journal (`audit`).

mod access;
mod appliance;
mod audit;
mod changes;
mod configuration;
mod connections;
mod defaults;
mod dns;
mod hooks;
mod journal;
mod mailboxes;
mod mappings;
mod me;
mod openapi;
mod operation;
mod queue;
mod rules;
mod session;
mod setup;
mod source;
mod status;
mod users;

use std::cell::RefCell;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::config::{Invalid, Published};
use crate::hooks::Hooks;
use crate::live::{Board, Signals, Wishes};
use crate::net::Resolver;
use crate::policy::{Logins, Watch};
use crate::store::{Store, StoreError};

pub use session::{COOKIE, has_administrator};

use super::sessions::Sessions;
use super::settings::SettingsError;
use operation::{Extra, Operation};

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
    /// Whether services run, or only the store is open.
    pub running: bool,
    /// Unix milliseconds.
    pub started_at: i64,
    /// Held while the configuration is read, changed and put in force.
    pub changing: Arc<smol::lock::Mutex<()>>,
    /// Of the board, where the program runs on the appliance.
    pub wishes: Wishes,
    /// Who is logged in to the page.
    pub sessions: Sessions,
    pub resolver: Resolver,
    /// Whom changes are put down to.
    pub by: Arc<str>,
}

/// [`Api::by`] for the command line.
pub const OWNER: &str = "command line";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Through the socket or in the same process: may do everything.
    Owner,
    /// Logged in to the page.
    User(Visitor),
    /// Not logged in, in the office's networks, and nobody could log in since there is no administrator yet.
    Newcomer,
    /// Not logged in.
    Stranger,
}

/// Somebody who has logged in to the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    pub user: u32,
    pub name: String,
    pub administrator: bool,
    /// Which of his sessions.
    pub session: [u8; 32],
}

/// A request, without what HTTP wraps around it.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Below `/api/v1/`, without a leading slash, with the query.
    pub path: &'a str,
    pub body: &'a [u8],
    pub caller: Caller,
    /// Where it comes from; `None` through the socket.
    pub peer: Option<std::net::IpAddr>,
}

/// Status as in HTTP, and what is sent.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub kind: &'static str,
    pub body: Vec<u8>,
    /// The value of Set-Cookie.
    pub cookie: Option<String>,
}

/// Why a request is not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Bad(String),
    #[error("a login is needed")]
    Login,
    #[error("name or password is wrong")]
    WrongLogin,
    #[error("you may not do that")]
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
            ApiError::Login | ApiError::WrongLogin => 401,
            ApiError::Forbidden => 403,
            ApiError::Unknown(_) => 404,
            ApiError::Method { .. } => 405,
            ApiError::Conflict(_) => 409,
            ApiError::Settings(error) if error.is_mistake() => 400,
            ApiError::Settings(_) | ApiError::Store(_) => 500,
        }
    }

    /// As it is answered.
    fn told(&self) -> serde_json::Value {
        let mut told = json!({ "error": self.to_string() });
        if let (ApiError::Settings(SettingsError::Wrong(found)), Some(object)) = (self, told.as_object_mut()) {
            let field = |one: &Invalid| json!({ "path": one.path, "message": one.message });
            object.insert("fields".into(), found.iter().map(field).collect());
        }
        told
    }
}

type Answer = Result<serde_json::Value, ApiError>;

/// All requests there are.
fn operations() -> impl Iterator<Item = &'static Operation> + Clone {
    let tables: [&'static [Operation]; 20] = [
        access::OPERATIONS,
        appliance::OPERATIONS,
        audit::OPERATIONS,
        changes::OPERATIONS,
        configuration::OPERATIONS,
        connections::OPERATIONS,
        defaults::OPERATIONS,
        dns::OPERATIONS,
        hooks::OPERATIONS,
        journal::OPERATIONS,
        mailboxes::OPERATIONS,
        mappings::OPERATIONS,
        me::OPERATIONS,
        openapi::OPERATIONS,
        queue::OPERATIONS,
        rules::OPERATIONS,
        session::OPERATIONS,
        setup::OPERATIONS,
        status::OPERATIONS,
        users::OPERATIONS,
    ];
    tables.into_iter().flatten()
}

impl Api {
    pub async fn handle(&self, request: Request<'_>) -> Response {
        let extra = RefCell::new(Extra::default());
        let answer = self.answer(&request, &extra).await;
        let Extra { cookie, file } = extra.into_inner();
        let (status, kind, body) = match (answer, file) {
            (Ok(_), Some((kind, bytes))) => (200, kind, bytes),
            (Ok(value), None) => (200, JSON, value.to_string().into_bytes()),
            (Err(error), _) => {
                if error.status() == 500 {
                    log::error!("{} {}: {error}", request.method, request.path);
                }
                (error.status(), JSON, error.told().to_string().into_bytes())
            }
        };
        Response { status, kind, body, cookie }
    }

    async fn answer(&self, request: &Request<'_>, extra: &RefCell<Extra>) -> Answer {
        let (operation, call) = operation::find(operations(), request, extra)?;
        let by = match &request.caller {
            Caller::Owner => self.by.clone(),
            Caller::User(visitor) => visitor.name.as_str().into(),
            Caller::Newcomer | Caller::Stranger => "first set-up".into(),
        };
        (operation.run)(&Api { by, ..self.clone() }, call).await
    }
}

const JSON: &str = "application/json";

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
