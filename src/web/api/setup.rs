//! `setup`: the first administrator, and trying providers out before their settings are saved.
//!
//! The first administrator can be made once, from the office's own networks; afterwards all of this is for him.

use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use crate::config::{Collector, CollectorEncryption, Config, RelayEncryption, RelayHost, Secret, Sender, User};
use crate::mail::Address;
use crate::web::provider::{Letter, Means, Pop3, Smtp, Tried, suggest};

use super::operation::{Body, Call, Gives, May, Operation, PLAIN, json as schema_of};
use super::session::cookie;
use super::{Answer, Api, ApiError, Visitor, has_administrator, read, value};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: "POST",
        path: "setup",
        may: May::Newcomer,
        summary: "Makes the first administrator and logs him in",
        body: Body::Json(schema_of::<First>),
        gives: Gives::Object("state:string token:string name:string"),
        run: |api, call| Box::pin(async move { api.first_administrator(call).await }),
        ..PLAIN
    },
    Operation {
        path: "provider",
        summary: "The servers of a provider, as far as they can be found",
        query: &[("address", "An e-mail address there")],
        gives: Gives::Object("provider:string pop3_host:string smtp_host:string"),
        run: |api, call| {
            Box::pin(async move {
                let text = call.query("address").unwrap_or_default();
                let address = Address::parse(text).ok().filter(|address| !address.domain().is_empty());
                let address = address.ok_or_else(|| ApiError::Bad(format!("\"{text}\" is no e-mail address")))?;
                value(suggest(&api.resolver, address.domain()).await)
            })
        },
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "test/pop3",
        summary: "Tries the login of a Mail Collector; takes no mail",
        body: Body::Json(schema_of::<Pop3Test>),
        gives: TRIED,
        run: |api, call| Box::pin(async move { api.test_pop3(read(call.body)?).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "test/smtp",
        summary: "Sends a test mail by the settings of a Mail Sender",
        body: Body::Json(schema_of::<SmtpTest>),
        gives: TRIED,
        run: |api, call| Box::pin(async move { api.test_smtp(read(call.body)?).await }),
        ..PLAIN
    },
];

const TRIED: Gives = Gives::Object("ok:boolean trouble:string said:array");

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct First {
    name: String,
    password: Secret,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pop3Test {
    host: String,
    port: u16,
    encryption: CollectorEncryption,
    user: String,
    password: Secret,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct SmtpTest {
    host: String,
    port: u16,
    encryption: RelayEncryption,
    /// Empty: no login.
    user: String,
    password: Secret,
    from: String,
    to: String,
}

impl Api {
    async fn first_administrator(&self, call: Call<'_>) -> Answer {
        let Some(peer) = call.peer else { return Err(ApiError::Conflict("this is for the page".into())) };
        let First { name, password } = read(call.body)?;
        self.own_password_is_good(&name, &password).await?;
        let alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        if has_administrator(&config) {
            return Err(ApiError::Conflict("somebody else has begun to set this box up; log in as he does".into()));
        }
        config.general.main_administrator.clone_from(&name);
        config.users.push(User { name: name.clone(), password, administrator: true, ..User::default() });
        self.put_changed(config).await?;
        drop(alone);
        let config = self.config.current();
        let user = config.user_named(&name).ok_or_else(|| ApiError::Unknown(format!("user {name}")))?;
        let opened = self.sessions.open(user, peer, Instant::now());
        let opened = opened.map_err(|error| ApiError::Conflict(format!("no session can be opened: {error}")))?;
        call.extra.borrow_mut().cookie = Some(cookie(&opened.key, u64::from(config.web.session_hours) * 3600));
        let visitor = Visitor { user: user.id, name, administrator: true, session: [0; 32] };
        let mut told = self.told(&config, &visitor);
        if let Some(told) = told.as_object_mut() {
            told.insert("token".into(), opened.token.into());
        }
        Ok(told)
    }

    async fn test_pop3(&self, wish: Pop3Test) -> Answer {
        let config = self.config.current();
        let mut collector =
            Collector { host: wish.host, port: wish.port, encryption: wish.encryption, ..Collector::default() };
        collector.login.user = wish.user;
        collector.login.password = wish.password;
        let means = Means { resolver: &self.resolver, config: &config };
        let (tried, waiting) = Pop3(&collector).test(&means).await;
        let mut told = told(tried);
        if let Some(told) = told.as_object_mut() {
            told.insert("waiting".into(), waiting.into());
        }
        Ok(told)
    }

    async fn test_smtp(&self, wish: SmtpTest) -> Answer {
        let address = |text: &str| {
            let address = Address::parse(text.trim()).ok().filter(|address| !address.domain().is_empty());
            address
                .map(|address| address.as_str().to_string())
                .ok_or_else(|| ApiError::Bad(format!("\"{text}\" is no e-mail address")))
        };
        let letter = Letter { from: address(&wish.from)?, to: address(&wish.to)? };
        let config = self.config.current();
        let host = RelayHost { host: wish.host, port: wish.port };
        let login = crate::config::Login { user: wish.user, password: wish.password };
        let sender = Sender { encryption: wish.encryption, login: Some(login), ..Sender::default() };
        let means = Means { resolver: &self.resolver, config: &config };
        Ok(told(Smtp { sender: &sender, host: &host, letter: &letter }.test(&means).await))
    }
}

fn told(tried: Tried) -> serde_json::Value {
    json!({ "ok": tried.trouble.is_none(), "trouble": tried.trouble.unwrap_or_default(), "said": tried.said })
}
