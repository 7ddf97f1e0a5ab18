//! A settings file with stars in place of its secrets, all else as somebody wrote it: comments, order, spaces.
//!
//! Read again, the stars mean "as it was" (see `secrets`). What is commented out is not looked at.

use std::ops::Range;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::schema::{choices, fields, has_mark, is_secret, whole};
use super::secrets::STARS;
use crate::rules::LanTarget;

/// Deepest nesting that is looked into; settings need five.
const DEEPEST: usize = 32;

/// `None` when the text is no TOML.
pub fn without_secrets(text: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut found = Vec::new();
    in_table(&whole(), document.get_ref(), 0, &mut found);
    found.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut out = text.to_string();
    for (span, shown) in found {
        out.get(span.clone())?;
        out.replace_range(span, &toml::Value::String(shown).to_string());
    }
    Some(out)
}

type Found = Vec<(Range<usize>, String)>;

fn in_table(schema: &Value, table: &DeTable<'_>, depth: usize, found: &mut Found) {
    for (name, value) in table {
        let name = name.get_ref().as_ref();
        for (_, schema) in
            fields(schema).chain(choices(schema).iter().flat_map(fields)).filter(|(field, _)| *field == name)
        {
            in_value(schema, value.get_ref(), value.span(), depth + 1, found);
        }
    }
}

fn in_value(schema: &Value, value: &DeValue<'_>, span: Range<usize>, depth: usize, found: &mut Found) {
    if depth > DEEPEST {
        return;
    }
    match value {
        DeValue::String(text) if is_secret(schema) && !text.is_empty() => found.push((span, STARS.into())),
        DeValue::String(text) if has_mark(schema, "x-target") => {
            if let Ok(target) = LanTarget::parse(text)
                && target.covered() != text.as_ref()
            {
                found.push((span, target.covered()));
            }
        }
        DeValue::Table(table) => in_table(schema, table, depth, found),
        DeValue::Array(list) => {
            // A list of targets carries the mark itself.
            let items = if has_mark(schema, "x-target") { Some(schema) } else { schema.get("items") };
            for item in list.iter() {
                if let Some(items) = items {
                    in_value(items, item.get_ref(), item.span(), depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const FILE: &str = r#"# our box
[general]
host_name = "mail.office.example"   # stays

[[users]]
name = "anna"
password = "geheim-1"  # anna's
administrator = true

[[connections]]
name = "Provider"
sender = { hosts = [{ host = "smtp.provider.example", port = 587 }], login = { user = "office", password = 'geheim-2' } }

[[collectors]]
name = "Office"
host = "pop.provider.example"
login = { user = "office", password = """
geheim-3""" }
routing = { send-to = "SMTP:bob@a.example@u:geheim-4@192.0.2.1" }

[[mappings]]
address = "x@office.example"
target = "SMTP:bob@a.example@u:geheim-5@192.0.2.2"
"#;

    #[test]
    fn secrets_become_stars_and_all_else_stays() {
        let blanked = without_secrets(FILE).unwrap();
        assert!(!blanked.contains("geheim"), "{blanked}");
        assert!(blanked.contains("# our box\n") && blanked.contains("\"  # anna's\n"), "{blanked}");
        assert_eq!(blanked.lines().count(), FILE.lines().count() - 1, "the secret of two lines is one of one");
        assert_eq!(without_secrets(&blanked).as_deref(), Some(&*blanked), "once is enough");
    }

    #[test]
    fn read_again_it_changes_nothing() {
        let config = Config::fresh().from_toml(FILE).unwrap();
        let again = config.from_toml(&without_secrets(FILE).unwrap()).unwrap();
        assert!(again == config);
    }

    #[test]
    fn no_settings_file() {
        assert_eq!(without_secrets("[general"), None);
        assert_eq!(without_secrets("").as_deref(), Some(""));
        assert_eq!(without_secrets("password = \"x\"\n").as_deref(), Some("password = \"x\"\n"), "no setting");
    }
}
