//! `rules`: download rules and SMTP rules in the text form of the reference product (spec connectors-and-smtp §4.8, §8.5).

use serde_json::json;

use crate::config::rules::{from_classic, to_classic};
use crate::config::{Config, RuleList, SmtpRule, lower};
use crate::rules::Mistake;

use super::operation::{Body, Gives, Operation, PLAIN};
use super::{Answer, Api, ApiError};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "rules/{list}",
        summary: "Download rules and SMTP rules in the text form of the reference product",
        gives: Gives::Object("text:string"),
        run: |api, call| Box::pin(async move { api.export_rules(call.step(0)) }),
        ..PLAIN
    },
    Operation {
        method: "PUT",
        path: "rules/{list}",
        summary: "Puts rules in that form in place of those there are",
        body: Body::Text("text/plain"),
        gives: Gives::Object("stored:boolean restart:array"),
        run: |api, call| Box::pin(async move { api.import_rules(call.step(0), call.body).await }),
        ..PLAIN
    },
];

impl Api {
    /// Puts rules in place of those of a list: `download`, `smtp` (the first SMTP service), or `smtp:` with the name of a
    /// service.
    async fn import_rules(&self, list: &str, body: &[u8]) -> Answer {
        let text = std::str::from_utf8(body).map_err(|_| ApiError::Bad("the rules are not UTF-8".into()))?;
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        match list {
            "download" => config.download_rules = from_classic(text).map_err(told)?.into(),
            list => *smtp_rules(&mut config, list)? = from_classic(text).map_err(told)?.into(),
        }
        self.put_changed(config).await
    }

    fn export_rules(&self, list: &str) -> Answer {
        let mut config = Config::clone(&self.config.current());
        let text = match list {
            "download" => to_classic(config.download_rules.rules()),
            list => to_classic(smtp_rules(&mut config, list)?.rules()),
        };
        Ok(json!({ "text": text }))
    }
}

fn told(mistakes: Vec<Mistake>) -> ApiError {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    ApiError::Bad(lines.join("\n"))
}

fn smtp_rules<'a>(config: &'a mut Config, list: &str) -> Result<&'a mut RuleList<SmtpRule>, ApiError> {
    let name = match list.split_once(':') {
        None if list == "smtp" => Some(None),
        Some(("smtp", name)) => Some(Some(lower(name).into_owned())),
        _ => None,
    };
    let unknown = || ApiError::Unknown(format!("list of rules {list} (download, smtp, smtp:NAME)"));
    let name = name.ok_or_else(unknown)?;
    let is_it = |its: &str| name.as_deref().is_none_or(|name| name == lower(its));
    let service = config.smtp.iter_mut().find(|service| is_it(&service.name));
    service.map(|service| &mut service.rules).ok_or_else(unknown)
}
