//! `mappings`, `route`, `lan/rules`: where addresses lead.

use serde::Deserialize;
use serde_json::json;

use crate::config::{Config, Mapping, lower};
use crate::mail::Address;
use crate::route::{self, Origin};
use crate::rules::csv;

use super::operation::{Body, Gives, Operation, PLAIN, json as schema_of};
use super::{Answer, Api, ApiError, read};

const STORED: Gives = Gives::Object("stored:boolean restart:array");

pub const OPERATIONS: &[Operation] = &[
    Operation {
        path: "mappings",
        summary: "Further addresses and where they lead",
        gives: Gives::Object("mappings:array"),
        run: |api, _| Box::pin(async { Ok(api.mappings()) }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "mappings",
        summary: "A new mapping",
        body: Body::Json(schema_of::<NewMapping>),
        gives: STORED,
        run: |api, call| Box::pin(async move { api.add_mapping(read(call.body)?).await }),
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: "mappings",
        summary: "Removes mappings of an address",
        query: &[("address", "The address"), ("target", "Only the mapping that leads there")],
        gives: STORED,
        run: |api, call| Box::pin(async move { api.remove_mapping(call.query("address"), call.query("target")).await }),
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "mappings/import",
        summary: "Adds the mappings of a CSV file: address, target, type, comment",
        body: Body::Text("text/csv"),
        gives: Gives::Object("stored:boolean restart:array added:integer"),
        run: |api, call| Box::pin(async move { api.import_mappings(call.body).await }),
        ..PLAIN
    },
    Operation {
        path: "route",
        summary: "Where an address leads and why, by each way a mail may come",
        query: &[("address", "The address")],
        gives: Gives::Object("local:object smtp:object pop3:object"),
        run: |api, call| Box::pin(async move { api.route(call.query("address")) }),
        ..PLAIN
    },
    Operation {
        path: "lan/rules",
        summary: "The rules with which another server forwards to this one, TOML",
        query: &[("server", "How that server calls this one")],
        gives: Gives::Object("toml:string"),
        run: |api, call| Box::pin(async move { api.lan_rules(call.query("server")) }),
        ..PLAIN
    },
];

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMapping {
    address: String,
    target: String,
    #[serde(default, rename = "type")]
    mail_type: crate::config::MappingType,
    #[serde(default)]
    comment: String,
}

impl Api {
    fn mappings(&self) -> serde_json::Value {
        json!({ "mappings": self.config.current().to_json_covered().get("mappings") })
    }

    async fn add_mapping(&self, new: NewMapping) -> Answer {
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        let NewMapping { address, target, mail_type, comment } = new;
        config.mappings.push(Mapping { address, target, mail_type, comment });
        self.put_changed(config).await
    }

    /// All of `address`, or those of them that lead to `target`.
    async fn remove_mapping(&self, address: Option<&str>, target: Option<&str>) -> Answer {
        let address = address.ok_or_else(|| ApiError::Bad("which address?".into()))?;
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        let before = config.mappings.len();
        config.mappings.retain(|mapping| {
            let same_target = target.is_none_or(|target| same(&mapping.target, target));
            !(same(&mapping.address, address) && same_target)
        });
        if config.mappings.len() == before {
            return Err(ApiError::Unknown(format!("such mapping of {address}")));
        }
        self.put_changed(config).await
    }

    /// Adds the mappings of a CSV file (address, target, type, comment; a first line that names the columns may order them
    /// otherwise) to those there are; one that is there already is not added again.
    async fn import_mappings(&self, body: &[u8]) -> Answer {
        let text = std::str::from_utf8(body).map_err(|_| ApiError::Bad("the file is not UTF-8".into()))?;
        let new = read_mappings(text)?;
        let _alone = self.changing.lock().await;
        let mut config = Config::clone(&self.config.current());
        let mut added = 0;
        for mapping in new {
            let is_same = |old: &Mapping| {
                same(&old.address, &mapping.address)
                    && same(&old.target, &mapping.target)
                    && old.mail_type == mapping.mail_type
            };
            if !config.mappings.iter().any(is_same) {
                config.mappings.push(mapping);
                added += 1;
            }
        }
        let mut answer = self.put_changed(config).await?;
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("added".into(), added.into());
        }
        Ok(answer)
    }

    /// Where an address leads, for mail of the office, from outside, and collected.
    fn route(&self, address: Option<&str>) -> Answer {
        let text = address.ok_or_else(|| ApiError::Bad("which address?".into()))?;
        let address = Address::parse(text).map_err(|error| ApiError::Bad(format!("{text}: {error}")))?;
        let config = self.config.current();
        let explain = |origin| route::explain(&config, origin, &address);
        Ok(json!({
            "local": explain(Origin::Office),
            "smtp": explain(Origin::Outside),
            "pop3": explain(Origin::Collected),
        }))
    }

    /// The LAN forwarding rules with which another server forwards to this one.
    fn lan_rules(&self, server: Option<&str>) -> Answer {
        let config = self.config.current();
        Ok(json!({ "toml": config.lan_rules_for_others(server.unwrap_or(&config.general.host_name)) }))
    }
}

