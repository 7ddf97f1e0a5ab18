//! `users`: who has a mailbox here. Passwords come in and never go out.

use serde::Deserialize;
use serde_json::json;

use crate::config::{Config, Secret, User, lower, password};

use super::operation::{Body, Gives, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, Caller, read};

const STORED: Gives = Gives::Object("stored:boolean restart:array");

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "users",
        summary: "Who has a mailbox here",
        gives: Gives::Object("users:array"),
        run: |api, _| Box::pin(async { Ok(api.users()) }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "users",
        summary: "A new user",
        body: Body::Json(schema_of::<NewUser>),
        gives: STORED,
        run: |api, call| Box::pin(async move { api.add_user(read(call.body)?).await }),
        ..PLAIN
    },
    Operation {
        method: "PUT",
        path: "users/{name}/password",
        summary: "Another password for a user",
        body: Body::Json(schema_of::<NewPassword>),
        gives: STORED,
        run: |api, call| Box::pin(async move { api.set_password(call.step(0), read(call.body)?).await }),
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: "users/{name}",
        summary: "The user goes; his mailbox stays in the store",
        gives: STORED,
        run: |api, call| Box::pin(async move { api.remove_user(call.caller, call.step(0)).await }),
        ..PLAIN
    },
];

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    name: String,
    #[serde(default)]
    full_name: String,
    password: Secret,
    #[serde(default)]
    administrator: bool,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    password: Secret,
}

impl Api {
    fn users(&self) -> serde_json::Value {
        let config = self.config.current();
        let users: Vec<_> = config
            .users
            .iter()
            .map(|user| {
                json!({
                    "id": user.id,
                    "name": user.name,
                    "full_name": user.full_name,
                    "enabled": user.enabled,
                    "administrator": user.administrator,
                    "aliases": user.aliases,
                })
            })
            .collect();
        json!({ "users": users })
    }

    async fn add_user(&self, new: NewUser) -> Answer {
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        if position(&config, &new.name).is_some() {
            return Err(ApiError::Conflict(format!("there is a user {} already", new.name)));
        }
        self.password_is_good(&new.name, &new.password).await?;
        config.users.push(User {
            name: new.name,
            full_name: new.full_name,
            administrator: new.administrator,
            password: new.password,
            aliases: new.aliases,
            ..User::default()
        });
        self.put_changed(config).await
    }

    async fn set_password(&self, name: &str, new: NewPassword) -> Answer {
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        let user =
            position(&config, name).and_then(|index| config.users.get_mut(index)).ok_or_else(|| unknown(name))?;
        self.password_is_good(&user.name, &new.password).await?;
        user.password = new.password;
        user.clear_password = None;
        self.put_changed(config).await
    }

    /// Whether a password may be set: by its length, and as `passwordcheck.lua` says. A hash is taken as it is.
    pub(super) async fn password_is_good(&self, user: &str, new: &Secret) -> Result<(), ApiError> {
        let shortest = self.config.current().security.minimum_password_length;
        if new.is_empty() {
            return Err(ApiError::Bad("the password is empty".into()));
        }
        if password::is_hash(new) {
            return Ok(());
        }
        if new.reveal().chars().count() < shortest as usize {
            return Err(ApiError::Bad(format!("the password has less than {shortest} characters")));
        }
        if !self.hooks.password_is_good(user, new.reveal(), shortest).await {
            return Err(ApiError::Bad("the password is not good enough for passwordcheck.lua".into()));
        }
        Ok(())
    }

    /// The mailbox stays in the store; its number is not given again.
    async fn remove_user(&self, caller: &Caller, name: &str) -> Answer {
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        let index = position(&config, name).ok_or_else(|| unknown(name))?;
        let user = config.users.remove(index);
        if matches!(caller, Caller::User(visitor) if visitor.user == user.id) {
            return Err(ApiError::Conflict("you are logged in as this user".into()));
        }
        if lower(&user.name) == lower(&config.general.main_administrator) {
            let why = "is the main administrator: name another one in general.main_administrator first";
            return Err(ApiError::Conflict(format!("{} {why}", user.name)));
        }
        self.put_changed(config).await
    }
}

fn position(config: &Config, name: &str) -> Option<usize> {
    config.users.iter().position(|user| user.name.to_lowercase() == name.to_lowercase())
}

fn unknown(name: &str) -> ApiError {
    ApiError::Unknown(format!("user {name}"))
}
