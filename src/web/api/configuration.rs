//! `config`: all settings, as sections and as a file; how a changed configuration comes into force. `backup`.

use std::path::PathBuf;

use serde_json::json;

use crate::config::{Config, Invalid, schema};
use crate::web::settings::{self, SettingsError};

use super::operation::{Body, Gives, May, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, Caller, audit, read};

const STORED: Gives = Gives::Object("stored:boolean restart:array");

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "config",
        summary: "The settings by sections; secrets are stars",
        gives: Gives::Object("general:object users:array"),
        run: |api, _| Box::pin(async { Ok(api.config.current().to_json_covered()) }),
        ..PLAIN
    },
    Operation {
        method: "PUT",
        path: "config",
        summary: "Puts sections in place; secrets that are left out, or stars, stay as they are",
        body: Body::Json(|| schema::whole().as_ref().clone()),
        gives: STORED,
        run: |api, call| Box::pin(async move { api.put_sections(call.caller, read(call.body)?).await }),
        ..PLAIN
    },
    Operation {
        path: "config/schema",
        summary: "What settings there are: JSON Schema",
        gives: Gives::Object("type:string properties:object"),
        run: |_, _| Box::pin(async { Ok(schema::whole().as_ref().clone()) }),
        ..PLAIN
    },
    Operation {
        path: "config/file",
        summary: "The settings as a TOML file, without secrets",
        query: &[("secrets", "yes: with them; for the owner of the data only")],
        gives: Gives::Object("toml:string"),
        run: |api, call| {
            Box::pin(async move {
                let secrets = call.query("secrets") == Some("yes");
                if secrets && *call.caller != Caller::Owner {
                    return Err(ApiError::Forbidden);
                }
                Ok(json!({ "toml": api.config.current().to_toml(secrets) }))
            })
        },
        ..PLAIN
    },
    Operation {
        method: "PUT",
        path: "config/file",
        summary: "Puts the sections of a TOML file in place",
        body: Body::Text("application/toml"),
        gives: STORED,
        run: |api, call| Box::pin(async move { api.put_file(call.caller, call.body).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "backup",
        may: May::Owner,
        summary: "A copy of everything, while mail goes on",
        body: Body::Json(schema_of::<BackupWish>),
        gives: Gives::Object("backup:string"),
        run: |api, call| Box::pin(async move { api.backup(read(call.body)?).await }),
        ..PLAIN
    },
];

impl Api {
    pub(super) async fn put_sections(&self, caller: &Caller, sections: serde_json::Value) -> Answer {
        let _alone = self.changing.lock().await;
        self.put_sections_alone(caller, sections).await
    }

    /// The caller holds `changing`.
    pub(super) async fn put_sections_alone(&self, caller: &Caller, sections: serde_json::Value) -> Answer {
        let before = self.config.current();
        let new = smol::unblock(move || before.with(sections)).await;
        self.put_checked(caller, new).await
    }

    async fn put_file(&self, caller: &Caller, body: &[u8]) -> Answer {
        let text = std::str::from_utf8(body).map_err(|_| ApiError::Bad("the file is not UTF-8".into()))?.to_string();
        let _alone = self.changing.lock().await;
        let before = self.config.current();
        let new = smol::unblock(move || before.from_toml(&text)).await;
        self.put_checked(caller, new).await
    }

    /// A changed copy of the configuration: checked, passwords hashed, put in force.
    pub(super) async fn put_changed(&self, changed: Config) -> Answer {
        let before = self.config.current();
        self.put_in_force(smol::unblock(move || changed.prepare(Some(&before))).await).await
    }

    /// From the page: nobody locks himself out, nor all administrators.
    async fn put_checked(&self, caller: &Caller, new: Result<Config, Vec<Invalid>>) -> Answer {
        let new = new.map_err(SettingsError::Wrong)?;
        if let Caller::User(visitor) = caller {
            let is_left = |user: &crate::config::User| user.id == visitor.user && user.enabled && user.administrator;
            if !new.users.iter().any(is_left) {
                let why =
                    "you would take the right to change settings from yourself; another administrator can do that";
                return Err(ApiError::Conflict(why.into()));
            }
        }
        self.put_in_force(Ok(new)).await
    }

    /// Stores and publishes; the caller holds `changing`.
    pub(super) async fn put_in_force(&self, new: Result<Config, Vec<Invalid>>) -> Answer {
        let new = new.map_err(SettingsError::Wrong)?;
        let before = self.config.current();
        let lines = audit::lines(&before, &new, &self.by);
        settings::replace(&self.store, &self.config, new, lines).await?;
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

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct BackupWish {
    to: PathBuf,
}