fn read_mappings(text: &str) -> Result<Vec<Mapping>, ApiError> {
    let rows = csv::rows(text).map_err(|mistake| ApiError::Bad(mistake.to_string()))?;
    let mut columns = vec!["address", "target", "type", "comment"];
    let named = |row: &csv::Row| -> Option<Vec<&'static str>> {
        let known = ["address", "target", "type", "comment"];
        let name = |value: &String| known.into_iter().find(|known| known.eq_ignore_ascii_case(value.trim()));
        row.values.iter().map(name).collect()
    };
    let mut mappings = Vec::new();
    for (position, row) in rows.iter().enumerate() {
        if position == 0
            && let Some(order) = named(row)
        {
            columns = order;
            continue;
        }
        if row.values.len() > columns.len() {
            return Err(ApiError::Bad(format!("line {}: has more than {} values", row.line, columns.len())));
        }
        let mut mapping = Mapping::default();
        for (column, value) in columns.iter().zip(&row.values) {
            match *column {
                "address" => mapping.address = value.clone(),
                "target" => mapping.target = value.clone(),
                "comment" => mapping.comment = value.clone(),
                _ if value.is_empty() => {}
                _ => {
                    let word = serde_json::Value::String(value.to_lowercase());
                    mapping.mail_type = serde_json::from_value(word).map_err(|_| {
                        ApiError::Bad(format!("line {}: \"{value}\" is none of all, smtp, local, pop3", row.line))
                    })?;
                }
            }
        }
        if mapping.address.is_empty() || mapping.target.is_empty() {
            return Err(ApiError::Bad(format!("line {}: an address and a target are needed", row.line)));
        }
        mappings.push(mapping);
    }
    Ok(mappings)
}

fn same(a: &str, b: &str) -> bool {
    lower(a.trim()) == lower(b.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MappingType;

    #[test]
    fn mappings_come_as_a_table() {
        let found =
            read_mappings("Target,Address,Type\nbob,sales,\n\"SMTP:a@b.example@c\",~@x.example,POP3\n").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].address.as_str(), found[0].target.as_str()), ("sales", "bob"));
        assert_eq!((found[1].target.as_str(), found[1].mail_type), ("SMTP:a@b.example@c", MappingType::Pop3));
        assert_eq!(read_mappings("sales,bob\n").unwrap().len(), 1);
        for (text, words) in [
            ("sales\n", "line 1: an address and a target are needed"),
            ("a,b\nc,d,fax\n", "line 2: \"fax\" is none of"),
            ("a,b,all,x,y\n", "line 1: has more than 4 values"),
            ("a,\"b", "line 1, column 3: the quote"),
        ] {
            let error = read_mappings(text).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
