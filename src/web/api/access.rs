//! `access` and `blocks`: who may use a service, and who is kept out (spec connectors-and-smtp §8.3, §8.10).

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::access::for_the_lan;
use crate::config::{ANY, AccessList, AccessRule, Config, Network, Restrict, SmtpService, lower};
use crate::rules::access::{self, Row};

use super::operation::{Body, Gives, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, read, value};

const STORED: Gives = Gives::Object("stored:boolean restart:array");

pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: "PUT",
        path: "access/{service}",
        summary: "Access restrictions in the text form of the reference product",
        body: Body::Text("text/plain"),
        gives: STORED,
        run: |api, call| Box::pin(async move { api.import_access(call.step(0), call.body).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "access/{service}/lan",
        summary: "Opens a service to the office and to nobody else",
        gives: STORED,
        run: |api, call| Box::pin(async move { api.access_for_the_lan(call.step(0)).await }),
        ..PLAIN
    },
    Operation {
        path: "blocks",
        summary: "Who is kept out",
        gives: Gives::Object("blocks:array"),
        run: |api, _| Box::pin(async { api.blocks() }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "blocks",
        summary: "Keeps an address or network out for so many minutes",
        body: Body::Json(schema_of::<NewBlock>),
        gives: Gives::Object("blocked:string until:integer"),
        run: |api, call| Box::pin(async move { api.add_block(read(call.body)?).await }),
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: "blocks/{network}",
        summary: "Lets it in again",
        gives: Gives::Object("unblocked:string"),
        run: |api, call| Box::pin(async move { api.remove_block(call.step(0)).await }),
        ..PLAIN
    },
    Operation {
        path: "events",
        summary: "What clients did wrong lately",
        gives: Gives::Object("log:array"),
        run: |api, _| Box::pin(async { api.events() }),
        ..PLAIN
    },
];

/// The longest block, minutes.
const LONGEST: u32 = 999_999_999;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBlock {
    network: String,
    minutes: u32,
}

#[derive(Serialize)]
struct EventRow {
    /// Unix milliseconds.
    time: i64,
    address: String,
    event: u8,
    name: &'static str,
    data: String,
}

impl Api {
    /// Puts a list in the form of the reference product in place of a service's own. `service`: `global`, `web`, `smtp`,
    /// `pop3`, or `smtp:` and `pop3:` with the name of a service.
    async fn import_access(&self, service: &str, body: &[u8]) -> Answer {
        let text = std::str::from_utf8(body).map_err(|_| ApiError::Bad("the list is not UTF-8".into()))?;
        let read = access::parse(text).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            ApiError::Bad(lines.join("\n"))
        })?;
        let rows = |smtp| read.rows.into_iter().map(|row| rule(row, smtp)).collect::<Vec<_>>().into();
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        put(&mut config, service, rows, read.use_global)?;
        self.put_changed(config).await
    }

    /// Opens a service to the office and to nobody else.
    async fn access_for_the_lan(&self, service: &str) -> Answer {
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        put(&mut config, service, |_| for_the_lan(), None)?;
        self.put_changed(config).await
    }

    fn blocks(&self) -> Answer {
        let blocks = self.watch.blocks();
        let row = |block: &crate::store::Block| json!({ "network": block.network, "since": block.since, "until": block.until, "reason": block.reason });
        Ok(json!({ "blocks": blocks.iter().map(row).collect::<Vec<_>>() }))
    }

    async fn add_block(&self, new: NewBlock) -> Answer {
        if !(1..=LONGEST).contains(&new.minutes) {
            return Err(ApiError::Bad(format!("{} is not within 1 to {LONGEST} minutes", new.minutes)));
        }
        let block = self.watch.block(network(&new.network)?, new.minutes).await?;
        Ok(json!({ "blocked": block.network, "until": block.until }))
    }

    async fn remove_block(&self, name: &str) -> Answer {
        match self.watch.unblock(network(name)?).await? {
            true => Ok(json!({ "unblocked": name })),
            false => Err(ApiError::Unknown(format!("block of {name}"))),
        }
    }

    /// What clients did lately, newest first.
    fn events(&self) -> Answer {
        let rows = self.watch.recent().into_iter().map(|noted| EventRow {
            time: noted.at,
            address: noted.client.to_string(),
            event: noted.event.number(),
            name: noted.event.text(),
            data: noted.data,
        });
        Ok(json!({ "log": value(rows.collect::<Vec<_>>())? }))
    }
}

