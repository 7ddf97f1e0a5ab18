//! `rules`: download rules and SMTP rules in the text form of the reference product.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::config::read_file;
use crate::web::encoded;

use super::arguments::{Arguments, Usage};
use super::commands::{shown, stored};

pub(super) fn rules(given: &Arguments, words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["import", list, file] => {
            let path = Path::new(file);
            let text = read_file(path).with_context(|| path.display().to_string())?;
            let imported = stored(given, "PUT", &format!("rules/{}", encoded(list)), text.as_bytes());
            imported.with_context(|| path.display().to_string())
        }
        ["export", list] => shown(given, "GET", &format!("rules/{}", encoded(list)), |answer| {
            answer.get("text").and_then(Value::as_str).unwrap_or_default().into()
        }),
        _ => Err(Usage("rules import LIST FILE and rules export LIST are what there is".into()).into()),
    }
}
