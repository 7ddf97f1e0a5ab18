//! `docs/reference/hooks.md`, made from the declarations.

use std::fmt::Write;

use super::declare::{Access, Declaration, Flag, Function, Kind, Part, Record};
use super::scripts::ALL;

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for declaration in ALL {
        script(&mut page, declaration);
    }
    page
}

const HEAD: &str = "# Hooks

Generated from the declarations; do not edit. How to write one: [write-a-hook](../howto/write-a-hook.md).

A hook is a function with a fixed name in a Lua script with a fixed name. Where there is no such script or function,
things go their usual way, and so they do where a hook fails, takes too long or returns nothing. Names of scripts are
compared without regard to case, names of functions and variables with regard to it. Arguments go by position.

Times are `YYYYMMDDHHMMSS` in the office's time zone. Where a boolean is read back, nothing, `false`, `0` and an empty
string are false, and anything else is true. Fields that are missing in a returned table stay as they were.

*Ours*: the reference product does not publish this, and the form is our own. *Later*: known by name; called when the
feature that it belongs to exists.
";

fn script(page: &mut String, declaration: &Declaration) {
    let Declaration { name, meaning, lifetime, functions, globals, per_user } = declaration;
    let _ = write!(page, "\n## {name}\n\n{meaning} Variables of the script live for {lifetime}.\n");
    if *per_user {
        let _ = writeln!(page, "A user may have one of his own, `USER/{name}`, which takes the place of this one.");
    }
    let mut records = Vec::new();
    for (access, record) in *globals {
        let how = match access {
            Access::Read => "global variables, set for the script",
            Access::ReadWrite => "global variables, which it may change",
        };
        let _ = write!(page, "\n{}: {how}.\n\n", record.meaning.trim().trim_end_matches('.'));
        parts(page, record.fields, &mut records);
    }
    for function in *functions {
        describe(page, function, &mut records);
    }
    let mut done = 0;
    while let Some(record) = records.get(done).copied() {
        done += 1;
        let _ = write!(page, "\n### Table {}\n\n{}\n\n", record.name, record.meaning.trim());
        parts(page, record.fields, &mut records);
    }
}

fn describe(page: &mut String, function: &Function, records: &mut Vec<&'static Record>) {
    let arguments: Vec<&str> = function.arguments.iter().map(|part| part.name).collect();
    let returns: Vec<&str> = function.returns.iter().map(|part| part.name).collect();
    let _ = write!(page, "\n### {}({})", function.name, arguments.join(", "));
    if !returns.is_empty() {
        let _ = write!(page, " → {}", returns.join(", "));
    }
    let _ = write!(page, "\n\n{}", function.meaning.trim());
    if !function.since.is_empty() {
        let _ = write!(page, " Since {}.", function.since);
    }
    for (flag, word) in [(Flag::Ours, " *Ours.*"), (Flag::Later, " *Later.*")] {
        page.push_str(if function.is(flag) { word } else { "" });
    }
    page.push('\n');
    if !arguments.is_empty() {
        page.push('\n');
        parts(page, function.arguments, records);
    }
    if !returns.is_empty() {
        page.push_str("\nReturns:\n\n");
        parts(page, function.returns, records);
    }
}

fn parts(page: &mut String, parts: &[Part], records: &mut Vec<&'static Record>) {
    for part in parts {
        let _ = writeln!(page, "* `{}` ({}): {}", part.name, kind(part.kind, records), part.meaning.trim());
    }
}

/// In words; tables that are met for the first time are remembered.
fn kind(of: Kind, records: &mut Vec<&'static Record>) -> String {
    match of {
        Kind::Boolean => "boolean".into(),
        Kind::Number => "number".into(),
        Kind::Text => "string".into(),
        Kind::NumberOrText => "number or string".into(),
        Kind::Any => "number, string or table".into(),
        Kind::List(of) => format!("list of {}", kind(*of, records)),
        Kind::Named(of) => format!("table from names to {}", kind(*of, records)),
        Kind::Record(record) => {
            if !records.iter().any(|known| known.name == record.name) {
                records.push(record);
            }
            format!("table {}", record.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_up_to_date() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/hooks.md");
        if std::env::var_os("PILLARBOX_BLESS").is_some() {
            std::fs::write(&file, page()).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(written == page(), "run PILLARBOX_BLESS=1 cargo nextest run reference");
    }
}
