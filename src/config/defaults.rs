//! Restore Defaults (spec users-lists-admin §9.5): one page's settings as they are on a new box.
//!
//! What is this office's alone stays: names, domains, sockets, rules, passwords (`x-keep` and secrets). Pages that hold
//! nothing else, such as users and mappings, have no defaults to go back to.

use serde_json::{Value, json};

use super::directory::lower;
use super::schema::{fields, has_mark, is_secret, pages, whole};
use super::{Config, Invalid};

/// Why a page does not go back to its defaults.
#[derive(Debug, thiserror::Error)]
pub enum NoDefaults {
    #[error("\"{0}\" is no page of settings; there are {1}")]
    Unknown(String, String),
    #[error("\"{0}\" holds what people have entered, which has no defaults; it stays as it is")]
    Entered(String),
    #[error("{0:?}")]
    Wrong(Vec<Invalid>),
}

/// Lists of what people have entered.
const ENTERED: [&str; 6] = ["connections", "collectors", "download_rules", "users", "mappings", "domain_mappings"];

impl Config {
    /// This configuration with one page at its defaults, ready to be put in force. Hashes no password.
    pub fn with_defaults(&self, page: &str) -> Result<Config, NoDefaults> {
        let names = pages();
        if !names.iter().any(|name| name == page) {
            let known: Vec<String> = names.into_iter().filter(|name| !ENTERED.contains(&name.as_str())).collect();
            return Err(NoDefaults::Unknown(page.into(), known.join(", ")));
        }
        if ENTERED.contains(&page) {
            return Err(NoDefaults::Entered(page.into()));
        }
        let part = |value: Value| value.get(page).cloned().unwrap_or_default();
        let schema = part(whole().get("properties").cloned().unwrap_or_default());
        let (now, fresh) = (part(self.to_settings()), part(Config::fresh().to_settings()));
        let restored = match (&now, schema.get("items")) {
            (Value::Array(entries), Some(items)) => {
                let restored = entries.iter().map(|entry| restored(items, entry, &default_of(items, entry, &fresh)));
                restored.collect()
            }
            _ => restored(&schema, &now, &fresh),
        };
        self.with(json!({ page: restored })).map_err(NoDefaults::Wrong)
    }
}

/// A service goes back to what a new box has under its name, another one to what a new service is.
fn default_of(items: &Value, entry: &Value, fresh: &Value) -> Value {
    let name = |entry: &Value| entry.get("name").and_then(Value::as_str).map(|name| lower(name).into_owned());
    let known = fresh.as_array().into_iter().flatten().find(|known| name(known) == name(entry));
    let field = |(name, schema): (&String, &Value)| Some((name.clone(), schema.get("default")?.clone()));
    known.cloned().unwrap_or_else(|| Value::Object(fields(items).filter_map(field).collect()))
}

fn restored(schema: &Value, now: &Value, fresh: &Value) -> Value {
    let (Value::Object(_), Value::Object(object)) = (now, fresh) else { return fresh.clone() };
    let mut object = object.clone();
    for (name, schema) in fields(schema) {
        let Some(value) = now.get(name) else { continue };
        if has_mark(schema, "x-keep") || is_secret(schema) {
            object.insert(name.clone(), value.clone());
        } else if let Some(inner) = object.get(name).map(|fresh| restored(schema, value, fresh)) {
            object.insert(name.clone(), inner);
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Authentication, SmtpRule, User};

    fn office() -> Config {
        let mut config = Config::fresh();
        config.general.host_name = "mail.office.example".into();
        config.general.local_domains = vec!["office.example".into()];
        config.general.max_hops = 30;
        config.general.fastest_pop3_download = true;
        config.users = vec![User { name: "ann".into(), ..User::default() }];
        config.smtp[1].listen = vec!["192.0.2.1:587".into()];
        config.smtp[1].timeout = 20;
        config.smtp[1].authentication = Authentication::Optional;
        config.smtp[2].name = "Scanner".into();
        config.smtp[2].max_recipients = 200;
        config.smtp[2].rules = vec![SmtpRule { name: "no films".into(), ..SmtpRule::default() }].into();
        config.schedule.paused = true;
        config.prepare(None).unwrap()
    }

    fn changed(page: &str) -> Vec<String> {
        let before = office();
        let after = before.with_defaults(page).unwrap();
        after.differences(&before).into_iter().map(|one| one.setting).collect()
    }

    #[test]
    fn a_page_goes_back_and_the_office_stays() {
        let mut general = changed("general");
        general.sort();
        assert_eq!(general, ["general.fastest_pop3_download", "general.max_hops"]);
        assert_eq!(changed("schedule"), ["schedule.paused"]);
        assert_eq!(changed("security"), [""; 0]);
        let mut smtp = changed("smtp");
        smtp.sort();
        assert_eq!(
            smtp,
            [
                "smtp[1].authentication",
                "smtp[1].timeout",
                "smtp[2].access",
                "smtp[2].authentication",
                "smtp[2].max_recipients"
            ]
        );
    }

    /// Also of pages that are still to come.
    #[test]
    fn every_page_goes_back_or_says_why_not() {
        for page in pages() {
            let restored = office().with_defaults(&page);
            match restored {
                Ok(restored) => assert_eq!(restored.users, office().users, "{page}"),
                Err(error) => assert!(matches!(error, NoDefaults::Entered(_)), "{page}: {error}"),
            }
        }
        let error = office().with_defaults("genral").unwrap_err().to_string();
        assert!(error.starts_with("\"genral\" is no page of settings; there are general, admin, smtp,"), "{error}");
    }
}
