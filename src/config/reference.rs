//! `docs/reference/settings.md`, made from the schema.

use serde_json::Value;

use super::check::join;
use super::export::{on_a_line, range};
use super::schema::{allows, choices, fields, has_mark, is_secret, whole};

/// The reference page, Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\n\
        Made from the program's own definitions; do not edit. These are the names of `pillarbox config export` and \
        `config import` and of the `--config` file (TOML). A setting that is left out is at its default.\n",
    );
    for (name, schema) in fields(&whole()) {
        section(&mut page, name, schema, 2);
    }
    page
}

fn section(page: &mut String, path: &str, schema: &Value, level: usize) {
    let list = schema.get("items");
    let text = |word: &str| schema.get(word).and_then(Value::as_str).unwrap_or_default();
    let (marks, brackets) = ("#".repeat(level), if list.is_some() { ("[[", "]]") } else { ("[", "]") });
    page.push_str(&format!(
        "\n{marks} {}: `{}{path}{}`\n\n{}\n",
        text("title"),
        brackets.0,
        brackets.1,
        text("description")
    ));
    let shown = |schema: &Value| !has_mark(schema, "x-hidden");
    let all: Vec<_> = fields(list.unwrap_or(schema)).filter(|(_, schema)| shown(schema)).collect();
    page.push_str("\n| Setting | Type | Default | Meaning |\n|---|---|---|---|\n");
    for (name, schema) in all.iter().filter(|(_, schema)| !is_section(schema)) {
        let default = schema.get("default").and_then(|default| on_a_line(schema, default));
        let default = default.map(|default| format!("`{default}`")).unwrap_or_default();
        page.push_str(&format!("| `{name}` | {} | {} | {} |\n", kind(schema), default, meaning(schema)));
    }
    for (name, schema) in all.iter().filter(|(_, schema)| is_section(schema)) {
        section(page, &join(path, name), schema, level + 1);
    }
}

fn is_section(schema: &Value) -> bool {
    let inner = schema.get("items").unwrap_or(schema);
    inner.get("properties").is_some() && !has_mark(inner, "x-inline")
}

fn kind(schema: &Value) -> String {
    if is_secret(schema) {
        return "secret".into();
    }
    if let Some(items) = schema.get("items") {
        return format!("list: {}", kind(items));
    }
    match range(schema) {
        range if range.starts_with("One of") => "word".into(),
        range if !range.is_empty() => range,
        _ if allows(schema, "boolean") => "true or false".into(),
        _ if allows(schema, "string") => "text".into(),
        _ => "table".into(),
    }
}

/// The help, with that of each choice and of the fields of a small table.
fn meaning(schema: &Value) -> String {
    let described = |schema: &Value| schema.get("description").and_then(Value::as_str).unwrap_or_default().to_string();
    let mut parts = vec![described(schema)];
    for choice in choices(schema) {
        let word = choice.get("const").and_then(Value::as_str).map(|word| format!("\"{word}\""));
        let word = word.unwrap_or_else(|| fields(choice).map(|(name, inner)| example(name, inner)).collect());
        parts.push(format!("`{word}`: {}", described(choice)));
    }
    if let Some(items) = schema.get("items") {
        for (name, field) in fields(items) {
            let range = Some(range(field)).filter(|range| !range.is_empty()).map(|range| format!(" ({range})"));
            parts.push(format!("`{name}`{}: {}", range.unwrap_or_default(), described(field)));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("<br>").replace('|', "\\|")
}

fn example(name: &str, schema: &Value) -> String {
    let inner: Vec<String> = fields(schema).map(|(name, schema)| example(name, schema)).collect();
    match schema.get("items") {
        _ if !inner.is_empty() => format!("{{ {name} = {} }}", inner.join(", ")),
        Some(_) => format!("{{ {name} = [\"…\"] }}"),
        None => format!("{{ {name} = \"…\" }}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    #[test]
    fn the_committed_page_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/settings.md");
        if env::var_os("PILLARBOX_BLESS").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, markdown()).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == markdown(), "{} is out of date; PILLARBOX_BLESS=1 rewrites it", file.display());
    }
}
