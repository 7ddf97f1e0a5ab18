//! `hooks`: scripts of the administrator, what they may define, and trials of them (spec lua-hooks §0).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::hooks::declare::{Declaration, Flag, Function};
use crate::hooks::scripts::ALL;
use crate::hooks::{LONGEST_SCRIPT, Stored, name_is_good, script_text};
use crate::net::now_ms;
use crate::store::{Change, SavedScript, StoreError};

use super::operation::{Body, Gives, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, read, value};

/// Scripts at most.
const MOST: usize = 500;

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "hooks",
        summary: "The functions that scripts may have",
        gives: Gives::Object("hooks:array"),
        run: |api, _| Box::pin(async { Ok(api.hooks()) }),
        ..PLAIN
    },
    Operation {
        path: "hooks/scripts",
        summary: "Scripts there are",
        gives: Gives::Object("scripts:array"),
        run: |api, _| Box::pin(async { api.scripts() }),
        ..PLAIN
    },
    Operation {
        path: "hooks/scripts/{name}",
        summary: "A script",
        gives: Gives::Object("name:string text:string saved_at:integer"),
        run: |api, call| Box::pin(async move { api.script(call.step(0)) }),
        ..PLAIN
    },
    Operation {
        method: "PUT",
        path: "hooks/scripts/{name}",
        summary: "Stores a script and puts it in force",
        body: Body::Text("text/x-lua"),
        gives: Gives::Object("saved:string doubts:array"),
        run: |api, call| Box::pin(async move { api.save_script(call.step(0), call.body).await }),
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: "hooks/scripts/{name}",
        summary: "The script goes",
        gives: Gives::Object("removed:string"),
        run: |api, call| Box::pin(async move { api.remove_script(call.step(0)).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "hooks/check/{name}",
        summary: "What is wrong with a script, or looks like a mistake",
        body: Body::Text("text/x-lua"),
        gives: Gives::Object("found:array"),
        run: |api, call| Box::pin(async move { api.check_script(call.step(0), call.body).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "hooks/run",
        summary: "Tries a hook on a mail; nothing is sent or stored",
        body: Body::Json(schema_of::<TrialWish>),
        gives: Gives::Object(""),
        run: |api, call| Box::pin(async move { api.try_script(read(call.body)?).await }),
        ..PLAIN
    },
];

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialWish {
    script: String,
    /// Empty: the script is run whole.
    #[serde(default)]
    function: String,
    /// Tried in place of the stored text.
    text: Option<String>,
    /// A mail, Base64.
    #[serde(default)]
    mail: String,
}

impl Api {
    /// What scripts may define.
    fn hooks(&self) -> serde_json::Value {
        let shelf = self.hooks.shelf();
        let is_there = |declaration: &&Declaration| {
            let file = declaration.name.to_lowercase();
            let (start, end) = file.split_once("<n>").unwrap_or((&file, ""));
            shelf.iter().any(|stored| {
                let name = stored.name.to_lowercase();
                let name = name.rsplit_once('/').map_or(name.as_str(), |(_, name)| name);
                name.starts_with(start) && name.ends_with(end)
            })
        };
        let script = |declaration: &&'static Declaration| {
            json!({
                "script": declaration.name,
                "meaning": declaration.meaning,
                "lifetime": declaration.lifetime,
                "per_user": declaration.per_user,
                "stored": is_there(declaration),
                "functions": declaration.functions.iter().map(|f| described(f)).collect::<Vec<_>>(),
            })
        };
        json!({ "hooks": ALL.iter().map(script).collect::<Vec<_>>() })
    }

    fn scripts(&self) -> Answer {
        let shelf = self.hooks.shelf();
        let row = |script: &SavedScript| {
            let stored = shelf.named(&script.name);
            json!({
                "name": script.name,
                "bytes": script.text.len(),
                "saved_at": script.saved_at,
                "mistake": stored.and_then(|stored| stored.mistake()),
                "off": stored.is_some_and(|stored| stored.is_off()),
                "called": crate::hooks::Script::of_file(&script.name).is_some(),
            })
        };
        Ok(json!({ "scripts": self.store.scripts()?.iter().map(row).collect::<Vec<_>>() }))
    }

    fn script(&self, name: &str) -> Answer {
        let wanted = name.to_lowercase();
        let script = self.store.scripts()?.into_iter().find(|script| script.name.to_lowercase() == wanted);
        let script = script.ok_or_else(|| unknown(name))?;
        Ok(json!({ "name": script.name, "text": script.text, "saved_at": script.saved_at }))
    }

    /// Stores a script and puts it in force. One that cannot be read is refused; doubts come with the answer.
    async fn save_script(&self, name: &str, body: &[u8]) -> Answer {
        let text = text_of(body)?;
        if !name_is_good(name) {
            return Err(ApiError::Bad(format!("{name} is no name of a script, such as mxout.lua or bob/delivery.lua")));
        }
        if let Err(mistake) = crate::hooks::compile(name, &text) {
            return Err(ApiError::Bad(mistake));
        }
        let _alone = self.changing.lock().await;
        let scripts = self.store.scripts()?;
        if scripts.len() >= MOST && !scripts.iter().any(|script| script.name.to_lowercase() == name.to_lowercase()) {
            return Err(ApiError::Conflict(format!("there are {MOST} scripts already")));
        }
        let doubts = self.hooks.check(name, &text).await;
        let saved = SavedScript { name: name.into(), text, saved_at: now_ms() };
        self.change_scripts(vec![Change::ScriptSaved(saved)]).await?;
        Ok(json!({ "saved": name, "doubts": doubts }))
    }

    async fn remove_script(&self, name: &str) -> Answer {
        let _alone = self.changing.lock().await;
        self.script(name)?;
        self.change_scripts(vec![Change::ScriptRemoved { name: name.into() }]).await?;
        Ok(json!({ "removed": name }))
    }

    async fn check_script(&self, name: &str, body: &[u8]) -> Answer {
        let found = self.hooks.check(name, &text_of(body)?).await;
        Ok(json!({ "found": found }))
    }

    async fn try_script(&self, wish: TrialWish) -> Answer {
        let mail = STANDARD.decode(&wish.mail).map_err(|_| ApiError::Bad("the mail is not Base64".into()))?;
        let stored = match wish.text {
            Some(text) => Arc::new(Stored::new(wish.script, text_of(text.as_bytes())?)),
            None => self.hooks.shelf().named(&wish.script).cloned().ok_or_else(|| unknown(&wish.script))?,
        };
        value(self.hooks.trial(stored, &wish.function, &mail).await)
    }

    async fn change_scripts(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.store.commit(changes).await?;
        self.store.settled().await?;
        self.hooks.load(&self.store)
    }
}

fn described(function: &Function) -> serde_json::Value {
    let names = |parts: &[crate::hooks::declare::Part]| parts.iter().map(|part| part.name).collect::<Vec<_>>();
    json!({
        "name": function.name,
        "meaning": function.meaning.trim(),
        "since": function.since,
        "arguments": names(function.arguments),
        "returns": names(function.returns),
        "ours": function.is(Flag::Ours),
        "later": function.is(Flag::Later),
    })
}

fn text_of(body: &[u8]) -> Result<String, ApiError> {
    script_text(body).ok_or_else(|| ApiError::Bad(format!("the script is longer than {LONGEST_SCRIPT} bytes")))
}

fn unknown(name: &str) -> ApiError {
    ApiError::Unknown(format!("script {name}"))
}