fn network(text: &str) -> Result<Network, ApiError> {
    let network = Network::parse(text).map_err(|_| ApiError::Bad(format!("{text} is no address or network")))?;
    if network.is_everything() {
        return Err(ApiError::Bad("that would keep everybody out".into()));
    }
    Ok(network)
}

/// `rows` is told whether they are for SMTP.
fn put(
    config: &mut Config,
    service: &str,
    rows: impl FnOnce(bool) -> AccessList,
    use_global: Option<bool>,
) -> Result<(), ApiError> {
    let (kind, name) = service.split_once(':').map_or((service, None), |(kind, name)| (kind, Some(name)));
    let unknown = || ApiError::Unknown(format!("service {service} (global, web, smtp, pop3, smtp:NAME, pop3:NAME)"));
    let is_it = |its: &str| name.is_none_or(|name| lower(name) == lower(its));
    let (list, global): (&mut AccessList, Option<&mut bool>) = match (kind, name) {
        ("global", None) => (&mut config.security.global_access, None),
        ("web", None) => (&mut config.web.access, Some(&mut config.web.use_global_access)),
        ("smtp", _) => {
            let found = config.smtp.iter_mut().find(|service| is_it(&service.name)).ok_or_else(unknown)?;
            let SmtpService { access, use_global_access, .. } = found;
            (access, Some(use_global_access))
        }
        ("pop3", _) => {
            let found = config.pop3.iter_mut().find(|service| is_it(&service.name)).ok_or_else(unknown)?;
            (&mut found.access, Some(&mut found.use_global_access))
        }
        _ => return Err(unknown()),
    };
    *list = rows(kind == "smtp");
    if let (Some(global), Some(wanted)) = (global, use_global) {
        *global = wanted;
    }
    Ok(())
}

/// The old text form does not speak of logins, since its services had none: the networks it allows sent out freely.
fn rule(row: Row, smtp: bool) -> AccessRule {
    let freely = smtp && row.allow && row.users.is_empty() && row.network != ANY;
    AccessRule {
        restrict: if row.allow { Restrict::Allow } else { Restrict::Block },
        no_auth: row.allow && row.no_auth.unwrap_or(freely),
        network: row.network,
        users: row.users,
        comment: row.comment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(service: &str, text: &str) -> Result<Config, ApiError> {
        let mut config = Config::fresh();
        let read = access::parse(text).unwrap();
        let rows = |smtp| read.rows.into_iter().map(|row| rule(row, smtp)).collect::<Vec<_>>().into();
        put(&mut config, service, rows, read.use_global)?;
        Ok(config)
    }

    #[test]
    fn lists_come_to_their_service() {
        let old = "!192.168.0.1\n192.168.0.0 255.255.0.0\n0.0.0.0 0.0.0.0 fred\n";
        let config = imported("smtp", old).unwrap();
        let fred = AccessRule { users: vec!["fred".into()], ..AccessRule::allow(ANY) };
        let expected = [AccessRule::block("192.168.0.1"), AccessRule::trust("192.168.0.0/16"), fred];
        assert_eq!(config.smtp[0].access.rules(), expected);
        let config = imported("smtp:smtp submission", "1\n1|0||1|0||\n").unwrap();
        assert_eq!(config.smtp[1].access.rules(), [AccessRule::allow("local-networks")]);
        assert!(config.smtp[1].use_global_access && !config.smtp[0].use_global_access);
        assert_eq!(
            imported("pop3", "10.0.0.0 255.0.0.0").unwrap().pop3[0].access.rules(),
            [AccessRule::allow("10.0.0.0/8")]
        );
        assert_eq!(imported("global", "10.0.0.1").unwrap().security.global_access.rules().len(), 1);
        assert_eq!(imported("web", "10.0.0.1").unwrap().web.access.rules().len(), 1);
        for wrong in ["imap", "smtp:none", "web:x", ""] {
            assert!(matches!(imported(wrong, "10.0.0.1"), Err(ApiError::Unknown(_))), "{wrong}");
        }
    }
}
