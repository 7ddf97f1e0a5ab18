//! `session`: logging in to the page and out of it, and what a person may do for himself.

use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{Config, Secret, password};
use crate::policy::{Event, Place};

use super::operation::{Body, Call, Gives, May, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, Caller, Visitor, read};

/// The prefix has browsers keep it to this host, whole path and TLS.
pub const COOKIE: &str = "__Host-pillarbox";

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "session",
        may: May::Anyone,
        summary: "Who is logged in, and whether anybody can",
        gives: Gives::Object("state:string"),
        run: |api, call| Box::pin(async move { Ok(api.session(call.caller)) }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "session",
        may: May::Anyone,
        summary: "Logs in",
        body: Body::Json(schema_of::<Login>),
        gives: Gives::Object("state:string token:string name:string"),
        run: |api, call| Box::pin(async move { api.log_in(call).await }),
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: "session",
        may: May::User,
        summary: "Logs out",
        gives: Gives::Object("state:string"),
        run: |api, call| {
            Box::pin(async move {
                if let Caller::User(visitor) = call.caller {
                    api.sessions.end(&visitor.session);
                }
                call.extra.borrow_mut().cookie = Some(cookie("", 0));
                Ok(json!({ "state": "logged out" }))
            })
        },
        ..PLAIN
    },
    Operation {
        method: "PUT",
        path: "me/password",
        may: May::User,
        summary: "Another password for oneself",
        body: Body::Json(schema_of::<OwnPassword>),
        gives: Gives::Object("stored:boolean restart:array"),
        run: |api, call| Box::pin(async move { api.own_password(call.caller, read(call.body)?).await }),
        ..PLAIN
    },
];

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: Secret,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnPassword {
    old: Secret,
    new: Secret,
}

impl Api {
    fn session(&self, caller: &Caller) -> Value {
        let config = self.config.current();
        match caller {
            Caller::Owner => json!({ "state": "owner" }),
            Caller::Newcomer => json!({ "state": "new" }),
            Caller::Stranger if !has_administrator(&config) => json!({ "state": "closed" }),
            Caller::Stranger => json!({ "state": "logged out" }),
            Caller::User(visitor) => {
                let mut told = self.told(&config, visitor);
                if let (Some(told), Some(token)) = (told.as_object_mut(), self.sessions.token(&visitor.session)) {
                    told.insert("token".into(), token.into());
                }
                told
            }
        }
    }

    pub(super) fn told(&self, config: &Config, visitor: &Visitor) -> Value {
        let full_name = config.user(visitor.user).map(|user| user.full_name.as_str()).unwrap_or_default();
        json!({
            "state": "logged in",
            "name": visitor.name,
            "full_name": full_name,
            "administrator": visitor.administrator,
            "host_name": config.general.host_name,
        })
    }

    async fn log_in(&self, call: Call<'_>) -> Answer {
        let Some(peer) = call.peer else { return Err(ApiError::Conflict("this is for the page".into())) };
        let Login { name, password } = read(call.body)?;
        let config = self.config.current();
        let found = self.logins.password(&config, &name, &password).await;
        let user = found.and_then(|found| config.user(found.user)).filter(|user| user.enabled);
        let Some(user) = user else {
            self.watch.note(&config.security, Place::Other, peer, Event::BadLogin, &name);
            return Err(ApiError::WrongLogin);
        };
        let opened = self.sessions.open(user, peer, Instant::now());
        let opened = opened.map_err(|error| ApiError::Conflict(format!("no session can be opened: {error}")))?;
        log::info!("{} has logged in to the page from {peer}", user.name);
        let seconds = u64::from(config.web.session_hours) * 3600;
        call.extra.borrow_mut().cookie = Some(cookie(&opened.key, seconds));
        let (administrator, session) = (user.administrator, [0; 32]);
        let visitor = Visitor { user: user.id, name: user.name.clone(), administrator, session };
        let mut told = self.told(&config, &visitor);
        if let Some(told) = told.as_object_mut() {
            told.insert("token".into(), opened.token.into());
        }
        Ok(told)
    }

    async fn own_password(&self, caller: &Caller, wish: OwnPassword) -> Answer {
        let Caller::User(visitor) = caller else { return Err(ApiError::Forbidden) };
        let before = self.config.current();
        if self.logins.password(&before, &visitor.name, &wish.old).await.is_none() {
            return Err(ApiError::Bad("the present password is wrong".into()));
        }
        self.own_password_is_good(&visitor.name, &wish.new).await?;
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        let user = config.users.iter_mut().find(|user| user.id == visitor.user);
        let user = user.ok_or_else(|| ApiError::Unknown(format!("user {}", visitor.name)))?;
        user.password = wish.new;
        user.clear_password = None;
        let answer = self.put_changed(config).await?;
        if let Some(user) = self.config.current().user(visitor.user) {
            self.sessions.password_changed(&visitor.session, user);
        }
        Ok(answer)
    }
}

impl Api {
    /// Whether somebody may give himself this password: beside what holds for all, it must be good for the page.
    pub(super) async fn own_password_is_good(&self, name: &str, new: &Secret) -> Result<(), ApiError> {
        good_password(new, name)?;
        self.password_is_good(name, new).await
    }
}

/// Length is what makes a password good (NIST SP 800-63B §5.1.1.2). People type passwords, not hashes.
fn good_password(password: &Secret, name: &str) -> Result<(), ApiError> {
    let text = password.reveal();
    if text.chars().count() < 8 {
        return Err(ApiError::Bad("the password needs 8 characters at least; a few words are good".into()));
    }
    if text.len() > 1024 {
        return Err(ApiError::Bad("the password is longer than 1024 bytes".into()));
    }
    if password::is_hash(password) {
        return Err(ApiError::Bad("this is the hash of a password".into()));
    }
    if text.to_lowercase() == name.to_lowercase() {
        return Err(ApiError::Bad("the password is the name".into()));
    }
    Ok(())
}

pub fn has_administrator(config: &Config) -> bool {
    config.users.iter().any(|user| user.enabled && user.administrator)
}

pub(super) fn cookie(key: &str, seconds: u64) -> String {
    format!("{COOKIE}={key}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}
